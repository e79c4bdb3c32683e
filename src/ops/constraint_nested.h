/* Constraints inside of nested values: table.exec.sink.nested-constraint-enforcer. Between the files of this
 * folder. */
#ifndef WEIR_OPS_CONSTRAINT_NESTED_H
#define WEIR_OPS_CONSTRAINT_NESTED_H

#include "ops/common.h"

enum ops_violation { OPS_VIOLATION_NONE, OPS_VIOLATION_NULL, OPS_VIOLATION_LENGTH };
enum { OPS_VIOLATION_PATH_BYTES_MAX = 1024 };

struct ops_nested_rules {
    bool collections; /* look into ARRAY, MAP and MULTISET, too */
    bool lengths;     /* a wrong length is a violation */
    uint32_t column_count;
    const char **names;
    const struct weir_type **types; /* as the sink's table declares them */
};

struct ops_nested_violation {
    enum ops_violation kind;
    char path[OPS_VIOLATION_PATH_BYTES_MAX]; /* "a.ab[0]" */
    const struct weir_type *type;            /* the declared type there */
    uint32_t length;                         /* OPS_VIOLATION_LENGTH: what came */
};

/* NULL when the spec asks for none. In the operator's arena. */
struct ops_nested_rules *ops_nested_rules_read(struct weir_operator_context *ctx);
/* The first violation in a row, below its top-level columns. */
bool ops_nested_find(const struct ops_nested_rules *rules, const struct weir_batch *in, uint32_t row,
    struct ops_nested_violation *ret);

#endif
