/* Cases of the one-input operators. */
#ifndef WEIR_TEST_OPS_CONFORMANCE_CASES_H
#define WEIR_TEST_OPS_CONFORMANCE_CASES_H

#include "conformance.h"

static struct weir_spec *empty_spec(const struct conformance_case *c)
{
    (void)c;
    return weir_spec_map(&case_arena);
}

static const struct conformance_case one_input_cases[] = {
    { .operator_name = "drop_update_before",
        .what = "changes",
        .input_types = { "sll" },
        .output_types = "sll",
        .spec = empty_spec,
        .data = { DATA_MULTISET },
        .by_kind = true,
        .ordered = true },
};

#endif
