/*
 * COUNT(*), and SUM, AVG, MIN and MAX of what fits a machine word, over input that does not retract. COUNT(*)
 * is the group's own count; SUM, MIN and MAX take one word each, and a bit in the group tells whether there
 * was a value: so the state of a usual query lies in one cache line. They can step, too: take rows and give
 * the results after each of them in one pass.
 */
#include "ops/aggregates.h"

enum word_operation { WORD_SUM, WORD_MIN, WORD_MAX }; /* ops_aggregate.word_operation */

#define INLINE static inline __attribute__((always_inline))

struct average_state {
    int64_t count;
    union {
        int64_t integer;
        double number;
    };
};

/* The arguments of the rows as words: integers or doubles. */
struct arguments {
    const void *values;  /* int64_t or double */
    const uint16_t *at;  /* where row i's value is */
    const uint8_t *some; /* per row: it is not NULL; NULL: all are */
};

struct argument_scratch {
    uint64_t values[WEIR_BATCH_ROWS_MAX];
    uint16_t at[WEIR_BATCH_ROWS_MAX];
    uint8_t some[WEIR_BATCH_ROWS_MAX];
};

static bool is_approximate(const struct ops_aggregate *aggregate)
{
    return weir_type_is_approximate(aggregate->argument_type);
}

static void widen(const struct weir_type *type, const void *data, uint32_t at, uint64_t *to)
{
    int64_t integer;
    double number;
    if (type->id == WEIR_TYPE_FLOAT) {
        number = (double)((const float *)data)[at];
        memcpy(to, &number, 8);
        return;
    }
    switch (weir_type_width(type)) {
    case 1: integer = ((const int8_t *)data)[at]; break;
    case 2: integer = ((const int16_t *)data)[at]; break;
    case 4: integer = ((const int32_t *)data)[at]; break;
    default: memcpy(&integer, (const char *)data + (size_t)at * 8, 8);
    }
    memcpy(to, &integer, 8);
}

/* Values of any width, encoding and validity into scratch; returns whether none is NULL. */
static bool widen_arguments(const struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in,
    struct argument_scratch *scratch)
{
    const struct weir_vector *v = &in->batch->columns[aggregate->call.arguments[0]];
    const struct weir_type *type = aggregate->argument_type;
    bool all = true;
    for (uint32_t i = 0; i < in->count; i++) {
        const struct weir_vector *flat;
        uint32_t at = weir_vector_locate(v, in->at[i], &flat);
        bool some = flat->type->id != WEIR_TYPE_NULL && (!flat->validity || weir_bit_get(flat->validity, at));
        scratch->some[i] = some;
        scratch->at[i] = (uint16_t)i;
        scratch->values[i] = 0;
        if (some) widen(type, flat->data, at, &scratch->values[i]);
        all = all && some;
    }
    return all;
}

/* Inlined: what is written to memory and read back at once, in other widths, waits for all stores before it.
 */
INLINE struct arguments read_arguments(const struct ops_aggregate *aggregate,
    const struct ops_aggregate_rows *in, struct argument_scratch *scratch)
{
    const struct weir_vector *v = &in->batch->columns[aggregate->call.arguments[0]];
    if (WEIR_LIKELY(v->encoding == WEIR_ENCODING_FLAT && !v->validity && aggregate->word_argument))
        return (struct arguments){ v->data, in->at, NULL };
    bool all = widen_arguments(aggregate, in, scratch);
    return (struct arguments){ scratch->values, scratch->at, all ? NULL : scratch->some };
}

/* What a step writes, per row: the results as words, whether there are any, and whether they differ. */
struct step_scratch {
    uint64_t before[OPS_STEP_ROWS_MAX], after[OPS_STEP_ROWS_MAX];
    uint8_t had[OPS_STEP_ROWS_MAX], has[OPS_STEP_ROWS_MAX], changed[OPS_STEP_ROWS_MAX];
};

struct fold {
    uint32_t count, offset, flags_offset, bit;
    uint8_t *const *rows;
    struct arguments arguments;
    struct step_scratch *step;
    void *results; /* of a step that wants nothing else: a word after each row */
};

enum fold_mode { FOLD_ONLY, FOLD_RESULTS, FOLD_STEPS };

/* Constants for operation, nulls and mode: every combination is a loop without branches. Which of two words
 * stays is as good as random, so it is chosen by a mask. */
