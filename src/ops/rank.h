/* What limit.c needs of rank.c. */
#ifndef WEIR_OPS_RANK_H
#define WEIR_OPS_RANK_H

#include "spi/operator.h"

/* A Top-N over one partition in the order of arrival, rows beyond the end remembered; with operator functions
 * of its own. */
enum weir_error_code ops_rank_create_limited(struct weir_operator_context *ctx, struct weir_operator **ret);

#endif
