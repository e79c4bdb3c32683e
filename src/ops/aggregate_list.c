/* Aggregates that keep many values in side tables. */
#include "ops/aggregates.h"

const struct ops_aggregate_kind *ops_aggregate_list(struct ops_aggregate *aggregate)
{
    (void)aggregate;
    return NULL;
}