#define FOLD(type, same)                                                                 \
    const uint64_t *values = fold.arguments.values;                                      \
    struct step_scratch *step = fold.step;                                               \
    uint64_t *results = fold.results;                                                    \
    for (uint32_t i = 0; i < fold.count; i++) {                                          \
        uint64_t *state = (uint64_t *)(fold.rows[i] + fold.offset);                      \
        uint32_t *flags = (uint32_t *)(fold.rows[i] + fold.flags_offset);                \
        const uint64_t value_word = values[fold.arguments.at[i]], before_word = *state;  \
        const type value = type##_of(value_word), before = type##_of(before_word);       \
        const bool had = (*flags & fold.bit) != 0;                                       \
        const bool some = !nulls || fold.arguments.some[i];                              \
        bool takes = some;                                                               \
        uint64_t after_word = value_word;                                                \
        if (operation == WORD_SUM) after_word = type##_word(before + value);             \
        if (operation == WORD_MIN) takes &= !had | (value < before);                     \
        if (operation == WORD_MAX) takes &= !had | (value > before) | (value != value);  \
        after_word = before_word ^ ((before_word ^ after_word) & (0 - (uint64_t)takes)); \
        *state = after_word;                                                             \
        *flags |= some ? fold.bit : 0;                                                   \
        if (mode == FOLD_RESULTS) results[i] = after_word;                               \
        if (mode != FOLD_STEPS) continue;                                                \
        const type after = type##_of(after_word);                                        \
        step->before[i] = before_word;                                                   \
        step->after[i] = after_word;                                                     \
        step->had[i] = had;                                                              \
        step->has[i] = had | some;                                                       \
        step->changed[i] = (had != (had | some)) | !(same);                              \
    }

INLINE int64_t int64_t_of(uint64_t word)
{
    return (int64_t)word;
}
INLINE uint64_t int64_t_word(int64_t value)
{
    return (uint64_t)value;
}
INLINE double double_of(uint64_t word)
{
    double value;
    memcpy(&value, &word, 8);
    return value;
}
INLINE uint64_t double_word(double value)
{
    uint64_t word;
    memcpy(&word, &value, 8);
    return word;
}

INLINE void fold_integers(struct fold fold, enum word_operation operation, bool nulls,
    enum fold_mode mode){ FOLD(int64_t, before == after) }

/* The largest number is NaN. */
INLINE void fold_numbers(struct fold fold, enum word_operation operation, bool nulls,
    enum fold_mode mode){ FOLD(double, before == after || (before != before && after != after)) }

INLINE void fold_operation(struct fold fold, enum word_operation operation, bool approximate)
{
    const bool nulls = fold.arguments.some != NULL;
#define EACH(name)                                  \
    if (nulls && fold.step)                         \
        name(fold, operation, true, FOLD_STEPS);    \
    else if (nulls)                                 \
        name(fold, operation, true, FOLD_ONLY);     \
    else if (fold.step)                             \
        name(fold, operation, false, FOLD_STEPS);   \
    else if (fold.results)                          \
        name(fold, operation, false, FOLD_RESULTS); \
    else                                            \
        name(fold, operation, false, FOLD_ONLY)
    if (approximate)
        EACH(fold_numbers);
    else
        EACH(fold_integers);
#undef EACH
}

INLINE void run_fold(const struct ops_aggregate *aggregate, struct fold fold)
{
    bool approximate = is_approximate(aggregate);
    switch ((enum word_operation)aggregate->word_operation) {
    case WORD_SUM: fold_operation(fold, WORD_SUM, approximate); break;
    case WORD_MIN: fold_operation(fold, WORD_MIN, approximate); break;
    case WORD_MAX: fold_operation(fold, WORD_MAX, approximate); break;
    }
}

INLINE struct fold fold_of(const struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in,
    struct argument_scratch *scratch)
{
    return (struct fold){ .count = in->count,
        .offset = aggregate->offset,
        .flags_offset = aggregate->flags_offset,
        .bit = aggregate->flag,
        .rows = in->rows,
        .arguments = read_arguments(aggregate, in, scratch) };
}

/* --- results --- */

