/*
 * datagen: rows that are made up, for trying queries out and for measuring. Fields are random (within bounds,
 * by a generator that is seeded per subtask and kept in the snapshot) or sequences (split over the subtasks
 * by remainder, ended at `end`). Rows come at rows-per-second in all, whole batches at a time.
 */
#include "data/decimal.h"
#include "data/key_group.h"
#include "spi/connector.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    LENGTH_DEFAULT = 100,
    COLLECTION_LENGTH_DEFAULT = 3,
    LENGTH_MAX = 1 << 20,
    COLLECTION_LENGTH_MAX = 1 << 16
};

static const struct weir_option_definition options[] = {
    { .key = "rows-per-second",
        .type = "Long",
        .default_value = "10000",
        .description = "Rows of all subtasks together in a second." },
    { .key = "number-of-rows",
        .type = "Long",
        .description = "The source ends after so many rows; without it, it never does." },
    { .key = "fields.#.kind",
        .type = "Enum(random|sequence)",
        .default_value = "random",
        .description = "How a field is made." },
    { .key = "fields.#.min", .type = "String", .description = "Smallest random number." },
    { .key = "fields.#.max", .type = "String", .description = "Largest random number." },
    { .key = "fields.#.max-past",
        .type = "Duration",
        .default_value = "0",
        .description = "How far back random times reach." },
    { .key = "fields.#.length",
        .type = "Integer",
        .description = "Length of strings and bytes (100) and collections (3)." },
    { .key = "fields.#.var-len",
        .type = "Boolean",
        .default_value = "false",
        .description = "Lengths vary from 1 to length." },
    { .key = "fields.#.start", .type = "Long", .description = "First value of a sequence." },
    { .key = "fields.#.end",
        .type = "Long",
        .description = "Last value of a sequence; the source ends there." },
    { .key = "fields.#.null-rate", .type = "Double", .default_value = "0", .description = "Share of NULLs." },
};

static const char *find_option(const struct weir_table_descriptor *table, const char *key)
{
    for (uint32_t i = 0; i < table->option_count; i++)
        if (strcmp(table->options[i].key, key) == 0) return table->options[i].value;
    return NULL;
}

static const char *find_field_option(
    const struct weir_table_descriptor *table, const char *field, const char *what)
{
    return find_option(table, weir_arena_format(table->arena, "fields.%s.%s", field, what));
}

static enum weir_error_code check_field(
    const struct weir_table_descriptor *table, uint32_t c, bool *bounded, struct weir_error *reterr)
{
    const char *name = table->column_names[c];
    const struct weir_type *type = table->column_types[c];
    const char *kind = find_field_option(table, name, "kind");
    if (!kind || strcasecmp(kind, "sequence") != 0) {
        if (type->id == WEIR_TYPE_NULL)
            return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
                "table %s: datagen cannot make the type of column \"%s\"", table->identifier, name);
        return WEIR_OK;
    }
    const char *start = find_field_option(table, name, "start"), *end = find_field_option(table, name, "end");
    if (!start || !end)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "table %s: the sequence field \"%s\" requires the options 'fields.%s.start' and 'fields.%s.end'",
            table->identifier, name, name, name);
    if (strtoll(start, NULL, 10) > strtoll(end, NULL, 10))
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "table %s: the sequence of field \"%s\" starts at %s, behind its end %s", table->identifier, name,
            start, end);
    if (!weir_type_is_numeric(type) && !weir_type_is_string(type))
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "table %s: the sequence field \"%s\" must be a number or a string", table->identifier, name);
    *bounded = true;
    return WEIR_OK;
}

