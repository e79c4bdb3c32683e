/*
 * REGEXP and its family, STR_TO_MAP. A constant pattern is compiled once; others once per batch for as long
 * as they repeat. A pattern that is no regular expression makes NULL (FALSE for REGEXP), as in Flink.
 */
#include "expr/regexp.h"
#include "expr/text.h"

/* The compiled pattern of a row; NULL: it is none. */
struct pattern_cache {
    struct weir_call *call;
    const struct weir_vector *patterns;
    struct weir_slice known;
    struct weir_regexp *regexp;
};

/* Marks a constant pattern that is none. */
static char bad_constant;

static void cache_init(
    struct pattern_cache *cache, struct weir_call *call, const struct weir_vector *patterns)
{
    *cache = (struct pattern_cache){ .call = call, .patterns = patterns };
    if (call->prepared && call->prepared != &bad_constant) cache->regexp = call->prepared;
}

static struct weir_regexp *cache_get(struct pattern_cache *cache, uint32_t row)
{
    if (cache->call->prepared) return cache->regexp;
    struct weir_slice pattern = weir_text_slice(cache->patterns, row);
    if (!cache->known.data || pattern.length != cache->known.length ||
        memcmp(pattern.data, cache->known.data, pattern.length) != 0) {
        if (weir_regexp_compile(cache->call->scratch, pattern, 0, &cache->regexp, NULL)) cache->regexp = NULL;
        cache->known = pattern;
    }
    return cache->regexp;
}

static void release(struct weir_call *call)
{
    if (call->prepared != &bad_constant) weir_regexp_release(call->prepared);
    call->prepared = NULL;
}

enum weir_error_code weir_bind_regexp(struct weir_call *call)
{
    struct weir_slice pattern;
    if (call->argument_count < 2 || !weir_literal_text(call->constants[1], &pattern)) return WEIR_OK;
    struct weir_regexp *regexp;
    bool bad = weir_regexp_compile(call->arena, pattern, WEIR_REGEXP_JIT, &regexp, NULL) != WEIR_OK;
    call->prepared = bad ? (void *)&bad_constant : regexp;
    call->release = release;
    return WEIR_OK;
}

/* --- REGEXP --- */
static enum weir_error_code regexp_test(WEIR_KERNEL_PARAMETERS)
{
    struct pattern_cache cache;
    cache_init(&cache, call, arguments[1]);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_regexp *regexp = cache_get(&cache, i);
        bool empty = weir_text_argument(arguments[1], i)->length == 0;
        WEIR_RESULT(uint8_t, out, i) =
            regexp && !empty && weir_regexp_test(regexp, weir_text_slice(arguments[0], i));
    }
    return WEIR_OK;
}

bool weir_infer_regexp(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(arena, given, count, "S", weir_type_of(WEIR_TYPE_BOOLEAN),
        WEIR_TEXT_NULL_AS_ARGUMENTS, regexp_test, ret);
}

/* --- REGEXP_EXTRACT, REGEXP_SUBSTR --- */
static enum weir_error_code regexp_extract(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct pattern_cache cache;
    cache_init(&cache, call, arguments[1]);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_regexp *regexp = cache_get(&cache, i);
        int32_t group = call->argument_count > 2 ? WEIR_ARGUMENT(int32_t, arguments[2], i) : 0;
        struct weir_slice s = weir_text_slice(arguments[0], i), part;
        bool found = regexp && group >= 0 && (uint32_t)group <= weir_regexp_group_count(regexp) &&
                     weir_regexp_find(regexp, s, 0) && weir_regexp_group(regexp, s, (uint32_t)group, &part);
        if (found)
            WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, part.data, part.length);
        else
            weir_call_set_null(call, out, i);
    }
    return WEIR_OK;
}

bool weir_infer_regexp_extract(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "SSI", &weir_type_string, WEIR_TEXT_NULL_ALWAYS, regexp_extract, ret);
}

bool weir_infer_regexp_substr(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals;
    if (weir_text_match(
            arena, given, count, "s", &weir_type_string, WEIR_TEXT_NULL_ALWAYS, regexp_extract, ret))
        return true;
    return weir_text_mismatch(reterr, "REGEXP_SUBSTR(str <CHARACTER_STRING>, regex <CHARACTER_STRING>)");
}

