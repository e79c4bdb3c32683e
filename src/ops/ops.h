/* The table of operators: what a plan's operator_name means. */
#ifndef WEIR_OPS_OPS_H
#define WEIR_OPS_OPS_H

#include "spi/operator.h"

/* NULL: no such operator. */
const struct weir_operator_ops *weir_operator_ops_find(const char *name);
/* All of them, ended by NULL. */
extern const struct weir_operator_ops *const weir_operator_table[];

#endif