static void store_words(struct weir_vector *to, uint32_t at, const uint64_t *words, uint32_t count)
{
    if (to->type->id == WEIR_TYPE_FLOAT) {
        for (uint32_t i = 0; i < count; i++) {
            double number;
            memcpy(&number, &words[i], 8);
            ((float *)to->data)[at + i] = (float)number;
        }
        return;
    }
    switch (weir_type_width(to->type)) {
    case 1:
        for (uint32_t i = 0; i < count; i++) ((uint8_t *)to->data)[at + i] = (uint8_t)words[i];
        break;
    case 2:
        for (uint32_t i = 0; i < count; i++) ((uint16_t *)to->data)[at + i] = (uint16_t)words[i];
        break;
    case 4:
        for (uint32_t i = 0; i < count; i++) ((uint32_t *)to->data)[at + i] = (uint32_t)words[i];
        break;
    default: memcpy((uint64_t *)to->data + at, words, count * sizeof *words);
    }
}

static void store_nulls(
    struct weir_vector *to, uint32_t at, const uint8_t *some, uint32_t count, struct weir_batch *owner)
{
    uint8_t all = 1;
    for (uint32_t i = 0; i < count; i++) all &= some[i];
    for (uint32_t i = 0; i < count && !all; i++) {
        if (!some[i]) weir_vector_set_null(to, at + i, &owner->arena);
    }
}

static void store_step(struct ops_aggregate *aggregate, const struct step_scratch *step, uint32_t count,
    const struct ops_aggregate_step *to)
{
    store_words(to->column, to->after, step->after, count);
    if (!aggregate->zeroes) store_nulls(to->column, to->after, step->has, count, to->owner);
    if (to->before != UINT32_MAX) {
        store_words(to->column, to->before, step->before, count);
        if (!aggregate->zeroes) store_nulls(to->column, to->before, step->had, count, to->owner);
    }
    if (to->changed) {
        for (uint32_t i = 0; i < count; i++) to->changed[i] |= step->changed[i];
    }
}

static enum weir_error_code word_accumulate(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    (void)reterr;
    struct argument_scratch scratch;
    run_fold(aggregate, fold_of(aggregate, in, &scratch));
    return WEIR_OK;
}

static void word_step(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, const struct ops_aggregate_step *to)
{
    struct argument_scratch scratch;
    struct step_scratch step;
    struct fold fold = fold_of(aggregate, in, &scratch);
    bool plain = !fold.arguments.some && to->before == UINT32_MAX && !to->changed;
    if (plain && weir_type_width(to->column->type) == 8) {
        fold.results = (uint64_t *)to->column->data + to->after;
        run_fold(aggregate, fold);
        return;
    }
    fold.step = &step;
    run_fold(aggregate, fold);
    store_step(aggregate, &step, in->count, to);
}

static void word_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows, const weir_row_ref *refs,
    uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    const uint32_t offset = aggregate->offset, flags_offset = aggregate->flags_offset, bit = aggregate->flag;
    enum { CHUNK = 256 };
    uint64_t words[CHUNK];
    uint8_t some[CHUNK];
    for (uint32_t done = 0; done < n; done += CHUNK) {
        uint32_t count = WEIR_MIN((uint32_t)CHUNK, n - done);
        for (uint32_t i = 0; i < count; i++) {
            memcpy(&words[i], rows[done + i] + offset, 8);
            some[i] = (*(const uint32_t *)(rows[done + i] + flags_offset) & bit) != 0;
        }
        store_words(to, at + done, words, count);
        if (!aggregate->zeroes) store_nulls(to, at + done, some, count, owner);
    }
}

static void word_merge(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    if (!(*(const uint32_t *)(from + aggregate->flags_offset) & aggregate->flag)) return;
    uint16_t zero = 0;
    struct fold fold = { .count = 1,
        .offset = aggregate->offset,
        .flags_offset = aggregate->flags_offset,
        .bit = aggregate->flag,
        .rows = &into,
        .arguments = { .values = from + aggregate->offset, .at = &zero } };
    run_fold(aggregate, fold);
}

static const struct ops_aggregate_kind word_kind = {
    .accumulate = word_accumulate, .finish = word_finish, .merge = word_merge, .step = word_step
};

/* --- AVG --- */