static enum weir_error_code describe_source(const struct weir_connectors *all,
    const struct weir_table_descriptor *table, struct weir_source_description *ret, struct weir_error *reterr)
{
    *ret = (struct weir_source_description){
        .changelog_kinds = WEIR_KIND_BIT_I, .reads_projected = true, .keeps_parallelism = true
    };
    ret->bounded = find_option(table, "number-of-rows") != NULL;
    for (uint32_t c = 0; c < table->column_count; c++) {
        enum weir_error_code code = check_field(table, c, &ret->bounded, reterr);
        if (code) return code;
    }
    for (uint32_t i = 0; i < table->option_count; i++) { /* fields.NAME.x of a column that is not there */
        const char *key = table->options[i].key, *dot = strrchr(key, '.');
        if (strncmp(key, "fields.", 7) != 0) continue;
        bool known = false;
        for (uint32_t c = 0; c < table->column_count; c++)
            known |= strlen(table->column_names[c]) == (size_t)(dot - key - 7) &&
                     memcmp(key + 7, table->column_names[c], (size_t)(dot - key - 7)) == 0;
        if (!known)
            return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
                "table %s: option '%s' names no column of the table", table->identifier, key);
    }
    return WEIR_OK;
}

/* --- run time --- */

struct field {
    const struct weir_type *type;
    bool sequence, variable, whole_range;
    int64_t start, end;
    double low, high; /* floating point and decimal */
    int64_t min;      /* integers */
    uint64_t span;    /* max - min + 1; 0 = all 64 bits */
    int64_t past_ms;
    uint32_t length;
    uint64_t null_threshold; /* of 2^64; 0 = none */
};

struct datagen {
    struct weir_source source;
    struct field *fields;
    uint32_t field_count;
    uint64_t random;   /* splitmix64 state */
    uint64_t produced; /* by this subtask */
    uint64_t limit;    /* of this subtask; UINT64_MAX = none */
    double rows_per_ms;
    int64_t started_ms;
    uint64_t started_produced;
};

static inline uint64_t next_random(struct datagen *d)
{
    uint64_t z = d->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Lemire's multiply: uniform enough for made-up data. */
static inline uint64_t below(struct datagen *d, uint64_t span)
{
    uint64_t x = next_random(d);
    return span ? (uint64_t)((weir_uint128)x * span >> 64) : x;
}

static inline double unit(struct datagen *d)
{
    return (double)(next_random(d) >> 11) * 0x1.0p-53;
}

static const char *spec_option(struct datagen *d, const char *field, const char *what)
{
    struct weir_operator_context *ctx = d->source.ctx;
    return weir_spec_get_text(weir_spec_get(ctx->spec, "options"),
        weir_arena_format(ctx->arena, "fields.%s.%s", field, what), NULL);
}

static int64_t duration_ms(const char *text)
{
    char *unit_text;
    double number = strtod(text, &unit_text);
    while (*unit_text == ' ') unit_text++;
    static const struct {
        const char *unit;
        double ms;
    } units[] = { { "", 1 }, { "ms", 1 }, { "s", 1e3 }, { "sec", 1e3 }, { "min", 6e4 }, { "m", 6e4 },
        { "h", 36e5 }, { "d", 864e5 }, { "day", 864e5 }, { "days", 864e5 } };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(units); i++)
        if (strcasecmp(unit_text, units[i].unit) == 0) return (int64_t)(number * units[i].ms);
    return 0;
}

static void integer_range(struct field *f, const char *min, const char *max)
{
    static const int64_t lows[] = { [WEIR_TYPE_TINYINT] = INT8_MIN,
        [WEIR_TYPE_SMALLINT] = INT16_MIN,
        [WEIR_TYPE_INT] = INT32_MIN,
        [WEIR_TYPE_BIGINT] = INT64_MIN };
    static const int64_t highs[] = { [WEIR_TYPE_TINYINT] = INT8_MAX,
        [WEIR_TYPE_SMALLINT] = INT16_MAX,
        [WEIR_TYPE_INT] = INT32_MAX,
        [WEIR_TYPE_BIGINT] = INT64_MAX };
    int64_t low = lows[f->type->id], high = highs[f->type->id];
    if (min) low = WEIR_MAX(low, (int64_t)strtoll(min, NULL, 10));
    if (max) high = WEIR_MIN(high, (int64_t)strtoll(max, NULL, 10));
    f->min = low;
    f->span = (uint64_t)high - (uint64_t)low + 1;
}