/* --- REGEXP_EXTRACT_ALL(text, regex [, group = 1]) --- */
static void extract_all_row(struct weir_call *call, struct weir_vector *out, struct weir_text_writer *writer,
    struct weir_regexp *regexp, struct weir_slice s, uint32_t group)
{
    for (size_t from = 0; from != SIZE_MAX && from <= s.length && weir_regexp_find(regexp, s, from);
         from = weir_regexp_next(regexp, s)) {
        struct weir_slice part;
        weir_vector_reserve_children(out, 1, call->scratch);
        struct weir_vector *elements = &out->children[0];
        uint32_t at = out->child_rows++;
        if (weir_regexp_group(regexp, s, group, &part)) {
            WEIR_RESULT(struct weir_string, elements, at) = weir_text_copy(writer, part.data, part.length);
            if (elements->validity) weir_bit_set(elements->validity, at);
        } else {
            weir_vector_set_null(elements, at, call->scratch);
        }
    }
}

static enum weir_error_code regexp_extract_all(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct pattern_cache cache;
    cache_init(&cache, call, arguments[1]);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_regexp *regexp = cache_get(&cache, i);
        int64_t group = call->argument_count > 2 ? WEIR_ARGUMENT(int64_t, arguments[2], i) : 1;
        uint32_t first = out->child_rows;
        if (regexp && group >= 0 && group <= (int64_t)weir_regexp_group_count(regexp)) {
            extract_all_row(call, out, &writer, regexp, weir_text_slice(arguments[0], i), (uint32_t)group);
        } else {
            weir_call_set_null(call, out, i);
        }
        WEIR_RESULT(struct weir_list, out, i) = (struct weir_list){ first, out->child_rows - first };
    }
    return WEIR_OK;
}

bool weir_infer_regexp_extract_all(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals;
    const struct weir_type *result = weir_type_array(arena, &weir_type_string, true);
    if (weir_text_match(arena, given, count, "ssL", result, WEIR_TEXT_NULL_ALWAYS, regexp_extract_all, ret))
        return true;
    return weir_text_mismatch(reterr, "REGEXP_EXTRACT_ALL(str <CHARACTER_STRING>, regex <CHARACTER_STRING>)\n"
                                      "REGEXP_EXTRACT_ALL(str <CHARACTER_STRING>, regex <CHARACTER_STRING>, "
                                      "extractIndex <INTEGER_NUMERIC>)");
}

/* --- REGEXP_COUNT, REGEXP_INSTR --- */
static enum weir_error_code regexp_count(WEIR_KERNEL_PARAMETERS)
{
    struct pattern_cache cache;
    cache_init(&cache, call, arguments[1]);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_regexp *regexp = cache_get(&cache, i);
        struct weir_slice s = weir_text_slice(arguments[0], i);
        int32_t matches = 0;
        if (!regexp) weir_call_set_null(call, out, i);
        for (size_t from = 0;
             regexp && from != SIZE_MAX && from <= s.length && weir_regexp_find(regexp, s, from);
             from = weir_regexp_next(regexp, s)) {
            matches++;
        }
        WEIR_RESULT(int32_t, out, i) = matches;
    }
    return WEIR_OK;
}

/* Java counts UTF-16 units: a code point beyond the basic plane is two. */
static int32_t utf16_length(const char *data, size_t length)
{
    size_t units = weir_text_length(data, length);
    for (size_t i = 0; i < length; i++) units += (uint8_t)data[i] >= 0xF0;
    return (int32_t)units;
}

static enum weir_error_code regexp_instr(WEIR_KERNEL_PARAMETERS)
{
    struct pattern_cache cache;
    cache_init(&cache, call, arguments[1]);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_regexp *regexp = cache_get(&cache, i);
        struct weir_slice s = weir_text_slice(arguments[0], i), hit;
        int32_t at = 0;
        if (!regexp)
            weir_call_set_null(call, out, i);
        else if (weir_regexp_find(regexp, s, 0) && weir_regexp_group(regexp, s, 0, &hit))
            at = utf16_length(s.data, (size_t)(hit.data - s.data)) + 1;
        WEIR_RESULT(int32_t, out, i) = at;
    }
    return WEIR_OK;
}

