/* COUNT, SUM, AVG, MIN and MAX of numbers without retraction, STDDEV and VARIANCE: accumulators of fixed
 * size. */
#include "data/decimal.h"
#include "ops/aggregates.h"
#include <math.h>

struct count_state {
    int64_t count;
};
struct sum_state {
    int64_t count; /* of values that are not NULL */
    union {
        int64_t integer;
        double number;
    };
};
struct wide_state {
    int64_t count;
    uint64_t sum[2]; /* weir_int128, 8-byte aligned */
};
struct moments_state {
    int64_t count;
    union {
        int64_t integer[2]; /* sum, sum of squares: integers */
        double number[2];   /* mean, sum of squared distances to it (Welford): no cancellation */
    };
};

static weir_int128 wide_get(const uint64_t *words)
{
    weir_int128 value;
    memcpy(&value, words, sizeof value);
    return value;
}
static void wide_set(uint64_t *words, weir_int128 value)
{
    memcpy(words, &value, sizeof value);
}

static inline bool is_valid(const struct weir_vector *flat, uint32_t at)
{
    return !flat->validity || weir_bit_get(flat->validity, at);
}

/* Runs body for every entry whose argument is not NULL, with `value` of the physical type, `state` and
 * `sign`. */
#define EACH_VALUE(type, state_type, body)                                                \
    do {                                                                                  \
        const struct weir_vector *v_ = &in->batch->columns[aggregate->call.arguments[0]]; \
        if (v_->encoding == WEIR_ENCODING_FLAT && !v_->validity && !in->retract) {        \
            const type *data_ = v_->data;                                                 \
            for (uint32_t i_ = 0; i_ < in->count; i_++) {                                 \
                const int64_t sign = 1;                                                   \
                type value = data_[in->at[i_]];                                           \
                state_type *state = (state_type *)(in->rows[i_] + aggregate->offset);     \
                (void)sign;                                                               \
                body                                                                      \
            }                                                                             \
        } else {                                                                          \
            for (uint32_t i_ = 0; i_ < in->count; i_++) {                                 \
                const struct weir_vector *flat_;                                          \
                uint32_t at_ = weir_vector_locate(v_, in->at[i_], &flat_);                \
                if (!is_valid(flat_, at_)) continue;                                      \
                const int64_t sign = in->retract && in->retract[i_] ? -1 : 1;             \
                type value = ((const type *)flat_->data)[at_];                            \
                state_type *state = (state_type *)(in->rows[i_] + aggregate->offset);     \
                (void)sign;                                                               \
                body                                                                      \
            }                                                                             \
        }                                                                                 \
    } while (0)

static inline void store_integer(struct weir_vector *to, uint32_t width, uint32_t at, int64_t value)
{
    if (weir_type_is_approximate(to->type)) {
        if (to->type->id == WEIR_TYPE_FLOAT)
            ((float *)to->data)[at] = (float)value;
        else
            ((double *)to->data)[at] = (double)value;
        return;
    }
    switch (width) {
    case 1: ((int8_t *)to->data)[at] = (int8_t)value; return;
    case 2: ((int16_t *)to->data)[at] = (int16_t)value; return;
    case 4: ((int32_t *)to->data)[at] = (int32_t)value; return;
    case 8: ((int64_t *)to->data)[at] = value; return;
    default: {
        weir_int128 wide = value;
        memcpy((char *)to->data + (size_t)at * 16, &wide, 16);
    }
    }
}

static void store_wide(struct weir_vector *to, uint32_t at, weir_int128 value)
{
    if (weir_type_width(to->type) == 16)
        memcpy((char *)to->data + (size_t)at * 16, &value, 16);
    else
        store_integer(to, weir_type_width(to->type), at, (int64_t)value);
}