static void read_field(struct datagen *d, struct field *f, const char *name, const struct weir_type *type)
{
    *f = (struct field){ .type = type };
    const char *kind = spec_option(d, name, "kind"), *min = spec_option(d, name, "min"),
               *max = spec_option(d, name, "max");
    const char *length = spec_option(d, name, "length"), *variable = spec_option(d, name, "var-len"),
               *rate = spec_option(d, name, "null-rate"), *past = spec_option(d, name, "max-past");
    f->sequence = kind && strcasecmp(kind, "sequence") == 0;
    if (f->sequence) {
        f->start = strtoll(spec_option(d, name, "start"), NULL, 10);
        f->end = strtoll(spec_option(d, name, "end"), NULL, 10);
    }
    if (weir_type_is_integer(type)) integer_range(f, min, max);
    double top = type->id == WEIR_TYPE_DECIMAL ? (double)weir_decimal_power(type->precision - type->scale) - 1
                 : type->id == WEIR_TYPE_FLOAT ? 3.4028234663852886e38
                                               : 1.7976931348623157e308;
    f->low = min                             ? strtod(min, NULL)
             : type->id == WEIR_TYPE_DECIMAL ? -top
             : type->id == WEIR_TYPE_FLOAT   ? 1.4e-45
                                             : 4.9e-324;
    f->high = max ? strtod(max, NULL) : top;
    f->length = length                      ? (uint32_t)WEIR_MAX(strtol(length, NULL, 10), 0L)
                : weir_type_is_nested(type) ? COLLECTION_LENGTH_DEFAULT
                                            : LENGTH_DEFAULT;
    if (weir_type_is_view(type) && type->length < WEIR_LENGTH_MAX)
        f->length = (uint32_t)(length ? WEIR_MIN((int32_t)f->length, type->length) : type->length);
    f->length = WEIR_MIN(
        f->length, weir_type_is_nested(type) ? (uint32_t)COLLECTION_LENGTH_MAX : (uint32_t)LENGTH_MAX);
    f->variable = variable && strcasecmp(variable, "true") == 0;
    f->past_ms = past ? duration_ms(past) : 0;
    double share = rate ? strtod(rate, NULL) : 0;
    f->null_threshold = share >= 1 ? UINT64_MAX : share > 0 ? (uint64_t)(share * 0x1.0p64) : 0;
}

static uint32_t length_of(struct datagen *d, const struct field *f)
{
    return f->variable && f->length > 0 ? (uint32_t)below(d, f->length) + 1 : f->length;
}

static void make(
    struct datagen *d, const struct field *f, struct weir_vector *v, uint32_t row, struct weir_batch *out);

static void make_string(
    struct datagen *d, const struct field *f, struct weir_vector *v, uint32_t row, struct weir_batch *out)
{
    static const char digits[16] = "0123456789abcdef";
    uint32_t length = length_of(d, f);
    char shortened[16];
    char *text = length <= WEIR_STRING_INLINE_MAX ? shortened : weir_heap_writer_allocate(&out->heap, length);
    bool is_text = weir_type_is_string(f->type);
    for (uint32_t i = 0; i < length;) {
        uint64_t bits = next_random(d);
        for (uint32_t k = 0; k < (is_text ? 16u : 8u) && i < length; k++, i++, bits >>= is_text ? 4 : 8)
            text[i] = is_text ? digits[bits & 15] : (char)bits;
    }
    ((struct weir_string *)v->data)[row] = weir_string_view(text, length);
}

