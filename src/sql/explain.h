/* Between explain.c and explain_rel.c. */
#ifndef WEIR_SQL_EXPLAIN_H
#define WEIR_SQL_EXPLAIN_H

#include "sql/planning.h"

/* "LogicalProject(a=[$0], b=[+($1, 1)])" */
void weir_rel_describe(struct weir_planning *planning, const struct weir_rel *rel, struct weir_buffer *to);

#endif