bool weir_infer_regexp_count(WEIR_INFER_PARAMETERS)
{
    (void)literals;
    bool counts = function->name[7] == 'C';
    weir_kernel kernel = counts ? regexp_count : regexp_instr;
    if (weir_text_match(
            arena, given, count, "s", weir_type_of(WEIR_TYPE_INT), WEIR_TEXT_NULL_ALWAYS, kernel, ret))
        return true;
    return weir_text_mismatch(reterr, counts
                                          ? "REGEXP_COUNT(str <CHARACTER_STRING>, regex <CHARACTER_STRING>)"
                                          : "REGEXP_INSTR(str <CHARACTER_STRING>, regex <CHARACTER_STRING>)");
}

/* --- REGEXP_REPLACE: the replacement is plain text, $ and \ mean nothing in it --- */
static enum weir_error_code regexp_replace(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct weir_text_builder builder = { .arena = call->scratch };
    struct pattern_cache cache;
    cache_init(&cache, call, arguments[1]);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_regexp *regexp = cache_get(&cache, i);
        struct weir_slice s = weir_text_slice(arguments[0], i), with = weir_text_slice(arguments[2], i), hit;
        if (!regexp) {
            weir_call_set_null(call, out, i);
            continue;
        }
        size_t done = 0;
        builder.length = 0;
        for (size_t from = 0; from != SIZE_MAX && from <= s.length && weir_regexp_find(regexp, s, from);
             from = weir_regexp_next(regexp, s)) {
            if (!weir_regexp_group(regexp, s, 0, &hit)) break;
            size_t start = (size_t)(hit.data - s.data);
            weir_text_builder_add(&builder, s.data + done, start - done);
            weir_text_builder_add(&builder, with.data, with.length);
            done = start + hit.length;
            if (!weir_text_fits(call, "REGEXP_REPLACE", builder.length)) return call->error->code;
        }
        weir_text_builder_add(&builder, s.data + done, s.length - done);
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, builder.data, builder.length);
    }
    return WEIR_OK;
}

bool weir_infer_regexp_replace(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "S", &weir_type_string, WEIR_TEXT_NULL_ALWAYS, regexp_replace, ret);
}

/* --- STR_TO_MAP(text [, pair delimiter = ',' , key delimiter = '=']): delimiters are regular expressions ---
 */
struct map_delimiters {
    struct weir_regexp *pairs, *keys;
};

/* The next part of s from *at on, cut by delimiter as Java's split() does; false: no more. */
static bool next_part(
    struct weir_regexp *delimiter, struct weir_slice s, size_t *at, bool *done, struct weir_slice *ret)
{
    if (*done) return false;
    size_t from = *at;
    struct weir_slice hit;
    while (from != SIZE_MAX && from <= s.length && weir_regexp_find(delimiter, s, from) &&
           weir_regexp_group(delimiter, s, 0, &hit)) {
        size_t start = (size_t)(hit.data - s.data);
        if (hit.length == 0 && (start == 0 || start == *at || start >= s.length)) {
            from = weir_regexp_next(delimiter, s);
            continue;
        }
        *ret = (struct weir_slice){ s.data + *at, start - *at };
        *at = start + hit.length;
        return true;
    }
    *ret = (struct weir_slice){ s.data + *at, s.length - *at };
    *done = true;
    return true;
}

/* Keys of one map by their hash, for texts with many pairs; slots hold index + 1. */
struct key_table {
    uint32_t *slots, mask; /* NULL: few keys, looked through one by one */
};

enum { KEY_TABLE_TEXT_BYTES_MIN = 512 };

static void key_table_init(struct key_table *table, struct weir_call *call, size_t text_bytes)
{
    *table = (struct key_table){ 0 };
    if (text_bytes < KEY_TABLE_TEXT_BYTES_MIN) return;
    uint32_t slots = 1024;
    while (slots < text_bytes + 2)
        slots *= 2; /* a pair takes a byte at least, half of the slots stay free mostly */
    table->slots = WEIR_ARENA_ARRAY(call->scratch, uint32_t, slots);
    table->mask = slots - 1;
}