static void make_collection(
    struct datagen *d, const struct field *f, struct weir_vector *v, uint32_t row, struct weir_batch *out)
{
    struct weir_list list = { v->child_rows, length_of(d, f) };
    weir_vector_reserve_children(v, list.length, &out->arena);
    v->child_rows += list.length;
    uint32_t children = f->type->id == WEIR_TYPE_MULTISET ? 1 : f->type->child_count;
    for (uint32_t c = 0; c < children; c++) {
        struct field child;
        read_field(d, &child, "", f->type->children[c]);
        for (uint32_t i = 0; i < list.length; i++) make(d, &child, &v->children[c], list.offset + i, out);
    }
    for (uint32_t i = 0; f->type->id == WEIR_TYPE_MULTISET && i < list.length; i++)
        ((int32_t *)v->children[1].data)[list.offset + i] = 1;
    ((struct weir_list *)v->data)[row] = list;
}

static void make_time(struct datagen *d, const struct field *f, struct weir_vector *v, uint32_t row)
{
    int64_t us = d->source.ctx->now_us(d->source.ctx->clock);
    if (f->past_ms > 0) us -= (int64_t)below(d, (uint64_t)f->past_ms) * 1000;
    us = us / 1000 * 1000;
    switch (f->type->id) {
    case WEIR_TYPE_DATE: ((int32_t *)v->data)[row] = (int32_t)(us / 86400000000); break;
    case WEIR_TYPE_TIME: ((int32_t *)v->data)[row] = (int32_t)below(d, 86400000); break;
    default:
        if (weir_type_is_wide_timestamp(f->type))
            ((weir_int128 *)v->data)[row] = (weir_int128)us * 1000;
        else
            ((int64_t *)v->data)[row] = f->type->precision < 3 ? us / 1000000 * 1000000 : us;
    }
}

static void store_integer(const struct weir_type *type, struct weir_vector *v, uint32_t row, int64_t value)
{
    switch (type->id) {
    case WEIR_TYPE_TINYINT: ((int8_t *)v->data)[row] = (int8_t)value; break;
    case WEIR_TYPE_SMALLINT: ((int16_t *)v->data)[row] = (int16_t)value; break;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: ((int32_t *)v->data)[row] = (int32_t)value; break;
    default: ((int64_t *)v->data)[row] = value;
    }
}

static void store_decimal(
    const struct weir_type *type, struct weir_vector *v, uint32_t row, weir_int128 value)
{
    if (weir_type_is_wide_decimal(type))
        ((weir_int128 *)v->data)[row] = value;
    else
        ((int64_t *)v->data)[row] = (int64_t)value;
}

static void make(
    struct datagen *d, const struct field *f, struct weir_vector *v, uint32_t row, struct weir_batch *out)
{
    weir_int128 decimal = 0;
    switch (f->type->id) {
    case WEIR_TYPE_BOOLEAN: ((uint8_t *)v->data)[row] = next_random(d) & 1; break;
    case WEIR_TYPE_TINYINT:
    case WEIR_TYPE_SMALLINT:
    case WEIR_TYPE_INT:
    case WEIR_TYPE_BIGINT:
        store_integer(f->type, v, row, (int64_t)((uint64_t)f->min + below(d, f->span)));
        break;
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: store_integer(f->type, v, row, (int64_t)below(d, 120000)); break;
    case WEIR_TYPE_INTERVAL_DAY_TIME:
        store_integer(f->type, v, row, (int64_t)below(d, UINT64_C(86400000) * 365));
        break;
    case WEIR_TYPE_FLOAT: ((float *)v->data)[row] = (float)(f->low + unit(d) * (f->high - f->low)); break;
    case WEIR_TYPE_DOUBLE: ((double *)v->data)[row] = f->low + unit(d) * (f->high - f->low); break;
    case WEIR_TYPE_DECIMAL:
        if (!weir_decimal_from_double(
                f->low + unit(d) * (f->high - f->low), f->type->precision, f->type->scale, &decimal))
            decimal = 0;
        store_decimal(f->type, v, row, decimal);
        break;
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR:
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_VARBINARY: make_string(d, f, v, row, out); break;
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIME:
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ: make_time(d, f, v, row); break;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_MULTISET: make_collection(d, f, v, row, out); break;
    case WEIR_TYPE_ROW:
        for (uint32_t c = 0; c < f->type->child_count; c++) {
            struct field child;
            read_field(d, &child, "", f->type->children[c]);
            make(d, &child, &v->children[c], row, out);
        }
        break;
    case WEIR_TYPE_NULL:
    case WEIR_TYPE_COUNT: break;
    }
}

