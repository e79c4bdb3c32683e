#include "ops/ops.h"
#include <string.h>

#define X(name) extern const struct weir_operator_ops weir_##name##_operator_ops;
#include "ops/ops.def"
#undef X

const struct weir_operator_ops *const weir_operator_table[] = {
#define X(name) &weir_##name##_operator_ops,
#include "ops/ops.def"
#undef X
    NULL
};

const struct weir_operator_ops *weir_operator_ops_find(const char *name)
{
    for (uint32_t i = 0; weir_operator_table[i]; i++) {
        if (strcmp(weir_operator_table[i]->name, name) == 0) return weir_operator_table[i];
    }
    return NULL;
}