static void store_double(struct weir_vector *to, uint32_t at, double value, struct weir_batch *owner)
{
    weir_int128 decimal;
    switch (to->type->id) {
    case WEIR_TYPE_FLOAT: ((float *)to->data)[at] = (float)value; return;
    case WEIR_TYPE_DOUBLE: ((double *)to->data)[at] = value; return;
    case WEIR_TYPE_DECIMAL:
        if (weir_decimal_from_double(value, to->type->precision, to->type->scale, &decimal))
            store_wide(to, at, decimal);
        else
            weir_vector_set_null(to, at, &owner->arena);
        return;
    default: store_integer(to, weir_type_width(to->type), at, (int64_t)value); return;
    }
}

/* --- COUNT --- */

static enum weir_error_code count_accumulate(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    (void)reterr;
    const uint32_t offset = aggregate->offset;
    const struct weir_vector *v =
        aggregate->call.argument_count ? &in->batch->columns[aggregate->call.arguments[0]] : NULL;
    if (v && v->encoding == WEIR_ENCODING_FLAT && !v->validity && v->type->id != WEIR_TYPE_NULL &&
        aggregate->call.argument_count == 1)
        v = NULL;
    if (!v && !in->retract) {
        for (uint32_t i = 0; i < in->count; i++) ((struct count_state *)(in->rows[i] + offset))->count++;
        return WEIR_OK;
    }
    for (uint32_t i = 0; i < in->count; i++) {
        bool null = false;
        for (uint32_t a = 0; v && a < aggregate->call.argument_count && !null; a++) {
            null = weir_vector_is_null(&in->batch->columns[aggregate->call.arguments[a]], in->at[i]);
        }
        if (null) continue;
        ((struct count_state *)(in->rows[i] + offset))->count += in->retract && in->retract[i] ? -1 : 1;
    }
    return WEIR_OK;
}

static void count_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows,
    const weir_row_ref *refs, uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    (void)owner;
    for (uint32_t i = 0; i < n; i++)
        ((int64_t *)to->data)[at + i] = ((const struct count_state *)(rows[i] + aggregate->offset))->count;
}

static void count_merge(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    ((struct count_state *)(into + aggregate->offset))->count +=
        ((const struct count_state *)(from + aggregate->offset))->count;
}

static const struct ops_aggregate_kind count_kind = {
    .accumulate = count_accumulate, .finish = count_finish, .merge = count_merge
};

/* --- SUM, AVG --- */

static enum weir_error_code sum_accumulate(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    (void)reterr;
#define ADD_INTEGER       \
    state->count += sign; \
    state->integer += sign * value;
    switch (aggregate->argument_type->id) {
    case WEIR_TYPE_TINYINT: EACH_VALUE(int8_t, struct sum_state, ADD_INTEGER); break;
    case WEIR_TYPE_SMALLINT: EACH_VALUE(int16_t, struct sum_state, ADD_INTEGER); break;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: EACH_VALUE(int32_t, struct sum_state, ADD_INTEGER); break;
    case WEIR_TYPE_BIGINT:
    case WEIR_TYPE_INTERVAL_DAY_TIME: EACH_VALUE(int64_t, struct sum_state, ADD_INTEGER); break;
    case WEIR_TYPE_FLOAT:
        if (aggregate->call.type->id == WEIR_TYPE_FLOAT && !aggregate->averages) {
            EACH_VALUE(float, struct sum_state, state->count += sign;
                       state->number = (double)(float)(state->number + (double)sign * (double)value););
        } else {
            EACH_VALUE(float, struct sum_state, state->count += sign;
                       state->number += (double)sign * (double)value;);
        }
        break;
    case WEIR_TYPE_DOUBLE:
        EACH_VALUE(double, struct sum_state, state->count += sign; state->number += (double)sign * value;);
        break;
    default: WEIR_UNREACHABLE();
    }
    return WEIR_OK;
#undef ADD_INTEGER
}

