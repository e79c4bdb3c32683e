/* Between graph.c and graph_spec.c. */
#ifndef WEIR_SQL_GRAPH_H
#define WEIR_SQL_GRAPH_H

#include "sql/physical.h"

enum weir_error_code weir_physical_to_spec(
    struct weir_planning *planning, const struct weir_physical *node, struct weir_spec **ret);

#endif