/* The row of an equal key from first on; else next. */
static uint32_t find_key(struct key_table *table, const struct weir_vector *keys, uint32_t first,
    uint32_t next, struct weir_slice key)
{
    struct weir_string view = weir_string_view(key.data, (uint32_t)key.length);
    const struct weir_string *known = keys->data;
    if (!table->slots) {
        uint32_t at = first;
        while (at < next && !weir_string_equal(&known[at], &view)) at++;
        return at;
    }
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t k = 0; k < key.length; k++) hash = (hash ^ (uint8_t)key.data[k]) * 1099511628211u;
    uint32_t slot = (uint32_t)(hash >> 32 ^ hash) & table->mask;
    for (; table->slots[slot]; slot = (slot + 1) & table->mask) {
        if (weir_string_equal(&known[table->slots[slot] - 1], &view)) return table->slots[slot] - 1;
    }
    table->slots[slot] = next + 1;
    return next;
}

/* A later pair replaces the value of an equal key. */
static void put_pair(struct weir_call *call, struct weir_vector *out, struct key_table *table, uint32_t first,
    struct weir_text_writer *writer, struct weir_slice key, const struct weir_slice *value)
{
    uint32_t at = find_key(table, &out->children[0], first, out->child_rows, key);
    if (at == out->child_rows) {
        weir_vector_reserve_children(out, 1, call->scratch);
        WEIR_RESULT(struct weir_string, &out->children[0], at) = weir_text_copy(writer, key.data, key.length);
        out->child_rows++;
    }
    struct weir_vector *values = &out->children[1];
    if (value) {
        WEIR_RESULT(struct weir_string, values, at) = weir_text_copy(writer, value->data, value->length);
        if (values->validity) weir_bit_set(values->validity, at);
    } else {
        weir_vector_set_null(values, at, call->scratch);
    }
}

/* Parts without content at the end do not count, so they are put only when one with content follows. */
static void map_row(struct weir_call *call, struct weir_vector *out, struct weir_text_writer *writer,
    const struct map_delimiters *by, struct weir_slice s)
{
    uint32_t first = out->child_rows;
    struct key_table table;
    key_table_init(&table, call, s.length);
    size_t at = 0, empties = 0;
    bool done = false;
    struct weir_slice part;
    while (s.length && next_part(by->pairs, s, &at, &done, &part)) {
        if (part.length == 0) {
            empties++;
            continue;
        }
        if (empties)
            put_pair(call, out, &table, first, writer, (struct weir_slice){ "", 0 }, NULL), empties = 0;
        size_t key_at = 0;
        bool key_done = false;
        struct weir_slice key, value;
        next_part(by->keys, part, &key_at, &key_done, &key);
        if (key_done) {
            put_pair(call, out, &table, first, writer, part, NULL);
        } else {
            value = (struct weir_slice){ part.data + key_at, part.length - key_at };
            put_pair(call, out, &table, first, writer, key, &value);
        }
    }
}

static enum weir_error_code compile_delimiter(struct weir_call *call, struct weir_arena *arena,
    const struct weir_vector *const *arguments, uint32_t argument, uint32_t row, const char *otherwise,
    struct weir_regexp **ret)
{
    struct weir_slice pattern = { otherwise, 1 };
    if (call->argument_count > argument) pattern = weir_text_slice(arguments[argument], row);
    return weir_regexp_compile(arena, pattern, 0, ret, call->error);
}

static enum weir_error_code str_to_map(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct map_delimiters by = { 0 };
    bool constant = true;
    for (uint32_t k = 1; k < call->argument_count; k++)
        constant = constant && arguments[k]->encoding == WEIR_ENCODING_CONSTANT;
    WEIR_FOR_ROWS(i, rows, count)
    {
        if (!by.pairs || !constant) {
            enum weir_error_code code =
                compile_delimiter(call, call->scratch, arguments, 1, i, ",", &by.pairs);
            if (!code) code = compile_delimiter(call, call->scratch, arguments, 2, i, "=", &by.keys);
            if (code) return code;
        }
        uint32_t first = out->child_rows;
        map_row(call, out, &writer, &by, weir_text_slice(arguments[0], i));
        WEIR_RESULT(struct weir_list, out, i) = (struct weir_list){ first, out->child_rows - first };
    }
    return WEIR_OK;
}

bool weir_infer_str_to_map(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    if (count == 2) return false;
    const struct weir_type *result = weir_type_map(arena, &weir_type_string, &weir_type_string, true);
    return weir_text_match(arena, given, count, "S", result, WEIR_TEXT_NULL_AS_ARGUMENTS, str_to_map, ret);
}