static void sum_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows, const weir_row_ref *refs,
    uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    bool approximate = weir_type_is_approximate(aggregate->argument_type);
    uint32_t width = weir_type_width(to->type);
    bool average = aggregate->averages, zero = aggregate->zeroes;
    for (uint32_t i = 0; i < n; i++) {
        const struct sum_state *state = (const struct sum_state *)(rows[i] + aggregate->offset);
        if (state->count == 0 && !zero)
            weir_vector_set_null(to, at + i, &owner->arena);
        else if (approximate)
            store_double(to, at + i, average ? state->number / (double)state->count : state->number, owner);
        else if (average && weir_type_is_approximate(to->type))
            store_double(to, at + i, (double)state->integer / (double)state->count, owner);
        else
            store_integer(to, width, at + i, average ? state->integer / state->count : state->integer);
    }
}

static void sum_merge(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    struct sum_state *to = (struct sum_state *)(into + aggregate->offset);
    const struct sum_state *more = (const struct sum_state *)(from + aggregate->offset);
    to->count += more->count;
    if (weir_type_is_approximate(aggregate->argument_type))
        to->number += more->number;
    else
        to->integer += more->integer;
}

static const struct ops_aggregate_kind sum_kind = {
    .accumulate = sum_accumulate, .finish = sum_finish, .merge = sum_merge
};

static enum weir_error_code wide_accumulate(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    (void)reterr;
#define ADD_WIDE          \
    state->count += sign; \
    wide_set(state->sum, wide_get(state->sum) + sign * value);
    if (weir_type_is_wide_decimal(aggregate->argument_type))
        EACH_VALUE(weir_int128, struct wide_state, ADD_WIDE);
    else
        EACH_VALUE(int64_t, struct wide_state, ADD_WIDE);
#undef ADD_WIDE
    return WEIR_OK;
}

static void wide_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows, const weir_row_ref *refs,
    uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    bool average = aggregate->averages, zero = aggregate->zeroes;
    uint32_t scale = aggregate->argument_type->scale;
    for (uint32_t i = 0; i < n; i++) {
        const struct wide_state *state = (const struct wide_state *)(rows[i] + aggregate->offset);
        weir_int128 value = wide_get(state->sum);
        bool valid = state->count != 0 || zero;
        if (valid && average)
            valid = weir_decimal_divide(
                value, scale, state->count, 0, to->type->precision, to->type->scale, &value);
        else if (valid)
            valid = weir_decimal_rescale(value, scale, to->type->precision, to->type->scale, &value);
        if (valid)
            store_wide(to, at + i, value);
        else
            weir_vector_set_null(to, at + i, &owner->arena);
    }
}

static void wide_merge(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    struct wide_state *to = (struct wide_state *)(into + aggregate->offset);
    const struct wide_state *more = (const struct wide_state *)(from + aggregate->offset);
    to->count += more->count;
    wide_set(to->sum, wide_get(to->sum) + wide_get(more->sum));
}

static const struct ops_aggregate_kind wide_kind = {
    .accumulate = wide_accumulate, .finish = wide_finish, .merge = wide_merge
};

/* --- MIN, MAX of what fits a word --- */

static enum weir_error_code extreme_accumulate(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    (void)reterr;
#define KEEP_INTEGER(better)                                                      \
    if (state->count == 0 || value better state->integer) state->integer = value; \
    state->count = 1;
#define KEEP_NUMBER(better)                                                                        \
    if (state->count == 0 || (double)value better state->number || (1 better 0 && value != value)) \
        state->number = (double)value;                                                             \
    state->count = 1;
#define BOTH(type, keep)                                 \
    do {                                                 \
        if (aggregate->largest)                          \
            EACH_VALUE(type, struct sum_state, keep(>)); \
        else                                             \
            EACH_VALUE(type, struct sum_state, keep(<)); \
    } while (0)
    const struct weir_type *type = aggregate->argument_type;
    if (type->id == WEIR_TYPE_FLOAT)
        BOTH(float, KEEP_NUMBER);
    else if (type->id == WEIR_TYPE_DOUBLE)
        BOTH(double, KEEP_NUMBER);
    else if (weir_type_width(type) == 1)
        BOTH(int8_t, KEEP_INTEGER);
    else if (weir_type_width(type) == 2)
        BOTH(int16_t, KEEP_INTEGER);
    else if (weir_type_width(type) == 4)
        BOTH(int32_t, KEEP_INTEGER);
    else
        BOTH(int64_t, KEEP_INTEGER);
    return WEIR_OK;
#undef KEEP_INTEGER
#undef KEEP_NUMBER
#undef BOTH
}