/* The tight loops of the types that measurements use. */
static void make_column(
    struct datagen *d, const struct field *f, struct weir_vector *v, uint32_t count, struct weir_batch *out)
{
    if (f->type->id == WEIR_TYPE_BIGINT && !f->null_threshold) {
        int64_t *to = v->data;
        for (uint32_t i = 0; i < count; i++) to[i] = (int64_t)((uint64_t)f->min + below(d, f->span));
        return;
    }
    if (f->type->id == WEIR_TYPE_INT && !f->null_threshold) {
        int32_t *to = v->data;
        for (uint32_t i = 0; i < count; i++) to[i] = (int32_t)((uint64_t)f->min + below(d, f->span));
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (f->null_threshold && f->type->nullable && next_random(d) < f->null_threshold)
            weir_vector_set_null(v, i, &out->arena);
        else
            make(d, f, v, i, out);
    }
}

static void make_sequence(
    struct datagen *d, const struct field *f, struct weir_vector *v, uint32_t count, struct weir_batch *out)
{
    struct weir_operator_context *ctx = d->source.ctx;
    for (uint32_t i = 0; i < count; i++) {
        int64_t value = f->start + (int64_t)((d->produced + i) * ctx->parallelism + ctx->subtask_index);
        if (weir_type_is_integer(f->type))
            store_integer(f->type, v, i, value);
        else if (f->type->id == WEIR_TYPE_DOUBLE)
            ((double *)v->data)[i] = (double)value;
        else if (f->type->id == WEIR_TYPE_FLOAT)
            ((float *)v->data)[i] = (float)value;
        else if (f->type->id == WEIR_TYPE_DECIMAL) {
            weir_int128 decimal;
            if (weir_decimal_rescale(value, 0, f->type->precision, f->type->scale, &decimal))
                store_decimal(f->type, v, i, decimal);
            else
                weir_vector_set_null(v, i, &out->arena);
        } else {
            char text[32];
            int length = snprintf(text, sizeof text, "%lld", (long long)value);
            ((struct weir_string *)v->data)[i] = weir_heap_writer_string(&out->heap, text, (uint32_t)length);
        }
    }
}

static uint64_t share(const struct weir_operator_context *ctx, uint64_t total)
{
    return total / ctx->parallelism + (ctx->subtask_index < total % ctx->parallelism);
}

static enum weir_error_code datagen_create(struct weir_operator_context *ctx, struct weir_source **ret);

static enum weir_source_result datagen_poll(
    struct weir_source *source, struct weir_batch *out, int64_t *idle_until_ms)
{
    struct datagen *d = (struct datagen *)source;
    if (d->produced >= d->limit) return WEIR_SOURCE_FINISHED;
    int64_t now_ms = source->ctx->now_us(source->ctx->clock) / 1000;
    if (!d->started_ms) {
        d->started_ms = now_ms;
        d->started_produced = d->produced;
    }
    uint64_t due = d->started_produced + (uint64_t)((double)(now_ms - d->started_ms + 1) * d->rows_per_ms);
    if (d->rows_per_ms > 0 && due <= d->produced) {
        *idle_until_ms =
            d->started_ms + (int64_t)((double)(d->produced + 1 - d->started_produced) / d->rows_per_ms) + 1;
        return WEIR_SOURCE_IDLE;
    }
    uint64_t count = WEIR_MIN(d->limit - d->produced, (uint64_t)WEIR_BATCH_ROWS_MAX);
    if (d->rows_per_ms > 0) count = WEIR_MIN(count, due - d->produced);
    for (uint32_t c = 0; c < d->field_count; c++) {
        if (d->fields[c].sequence)
            make_sequence(d, &d->fields[c], &out->columns[c], (uint32_t)count, out);
        else
            make_column(d, &d->fields[c], &out->columns[c], (uint32_t)count, out);
    }
    out->row_count = (uint32_t)count;
    d->produced += count;
    return WEIR_SOURCE_ROWS;
}