static uint64_t average_of(const struct ops_aggregate *aggregate, const struct average_state *state)
{
    uint64_t word = 0;
    if (state->count == 0) return 0;
    if (is_approximate(aggregate)) {
        double number = state->number / (double)state->count;
        memcpy(&word, &number, 8);
    } else {
        word = (uint64_t)(state->integer / state->count);
    }
    return word;
}

static bool averages_equal(const struct ops_aggregate *aggregate, uint64_t a, uint64_t b)
{
    if (a == b || !is_approximate(aggregate)) return a == b;
    double x, y;
    memcpy(&x, &a, 8);
    memcpy(&y, &b, 8);
    return x == y || (x != x && y != y);
}

static void average_rows(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct step_scratch *step)
{
    struct argument_scratch scratch;
    struct arguments arguments = read_arguments(aggregate, in, &scratch);
    const uint32_t offset = aggregate->offset;
    bool approximate = is_approximate(aggregate);
    for (uint32_t i = 0; i < in->count; i++) {
        struct average_state *state = (struct average_state *)(in->rows[i] + offset);
        bool some = !arguments.some || arguments.some[i];
        if (step) {
            step->had[i] = state->count != 0;
            step->has[i] = step->had[i] | some;
            step->before[i] = average_of(aggregate, state);
        }
        if (some) {
            state->count++;
            if (approximate)
                state->number += ((const double *)arguments.values)[arguments.at[i]];
            else
                state->integer += ((const int64_t *)arguments.values)[arguments.at[i]];
        }
        if (!step) continue;
        step->after[i] = average_of(aggregate, state);
        step->changed[i] =
            step->had[i] != step->has[i] || !averages_equal(aggregate, step->before[i], step->after[i]);
    }
}

static enum weir_error_code average_accumulate(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    (void)reterr;
    average_rows(aggregate, in, NULL);
    return WEIR_OK;
}

static void average_step(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, const struct ops_aggregate_step *to)
{
    struct step_scratch step;
    average_rows(aggregate, in, &step);
    store_step(aggregate, &step, in->count, to);
}

static void average_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows,
    const weir_row_ref *refs, uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    for (uint32_t i = 0; i < n; i++) {
        const struct average_state *state = (const struct average_state *)(rows[i] + aggregate->offset);
        uint64_t word = average_of(aggregate, state);
        store_words(to, at + i, &word, 1);
        if (state->count == 0) weir_vector_set_null(to, at + i, &owner->arena);
    }
}

static void average_merge(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    struct average_state *to = (struct average_state *)(into + aggregate->offset);
    const struct average_state *more = (const struct average_state *)(from + aggregate->offset);
    to->count += more->count;
    if (is_approximate(aggregate))
        to->number += more->number;
    else
        to->integer += more->integer;
}

static const struct ops_aggregate_kind average_kind = {
    .accumulate = average_accumulate, .finish = average_finish, .merge = average_merge, .step = average_step
};

/* --- COUNT of arguments --- */

/* COUNT(*) of those that a filter left. All rows of a query without keys go to one group, whose count would
 * come from memory for each of them, one after the other. */
static void count_all(const struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in)
{
    const uint32_t offset = aggregate->offset;
    uint8_t *const first = in->rows[0];
    bool one_group = in->rows[in->count - 1] == first;
    for (uint32_t i = 0; i < in->count && one_group; i++) one_group = in->rows[i] == first;
    if (one_group) {
        *(int64_t *)(first + offset) += in->count;
        return;
    }
    for (uint32_t i = 0; i < in->count; i++) ++*(int64_t *)(in->rows[i] + offset);
}

static void count_rows(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct step_scratch *step)
{
    const uint32_t offset = aggregate->offset;
    for (uint32_t i = 0; i < in->count; i++) {
        int64_t *count = (int64_t *)(in->rows[i] + offset);
        bool some = true;
        for (uint32_t a = 0; a < aggregate->call.argument_count && some; a++)
            some = !weir_vector_is_null(&in->batch->columns[aggregate->call.arguments[a]], in->at[i]);
        if (step) {
            step->had[i] = step->has[i] = true;
            step->before[i] = (uint64_t)*count;
            step->after[i] = (uint64_t)*count + some;
            step->changed[i] = some;
        }
        *count += some;
    }
}

static enum weir_error_code count_accumulate(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    (void)reterr;
    if (aggregate->call.argument_count == 0 && in->count) {
        count_all(aggregate, in);
    } else {
        count_rows(aggregate, in, NULL);
    }
    return WEIR_OK;
}

