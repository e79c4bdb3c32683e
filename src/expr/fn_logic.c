/* NOT, IS [NOT] NULL, IS [NOT] TRUE / FALSE / UNKNOWN. AND and OR are forms of the evaluator. */
#include "expr/kernel.h"

static enum weir_error_code negate(WEIR_KERNEL_PARAMETERS)
{
    const uint8_t *from = arguments[0]->data;
    uint8_t *restrict to = out->data;
    WEIR_FOR_ROWS(i, rows, count)
    {
        to[i] = from[i] ^ 1;
    }
    return WEIR_OK;
}

bool weir_infer_not(WEIR_INFER_PARAMETERS)
{
    if (given[0]->id != WEIR_TYPE_BOOLEAN && given[0]->id != WEIR_TYPE_NULL) return false;
    ret->argument_types[0] = weir_type_nullable(arena, weir_type_of(WEIR_TYPE_BOOLEAN), given[0]->nullable);
    ret->type = weir_type_of(WEIR_TYPE_BOOLEAN);
    ret->kernel = negate;
    return true;
}

#define NULL_TEST_KERNEL(name, EXPRESSION)                   \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS) \
    {                                                        \
        uint8_t *to = out->data;                             \
        const struct weir_vector *v = arguments[0];          \
        WEIR_FOR_ROWS(i, rows, count)                        \
        {                                                    \
            bool is_null = weir_argument_is_null(v, i);      \
            to[i] = (EXPRESSION);                            \
        }                                                    \
        return WEIR_OK;                                      \
    }
NULL_TEST_KERNEL(is_null_kernel, is_null)
NULL_TEST_KERNEL(is_not_null_kernel, !is_null)

#define TRUTH(v, i) WEIR_ARGUMENT(uint8_t, v, i)
NULL_TEST_KERNEL(is_true_kernel, !is_null && TRUTH(v, i))
NULL_TEST_KERNEL(is_not_true_kernel, is_null || !TRUTH(v, i))
NULL_TEST_KERNEL(is_false_kernel, !is_null && !TRUTH(v, i))
NULL_TEST_KERNEL(is_not_false_kernel, is_null || TRUTH(v, i))

bool weir_infer_is_null(WEIR_INFER_PARAMETERS)
{
    ret->type = &weir_type_boolean_not_null;
    ret->kernel = strcmp(function->name, "IS NULL") == 0 ? is_null_kernel : is_not_null_kernel;
    return true;
}

bool weir_infer_truth(WEIR_INFER_PARAMETERS)
{
    static const struct {
        const char *name;
        weir_kernel kernel;
    } tests[] = { { "IS TRUE", is_true_kernel }, { "IS NOT TRUE", is_not_true_kernel },
        { "IS FALSE", is_false_kernel }, { "IS NOT FALSE", is_not_false_kernel },
        { "IS UNKNOWN", is_null_kernel }, { "IS NOT UNKNOWN", is_not_null_kernel } };
    if (given[0]->id != WEIR_TYPE_BOOLEAN && given[0]->id != WEIR_TYPE_NULL) return false;
    ret->argument_types[0] = weir_type_nullable(arena, weir_type_of(WEIR_TYPE_BOOLEAN), given[0]->nullable);
    ret->type = &weir_type_boolean_not_null;
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(tests); i++) {
        if (strcmp(tests[i].name, function->name) == 0) ret->kernel = tests[i].kernel;
    }
    return true;
}
