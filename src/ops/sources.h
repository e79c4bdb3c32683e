/* Sources that are operators of ours, not connectors: inline rows. */
#ifndef WEIR_OPS_SOURCES_H
#define WEIR_OPS_SOURCES_H

#include "spi/operator.h"

/* "values"; NULL: none of that name. */
const struct weir_source_ops *weir_operator_source_find(const char *name);

#endif