static void extreme_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows,
    const weir_row_ref *refs, uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    uint32_t width = weir_type_width(to->type);
    bool approximate = weir_type_is_approximate(aggregate->argument_type);
    for (uint32_t i = 0; i < n; i++) {
        const struct sum_state *state = (const struct sum_state *)(rows[i] + aggregate->offset);
        if (state->count == 0)
            weir_vector_set_null(to, at + i, &owner->arena);
        else if (approximate)
            store_double(to, at + i, state->number, owner);
        else
            store_integer(to, width, at + i, state->integer);
    }
}

static void extreme_merge(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    struct sum_state *to = (struct sum_state *)(into + aggregate->offset);
    const struct sum_state *more = (const struct sum_state *)(from + aggregate->offset);
    if (more->count == 0) return;
    bool better = to->count == 0;
    if (weir_type_is_approximate(aggregate->argument_type)) {
        better = better || (aggregate->largest ? more->number > to->number : more->number < to->number);
    } else {
        better = better || (aggregate->largest ? more->integer > to->integer : more->integer < to->integer);
    }
    if (better) *to = *more;
}

static const struct ops_aggregate_kind extreme_kind = {
    .accumulate = extreme_accumulate, .finish = extreme_finish, .merge = extreme_merge
};

/* --- STDDEV, VARIANCE --- */

static double decimal_double(struct ops_aggregate *aggregate, weir_int128 value)
{
    return weir_decimal_double(value, aggregate->argument_type->scale);
}

static void add_number(struct moments_state *state, double value, int64_t sign)
{
    double before = state->number[0];
    state->count += sign;
    if (state->count <= 0) {
        state->number[0] = state->number[1] = 0;
        return;
    }
    state->number[0] += (double)sign * (value - before) / (double)state->count;
    state->number[1] += (double)sign * (value - before) * (value - state->number[0]);
}

static enum weir_error_code moments_accumulate(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    (void)reterr;
#define ADD_INTEGER                   \
    int64_t wide = value;             \
    state->count += sign;             \
    state->integer[0] += sign * wide; \
    state->integer[1] += sign * wide * wide;
#define ADD_NUMBER(x) add_number(state, (x), sign);
    switch (aggregate->argument_type->id) {
    case WEIR_TYPE_TINYINT: EACH_VALUE(int8_t, struct moments_state, ADD_INTEGER); break;
    case WEIR_TYPE_SMALLINT: EACH_VALUE(int16_t, struct moments_state, ADD_INTEGER); break;
    case WEIR_TYPE_INT: EACH_VALUE(int32_t, struct moments_state, ADD_INTEGER); break;
    case WEIR_TYPE_BIGINT: EACH_VALUE(int64_t, struct moments_state, ADD_INTEGER); break;
    case WEIR_TYPE_FLOAT: EACH_VALUE(float, struct moments_state, ADD_NUMBER((double)value)); break;
    case WEIR_TYPE_DOUBLE: EACH_VALUE(double, struct moments_state, ADD_NUMBER(value)); break;
    default:
        if (weir_type_is_wide_decimal(aggregate->argument_type)) {
            EACH_VALUE(weir_int128, struct moments_state, ADD_NUMBER(decimal_double(aggregate, value)));
        } else {
            EACH_VALUE(int64_t, struct moments_state, ADD_NUMBER(decimal_double(aggregate, value)));
        }
    }
    return WEIR_OK;
#undef ADD_INTEGER
#undef ADD_NUMBER
}