static enum weir_error_code datagen_snapshot(
    struct weir_source *source, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    struct datagen *d = (struct datagen *)source;
    weir_buffer_append_u32(to, source->ctx->parallelism);
    weir_buffer_append_u64(to, d->produced);
    weir_buffer_append_u64(to, d->random);
    return WEIR_OK;
}

static enum weir_error_code datagen_restore(struct weir_source *source,
    const struct weir_operator_blob *blobs, uint32_t count, struct weir_error *reterr)
{
    struct datagen *d = (struct datagen *)source;
    for (uint32_t i = 0; i < count; i++) {
        struct weir_reader reader = { .data = blobs[i].bytes, .length = blobs[i].length };
        uint32_t parallelism = weir_reader_u32(&reader);
        uint64_t produced = weir_reader_u64(&reader), random = weir_reader_u64(&reader);
        if (reader.failed)
            return weir_error_set(reterr, WEIR_E_STATE, "datagen: the position in the checkpoint is damaged");
        if (parallelism != source->ctx->parallelism)
            return weir_error_set(reterr, WEIR_E_STATE,
                "datagen: made with parallelism %u, it cannot go on with %u: its rows are split by remainder",
                parallelism, source->ctx->parallelism);
        if (blobs[i].subtask_index != source->ctx->subtask_index) continue;
        d->produced = produced;
        d->random = random;
    }
    return WEIR_OK;
}

static const struct weir_source_ops source_ops = { .name = "datagen",
    .create = datagen_create,
    .poll = datagen_poll,
    .snapshot = datagen_snapshot,
    .restore = datagen_restore };

static enum weir_error_code datagen_create(struct weir_operator_context *ctx, struct weir_source **ret)
{
    struct datagen *d = WEIR_ARENA_NEW(ctx->arena, struct datagen);
    d->source = (struct weir_source){ &source_ops, ctx };
    /* Scattered: states one step apart would make subtasks repeat each other's values. */
    d->random = ctx->random_seed;
    d->random = next_random(d);
    const struct weir_spec *given = weir_spec_get(ctx->spec, "options"),
                           *columns = weir_spec_get(ctx->spec, "columns"),
                           *projection = weir_spec_get(ctx->spec, "projection");
    d->rows_per_ms =
        strtod(weir_spec_get_text(given, "rows-per-second", "10000"), NULL) / 1000 / ctx->parallelism;
    const char *limit = weir_spec_get_text(given, "number-of-rows", NULL);
    d->limit = limit ? share(ctx, strtoull(limit, NULL, 10)) : UINT64_MAX;
    d->field_count = ctx->output_column_count;
    d->fields = WEIR_ARENA_ARRAY(ctx->arena, struct field, d->field_count + 1);
    /* A sequence that is not read ends the source all the same. */
    for (uint32_t c = 0; c < columns->count; c++) {
        struct field f;
        read_field(d, &f, weir_spec_get_text(columns->items[c], "name", ""),
            weir_spec_get(columns->items[c], "type")->type);
        if (f.sequence) d->limit = WEIR_MIN(d->limit, share(ctx, (uint64_t)f.end - (uint64_t)f.start + 1));
    }
    for (uint32_t c = 0; c < d->field_count; c++) {
        const struct weir_spec *column =
            columns->items[weir_spec_get_integer(projection->items[c], "column", 0)];
        read_field(d, &d->fields[c], weir_spec_get_text(column, "name", ""), ctx->output_types[c]);
    }
    *ret = &d->source;
    return WEIR_OK;
}

extern const struct weir_connector weir_connector_datagen;
const struct weir_connector weir_connector_datagen = {
    .name = "datagen",
    .description = "Rows that are made up: random values and sequences.",
    .options = options,
    .option_count = WEIR_ARRAY_COUNT(options),
    .describe_source = describe_source,
    .source = &source_ops,
};
