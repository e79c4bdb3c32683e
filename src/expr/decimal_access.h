/* Reading and writing DECIMAL and TIMESTAMP values of either width. */
#ifndef WEIR_EXPR_DECIMAL_ACCESS_H
#define WEIR_EXPR_DECIMAL_ACCESS_H

#include "data/decimal.h"
#include "data/vector.h"

/* Row at of flat data: DECIMAL unscaled, or a TIMESTAMP in its own unit. */
static inline weir_int128 weir_wide_load(const struct weir_vector *flat, uint32_t at)
{
    bool wide = weir_type_is_wide_decimal(flat->type) || weir_type_is_wide_timestamp(flat->type);
    return wide ? ((const weir_int128 *)flat->data)[at] : ((const int64_t *)flat->data)[at];
}

static inline void weir_wide_store(struct weir_vector *flat, uint32_t at, weir_int128 value)
{
    bool wide = weir_type_is_wide_decimal(flat->type) || weir_type_is_wide_timestamp(flat->type);
    if (wide) {
        ((weir_int128 *)flat->data)[at] = value;
    } else {
        ((int64_t *)flat->data)[at] = (int64_t)value;
    }
}

#endif
