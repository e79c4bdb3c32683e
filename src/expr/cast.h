/* Casting value by value: a plan is a tree of converters made once per CAST; fn_cast.c runs it over vectors.
 */
#ifndef WEIR_EXPR_CAST_H
#define WEIR_EXPR_CAST_H

#include "expr/build.h"
#include "expr/kernel.h"

enum weir_cast_result { WEIR_CAST_DONE, WEIR_CAST_NULL, WEIR_CAST_FAILED };

struct weir_cast;
/* Converts a value that is not NULL. from and to are flat; lists go behind to's child_rows. */
typedef enum weir_cast_result (*weir_cast_value)(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row);

struct weir_cast {
    const struct weir_type *from, *to;
    weir_cast_value value;
    struct weir_cast *children; /* nested types */
    struct weir_call *call;     /* arenas, heap, environment */
    bool is_try;                /* TRY_CAST: what cannot be converted is NULL */
};

/* The converter for a pair that weir_cast_is_allowed() admits. */
weir_cast_value weir_cast_choose(const struct weir_type *from, const struct weir_type *to);
weir_cast_value weir_cast_choose_to_string(const struct weir_type *from, const struct weir_type *to);
weir_cast_value weir_cast_choose_from_string(const struct weir_type *to);
weir_cast_value weir_cast_choose_temporal(const struct weir_type *from, const struct weir_type *to);
weir_cast_value weir_cast_choose_nested(const struct weir_type *from, const struct weir_type *to);
void weir_cast_prepare(
    struct weir_cast *cast, const struct weir_type *from, const struct weir_type *to, struct weir_call *call);
/* Any child of a nested value. */
enum weir_cast_result weir_cast_child(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row);
/* Stores text as CHAR(n) (padded, cut) or VARCHAR(n) (cut); data is copied. */
void weir_cast_store_text(
    const struct weir_cast *cast, struct weir_vector *to, uint32_t row, const char *data, size_t length);
/* Casts one row of the call's only argument the general way; CAST fails, TRY_CAST makes the row NULL. */
enum weir_error_code weir_cast_row(
    struct weir_call *call, const struct weir_vector *v, struct weir_vector *out, uint32_t row);
/* A loop between integers and strings; NULL: there is none for these types. */
weir_kernel weir_cast_text_kernel(const struct weir_type *from, const struct weir_type *to);
/* A loop among dates and timestamps; NULL: there is none for these types. */
weir_kernel weir_cast_time_kernel(const struct weir_type *from, const struct weir_type *to);
/* Milliseconds of the day, cut to precision digits of the second. */
int32_t weir_time_cut(int32_t ms, uint32_t precision);

#endif
