/* The sink of a SELECT: hands batches to the reader of the local job. */
#ifndef WEIR_HOST_COLLECT_H
#define WEIR_HOST_COLLECT_H

#include "spi/operator.h"

extern const struct weir_operator_ops weir_collect_ops;

#endif