static void moments_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows,
    const weir_row_ref *refs, uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    const char *name = aggregate->call.function->name;
    bool sample = !strstr(name, "_POP"), root = strncmp(name, "STDDEV", 6) == 0;
    bool integral = weir_type_is_integer(to->type) && weir_type_is_integer(aggregate->argument_type);
    bool from_integers = weir_type_is_integer(aggregate->argument_type);
    for (uint32_t i = 0; i < n; i++) {
        const struct moments_state *state = (const struct moments_state *)(rows[i] + aggregate->offset);
        int64_t divisor = sample ? state->count - 1 : state->count;
        if (state->count <= 0 || divisor <= 0) {
            weir_vector_set_null(to, at + i, &owner->arena);
            continue;
        }
        double variance;
        if (integral) { /* Flink computes with the argument's type: divisions truncate */
            variance = (double)((state->integer[1] - state->integer[0] * state->integer[0] / state->count) /
                                divisor);
        } else {
            double n_rows = (double)state->count, sum = (double)state->integer[0];
            double distances =
                from_integers ? (double)state->integer[1] - sum * sum / n_rows : state->number[1];
            variance = WEIR_MAX(distances, 0.0) / (double)divisor;
        }
        store_double(to, at + i, root ? sqrt(variance) : variance, owner);
    }
}

static void moments_merge(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    struct moments_state *to = (struct moments_state *)(into + aggregate->offset);
    const struct moments_state *more = (const struct moments_state *)(from + aggregate->offset);
    if (weir_type_is_integer(aggregate->argument_type)) {
        to->count += more->count;
        to->integer[0] += more->integer[0];
        to->integer[1] += more->integer[1];
        return;
    }
    if (more->count <= 0) return;
    double a = (double)to->count, b = (double)more->count, distance = more->number[0] - to->number[0];
    to->count += more->count;
    to->number[0] += distance * b / (a + b);
    to->number[1] += more->number[1] + distance * distance * a * b / (a + b);
}

static const struct ops_aggregate_kind moments_kind = {
    .accumulate = moments_accumulate, .finish = moments_finish, .merge = moments_merge
};

static bool fits_a_word(const struct weir_type *type)
{
    return !weir_type_is_nested(type) && !weir_type_is_view(type) && type->id != WEIR_TYPE_NULL &&
           weir_type_width(type) <= 8;
}

const struct ops_aggregate_kind *ops_aggregate_numeric(struct ops_aggregate *aggregate)
{
    const char *name = aggregate->call.function->name;
    const struct weir_type *type = aggregate->argument_type;
    aggregate->bytes = sizeof(struct sum_state);
    if (strcmp(name, "COUNT") == 0 || strcmp(name, "APPROX_COUNT_DISTINCT") == 0) {
        aggregate->bytes = sizeof(struct count_state);
        return &count_kind;
    }
    if (!type || type->id == WEIR_TYPE_NULL) return NULL;
    if (strcmp(name, "SUM") == 0 || strcmp(name, "$SUM0") == 0 || strcmp(name, "AVG") == 0) {
        if (type->id != WEIR_TYPE_DECIMAL) return &sum_kind;
        aggregate->bytes = sizeof(struct wide_state);
        return &wide_kind;
    }
    if (strncmp(name, "STDDEV", 6) == 0 || strncmp(name, "VAR", 3) == 0) {
        aggregate->bytes = sizeof(struct moments_state);
        return &moments_kind;
    }
    bool extreme = strcmp(name, "MAX") == 0 || strcmp(name, "MIN") == 0;
    return extreme && !aggregate->set->retract && fits_a_word(type) ? &extreme_kind : NULL;
}