static void count_step(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, const struct ops_aggregate_step *to)
{
    struct step_scratch step;
    count_rows(aggregate, in, &step);
    store_step(aggregate, &step, in->count, to);
}

static void count_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows,
    const weir_row_ref *refs, uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs, (void)owner;
    for (uint32_t i = 0; i < n; i++) memcpy((int64_t *)to->data + at + i, rows[i] + aggregate->offset, 8);
}

static void count_merge(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    *(int64_t *)(into + aggregate->offset) += *(const int64_t *)(from + aggregate->offset);
}

static const struct ops_aggregate_kind count_kind = {
    .accumulate = count_accumulate, .finish = count_finish, .merge = count_merge, .step = count_step
};

/* --- COUNT(*): what the operator keeps in struct ops_group --- */

static enum weir_error_code rows_accumulate(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    (void)aggregate, (void)in, (void)reterr;
    return WEIR_OK;
}

static void rows_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows, const weir_row_ref *refs,
    uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs, (void)owner;
    int64_t *counts = (int64_t *)to->data + at;
    for (uint32_t i = 0; i < n; i++)
        counts[i] = ((const struct ops_group *)(rows[i] + aggregate->offset))->count;
}

static void rows_merge(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    (void)aggregate, (void)into_table, (void)into, (void)into_ref;
    (void)from_table, (void)from, (void)from_ref; /* the operator adds the counts of the groups */
}

static void rows_step(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, const struct ops_aggregate_step *to)
{
    (void)aggregate;
    int64_t *counts = to->column->data;
    memcpy(counts + to->after, in->counts, in->count * sizeof *counts);
    for (uint32_t i = 0; to->before != UINT32_MAX && i < in->count; i++)
        counts[to->before + i] = in->counts[i] - 1;
    if (to->changed) memset(to->changed, 1, in->count);
}

static const struct ops_aggregate_kind rows_kind = {
    .accumulate = rows_accumulate, .finish = rows_finish, .merge = rows_merge, .step = rows_step
};

bool ops_aggregate_counts_rows(const struct ops_aggregate *aggregate)
{
    return aggregate->kind == &rows_kind;
}

const struct ops_aggregate_kind *ops_aggregate_word(struct ops_aggregate *aggregate)
{
    const char *name = aggregate->call.function->name;
    const struct weir_type *type = aggregate->argument_type, *result = aggregate->call.type;
    aggregate->word_operation = strcmp(name, "MIN") == 0 ? WORD_MIN
                                : aggregate->largest     ? WORD_MAX
                                                         : WORD_SUM;
    if (aggregate->set->retract || aggregate->distinct) return NULL;
    if (strcmp(name, "COUNT") == 0 && aggregate->call.argument_count == 0 && aggregate->call.filter < 0) {
        aggregate->in_group = true;
        aggregate->bytes = 0;
        return &rows_kind;
    }
    if (strcmp(name, "COUNT") == 0) {
        aggregate->bytes = sizeof(int64_t);
        return &count_kind;
    }
    if (!type || type->id == WEIR_TYPE_NULL || weir_type_is_nested(type) || weir_type_is_view(type) ||
        weir_type_width(type) > 8 || weir_type_width(result) > 8)
        return NULL;
    aggregate->word_argument = weir_type_width(type) == 8;
    bool adds = strcmp(name, "SUM") == 0 || strcmp(name, "$SUM0") == 0, averages = aggregate->averages;
    if (adds || averages) {
        bool exact = weir_type_is_integer(type) && weir_type_is_integer(result);
        bool both_double = type->id == WEIR_TYPE_DOUBLE && result->id == WEIR_TYPE_DOUBLE;
        if (!exact && !both_double) return NULL;
        aggregate->bytes = averages ? sizeof(struct average_state) : sizeof(int64_t);
        if (averages) return &average_kind;
    } else if (strcmp(name, "MIN") != 0 && strcmp(name, "MAX") != 0) {
        return NULL;
    }
    if (aggregate->set->flag_count == OPS_FLAGS_MAX) return NULL;
    aggregate->flag = (uint32_t)1 << aggregate->set->flag_count++;
    aggregate->bytes = sizeof(int64_t);
    return &word_kind;
}
