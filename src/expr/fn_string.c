/* Strings: length, case, concatenation, cutting, searching, replacing. */
#include "expr/text.h"
#include <unicode/ustring.h>

/* --- CHAR_LENGTH --- */
static enum weir_error_code char_length(WEIR_KERNEL_PARAMETERS)
{
    (void)call;
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i);
        WEIR_RESULT(int32_t, out, i) = (int32_t)weir_text_length(s.data, s.length);
    }
    return WEIR_OK;
}

bool weir_infer_char_length(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "S", weir_type_of(WEIR_TYPE_INT), WEIR_TEXT_NULL_AS_ARGUMENTS, char_length, ret);
}

/* --- UPPER, LOWER ---
 * Eight ASCII bytes at a time; anything else takes the way over ICU with the root locale, which maps as Java
 * does (special casing: one sharp s becomes two letters, a final sigma is another one). */
static inline uint64_t ascii_lower_word(uint64_t word)
{
    uint64_t from_a = word + 0x3F3F3F3F3F3F3F3Fu, past_z = word + 0x2525252525252525u;
    return word | ((from_a & ~past_z & 0x8080808080808080u) >> 2);
}

static inline uint64_t ascii_upper_word(uint64_t word)
{
    uint64_t from_a = word + 0x1F1F1F1F1F1F1F1Fu, past_z = word + 0x0505050505050505u;
    return word & ~((from_a & ~past_z & 0x8080808080808080u) >> 2);
}

static inline uint64_t convert_word(uint64_t word, bool to_upper)
{
    return to_upper ? ascii_upper_word(word) : ascii_lower_word(word);
}

#define NOT_ASCII_BITS UINT64_C(0x8080808080808080)

/* More than 8 bytes; the last word overlaps the one before it. false when the bytes are not all ASCII: to has
 * then unspecified content. */
static inline bool ascii_convert(const char *from, size_t length, char *to, bool to_upper)
{
    uint64_t word, seen;
    size_t last = length - 8;
    memcpy(&word, from + last, 8);
    seen = word;
    word = convert_word(word, to_upper);
    memcpy(to + last, &word, 8);
    for (size_t i = 0; i < last; i += 8) {
        memcpy(&word, from + i, 8);
        seen |= word;
        word = convert_word(word, to_upper);
        memcpy(to + i, &word, 8);
    }
    return (seen & NOT_ASCII_BITS) == 0;
}

/* Unused bytes of an inline string are zero and stay so. */
static inline bool ascii_convert_inline(const struct weir_string *from, struct weir_string *to, bool to_upper)
{
    uint64_t head;
    uint32_t tail;
    memcpy(&head, from->inlined, 8);
    memcpy(&tail, from->inlined + 8, 4);
    uint64_t seen = head | tail;
    head = convert_word(head, to_upper);
    tail = (uint32_t)convert_word(tail, to_upper);
    to->length = from->length;
    memcpy(to->inlined, &head, 8);
    memcpy(to->inlined + 8, &tail, 4);
    return (seen & NOT_ASCII_BITS) == 0;
}

static enum weir_error_code unicode_convert(struct weir_call *call, struct weir_text_writer *writer,
    struct weir_slice from, bool to_upper, struct weir_string *ret)
{
    if (!weir_text_fits(call, to_upper ? "UPPER" : "LOWER", (uint64_t)from.length * 3))
        return call->error->code;
    UErrorCode status = U_ZERO_ERROR;
    int32_t units = 0, capacity = (int32_t)from.length;
    UChar *source = weir_arena_allocate(call->scratch, (size_t)capacity * sizeof *source);
    u_strFromUTF8WithSub(source, capacity, &units, from.data, (int32_t)from.length, 0xFFFD, NULL, &status);
    int32_t mapped_capacity = units * 3, mapped = 0;
    UChar *target = weir_arena_allocate(call->scratch, (size_t)mapped_capacity * sizeof *target);
    mapped = to_upper ? u_strToUpper(target, mapped_capacity, source, units, "", &status)
                      : u_strToLower(target, mapped_capacity, source, units, "", &status);
    size_t bytes_max = (size_t)mapped * 3;
    char *to = weir_text_reserve(writer, bytes_max);
    int32_t bytes = 0;
    if (U_SUCCESS(status))
        u_strToUTF8WithSub(to, (int32_t)bytes_max, &bytes, target, mapped, 0xFFFD, NULL, &status);
    if (U_FAILURE(status))
        return weir_error_set(call->error, WEIR_E_INTERNAL, "case mapping failed: %s", u_errorName(status));
    *ret = weir_text_finish(writer, to, (size_t)bytes);
    return WEIR_OK;
}

static inline enum weir_error_code convert_case(WEIR_KERNEL_PARAMETERS, bool to_upper)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        const struct weir_string *s = weir_text_argument(arguments[0], i);
        struct weir_string *to = &WEIR_RESULT(struct weir_string, out, i);
        bool ascii;
        if (s->length <= WEIR_STRING_INLINE_MAX) {
            ascii = ascii_convert_inline(s, to, to_upper);
        } else {
            char *at = weir_text_reserve(&writer, s->length);
            ascii = ascii_convert(s->pointer, s->length, at, to_upper);
            if (ascii) *to = weir_text_finish(&writer, at, s->length);
        }
        if (WEIR_UNLIKELY(!ascii)) {
            struct weir_slice from = { weir_string_data(s), s->length };
            enum weir_error_code code = unicode_convert(call, &writer, from, to_upper, to);
            if (code) return code;
        }
    }
    return WEIR_OK;
}

static enum weir_error_code upper(WEIR_KERNEL_PARAMETERS)
{
    return convert_case(call, arguments, out, rows, count, true);
}

static enum weir_error_code lower(WEIR_KERNEL_PARAMETERS)
{
    return convert_case(call, arguments, out, rows, count, false);
}

bool weir_infer_upper(WEIR_INFER_PARAMETERS)
{
    (void)literals, (void)reterr;
    weir_kernel kernel = function->name[0] == 'U' ? upper : lower;
    return weir_text_match(
        arena, given, count, "S", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, kernel, ret);
}

/* Words of ASCII letters and digits: the first letter upper, the others lower; all else separates words. */
static enum weir_error_code initcap(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i);
        char *to = weir_text_reserve(&writer, s.length);
        bool start = true;
        for (size_t k = 0; k < s.length; k++) {
            char c = s.data[k];
            bool is_upper = c >= 'A' && c <= 'Z', is_lower = c >= 'a' && c <= 'z',
                 is_digit = c >= '0' && c <= '9';
            if (start && is_lower) c = (char)(c - 32);
            if (!start && is_upper) c = (char)(c + 32);
            start = !(is_upper || is_lower || is_digit);
            to[k] = c;
        }
        WEIR_RESULT(struct weir_string, out, i) = weir_text_finish(&writer, to, s.length);
    }
    return WEIR_OK;
}

bool weir_infer_initcap(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "S", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, initcap, ret);
}

/* --- || and CONCAT, CONCAT_WS --- */
static enum weir_error_code concat_into(struct weir_call *call, struct weir_text_writer *writer,
    const struct weir_slice *parts, uint32_t part_count, const char *separator, size_t separator_length,
    struct weir_string *ret)
{
    uint64_t length = part_count ? (uint64_t)separator_length * (part_count - 1) : 0;
    for (uint32_t k = 0; k < part_count; k++) length += parts[k].length;
    if (!weir_text_fits(call, "CONCAT", length)) return call->error->code;
    char *to = weir_text_reserve(writer, length), *at = to;
    for (uint32_t k = 0; k < part_count; k++) {
        if (k && separator_length) memcpy(at, separator, separator_length), at += separator_length;
        if (parts[k].length) memcpy(at, parts[k].data, parts[k].length);
        at += parts[k].length;
    }
    *ret = weir_text_finish(writer, to, length);
    return WEIR_OK;
}

static enum weir_error_code concat(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct weir_slice *parts = WEIR_ARENA_ARRAY(call->scratch, struct weir_slice, call->argument_count);
    WEIR_FOR_ROWS(i, rows, count)
    {
        for (uint32_t k = 0; k < call->argument_count; k++) parts[k] = weir_text_slice(arguments[k], i);
        enum weir_error_code code = concat_into(
            call, &writer, parts, call->argument_count, "", 0, &WEIR_RESULT(struct weir_string, out, i));
        if (code) return code;
    }
    return WEIR_OK;
}

bool weir_infer_concat(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "S", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, concat, ret);
}

/* ||: CHAR(n) || CHAR(m) is CHAR(n + m), VARCHAR likewise; bytes join to bytes. */
bool weir_infer_concat_operator(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    const struct weir_type *a = given[0], *b = given[1];
    if (weir_type_is_binary(a) || weir_type_is_binary(b)) {
        if (!weir_text_match(
                arena, given, count, "b", &weir_type_bytes, WEIR_TEXT_NULL_AS_ARGUMENTS, concat, ret))
            return false;
    } else if (!weir_text_match(
                   arena, given, count, "S", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, concat, ret)) {
        return false;
    }
    if (!weir_type_is_view(a) || !weir_type_is_view(b)) return true;
    bool fixed = (a->id == WEIR_TYPE_CHAR || a->id == WEIR_TYPE_BINARY) && a->id == b->id;
    int64_t length = (int64_t)a->length + b->length;
    if (length >= WEIR_LENGTH_MAX) return true;
    enum weir_type_id id = weir_type_is_binary(a) ? (fixed ? WEIR_TYPE_BINARY : WEIR_TYPE_VARBINARY)
                                                  : (fixed ? WEIR_TYPE_CHAR : WEIR_TYPE_VARCHAR);
    ret->type = weir_type_with_length(arena, id, (int32_t)length, ret->type->nullable);
    return true;
}

/* NULL separator: NULL. NULL parts are left out together with their separator. */
static enum weir_error_code concat_ws(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct weir_slice *parts = WEIR_ARENA_ARRAY(call->scratch, struct weir_slice, call->argument_count);
    WEIR_FOR_ROWS(i, rows, count)
    {
        if (weir_argument_is_null(arguments[0], i)) {
            weir_call_set_null(call, out, i);
            continue;
        }
        struct weir_slice separator = weir_text_slice(arguments[0], i);
        uint32_t part_count = 0;
        for (uint32_t k = 1; k < call->argument_count; k++) {
            if (!weir_argument_is_null(arguments[k], i))
                parts[part_count++] = weir_text_slice(arguments[k], i);
        }
        enum weir_error_code code = concat_into(call, &writer, parts, part_count, separator.data,
            separator.length, &WEIR_RESULT(struct weir_string, out, i));
        if (code) return code;
    }
    return WEIR_OK;
}

bool weir_infer_concat_ws(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "S", &weir_type_string, WEIR_TEXT_NULL_AS_FIRST, concat_ws, ret);
}

/* --- SUBSTRING, LEFT, RIGHT --- */
enum { ALL_POINTS = INT32_MAX };

/* The part from SQL position start (1-based; negative: from the end; 0 as 1) of at most length code points.
 */
static struct weir_slice substring_of(struct weir_slice s, int32_t start, int32_t length)
{
    size_t from, points = (size_t)(length > 0 ? length : 0);
    const struct weir_slice empty = { s.data, 0 };
    if (weir_text_is_ascii(s.data, s.length)) {
        int64_t at = start > 0 ? (int64_t)start - 1 : start < 0 ? (int64_t)s.length + start : 0;
        if (at < 0 || at >= (int64_t)s.length) return empty;
        from = (size_t)at;
        return (struct weir_slice){ s.data + from, WEIR_MIN(points, s.length - from) };
    }
    if (start >= 0) {
        from = start ? weir_text_offset(s.data, s.length, (size_t)start - 1) : 0;
    } else {
        size_t points_back = (size_t)(-(int64_t)start);
        if (points_back > s.length || weir_text_length(s.data, s.length) < points_back) return empty;
        from = weir_text_offset_from_end(s.data, s.length, points_back);
    }
    size_t rest = s.length - from;
    return (struct weir_slice){ s.data + from,
        length == ALL_POINTS ? rest : weir_text_offset(s.data + from, rest, points) };
}

static enum weir_error_code substring(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    bool has_length = call->argument_count == 3;
    WEIR_FOR_ROWS(i, rows, count)
    {
        int32_t start = WEIR_ARGUMENT(int32_t, arguments[1], i);
        int32_t length = has_length ? WEIR_ARGUMENT(int32_t, arguments[2], i) : ALL_POINTS;
        if (WEIR_UNLIKELY(length < 0)) {
            weir_call_set_null(call, out, i);
            continue;
        }
        struct weir_slice part = substring_of(weir_text_slice(arguments[0], i), start, length);
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, part.data, part.length);
    }
    return WEIR_OK;
}

/* A negative length makes NULL, but the type follows the arguments, as in Flink. */
bool weir_infer_substring(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "SI", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, substring, ret);
}

static enum weir_error_code left(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        int32_t length = WEIR_ARGUMENT(int32_t, arguments[1], i);
        struct weir_slice part = substring_of(weir_text_slice(arguments[0], i), 1, WEIR_MAX(length, 0));
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, part.data, part.length);
    }
    return WEIR_OK;
}

static enum weir_error_code right(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        int32_t length = WEIR_ARGUMENT(int32_t, arguments[1], i);
        struct weir_slice s = weir_text_slice(arguments[0], i);
        size_t from = length > 0 ? weir_text_offset_from_end(s.data, s.length, (size_t)length) : s.length;
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, s.data + from, s.length - from);
    }
    return WEIR_OK;
}

bool weir_infer_left(WEIR_INFER_PARAMETERS)
{
    (void)literals, (void)reterr;
    weir_kernel kernel = function->name[0] == 'L' ? left : right;
    return weir_text_match(
        arena, given, count, "SI", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, kernel, ret);
}

/* --- REPLACE --- */
static void replace_empty(struct weir_text_builder *builder, struct weir_slice s, struct weir_slice with)
{
    for (size_t at = 0; at < s.length;) {
        uint32_t point, bytes = weir_text_decode(s.data + at, s.length - at, &point);
        weir_text_builder_add(builder, with.data, with.length);
        weir_text_builder_add(builder, s.data + at, bytes);
        at += bytes;
    }
    weir_text_builder_add(builder, with.data, with.length);
}

static enum weir_error_code replace(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct weir_text_builder builder = { .arena = call->scratch };
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i), old = weir_text_slice(arguments[1], i);
        struct weir_slice with = weir_text_slice(arguments[2], i);
        const char *at = s.data, *end = s.data + s.length;
        const char *hit = old.length ? weir_text_find(at, s.length, old.data, old.length) : NULL;
        if (!hit && old.length) {
            WEIR_RESULT(struct weir_string, out, i) =
                weir_text_pass(&writer, weir_text_argument(arguments[0], i));
            continue;
        }
        if (!weir_text_fits(call, "REPLACE",
                (uint64_t)(s.length / WEIR_MAX(old.length, (size_t)1) + 1) * (with.length + 1))) {
            return call->error->code;
        }
        builder.length = 0;
        if (!old.length) replace_empty(&builder, s, with);
        while (hit) {
            weir_text_builder_add(&builder, at, (size_t)(hit - at));
            weir_text_builder_add(&builder, with.data, with.length);
            at = hit + old.length;
            hit = weir_text_find(at, (size_t)(end - at), old.data, old.length);
        }
        if (old.length) weir_text_builder_add(&builder, at, (size_t)(end - at));
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, builder.data, builder.length);
    }
    return WEIR_OK;
}

bool weir_infer_replace(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "S", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, replace, ret);
}

/* --- POSITION, LOCATE, INSTR --- */
/* 1-based position of needle in s at or behind the 0-based code point from; 0: none. */
static int32_t position_of(struct weir_slice s, struct weir_slice needle, int64_t from)
{
    if (needle.length == 0) return 1;
    size_t skip = from > 0 ? weir_text_offset(s.data, s.length, (size_t)from) : 0;
    const char *hit = weir_text_find(s.data + skip, s.length - skip, needle.data, needle.length);
    return hit ? (int32_t)weir_text_length(s.data, (size_t)(hit - s.data)) + 1 : 0;
}

/* POSITION(needle, s [, from]) and LOCATE alike. */
static enum weir_error_code position(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        int64_t from = call->argument_count == 3 ? WEIR_ARGUMENT(int32_t, arguments[2], i) : 1;
        WEIR_RESULT(int32_t, out, i) =
            position_of(weir_text_slice(arguments[1], i), weir_text_slice(arguments[0], i), from - 1);
    }
    return WEIR_OK;
}

bool weir_infer_position(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "SSI", weir_type_of(WEIR_TYPE_INT), WEIR_TEXT_NULL_AS_ARGUMENTS, position, ret);
}

/* Position of the nth occurrence counted from the end, looked for from `back` code points before the end. */
static int32_t position_from_end(struct weir_slice s, struct weir_slice needle, int64_t back, int32_t nth)
{
    if (needle.length > s.length) return 0;
    size_t limit = s.length;
    if (back > 1) limit = weir_text_offset_from_end(s.data, s.length, (size_t)back - 1);
    for (;;) {
        /* The occurrence that ends last at or before limit. */
        size_t at = limit;
        const char *hit = NULL;
        while (at >= needle.length && !hit) {
            const char *candidate = s.data + at - needle.length;
            if (memcmp(candidate, needle.data, needle.length) == 0)
                hit = candidate;
            else if (at == 0)
                break;
            else
                at--;
        }
        if (!hit) return 0;
        if (--nth == 0) return (int32_t)weir_text_length(s.data, (size_t)(hit - s.data)) + 1;
        limit = weir_text_offset_from_end(s.data, (size_t)(hit - s.data) + needle.length, 1);
    }
}

/* Position of the nth occurrence at or behind the 1-based start; each search goes on one code point further.
 */
static int32_t position_of_nth(struct weir_slice s, struct weir_slice needle, int32_t start, int32_t nth)
{
    size_t skip = weir_text_offset(s.data, s.length, (size_t)start - 1);
    for (;;) {
        const char *hit = weir_text_find(s.data + skip, s.length - skip, needle.data, needle.length);
        if (!hit) return 0;
        skip = (size_t)(hit - s.data);
        if (--nth == 0) return (int32_t)weir_text_length(s.data, skip) + 1;
        skip += weir_text_offset(hit, s.length - skip, 1);
    }
}

static enum weir_error_code instr(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i), needle = weir_text_slice(arguments[1], i);
        int32_t start = call->argument_count > 2 ? WEIR_ARGUMENT(int32_t, arguments[2], i) : 1;
        int32_t nth = call->argument_count > 3 ? WEIR_ARGUMENT(int32_t, arguments[3], i) : 1;
        if (nth <= 0) {
            return weir_error_set(call->error, WEIR_E_ARGUMENT,
                "INSTR: the number of the occurrence must be positive, but is %d", nth);
        }
        int32_t at = 0;
        if (start > 0) {
            at = needle.length ? position_of_nth(s, needle, start, nth) : 1;
        } else if (start < 0) {
            at = needle.length ? position_from_end(s, needle, -(int64_t)start, nth)
                               : (int32_t)weir_text_length(s.data, s.length) + 1;
        }
        WEIR_RESULT(int32_t, out, i) = at;
    }
    return WEIR_OK;
}

bool weir_infer_instr(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "SSI", weir_type_of(WEIR_TYPE_INT), WEIR_TEXT_NULL_AS_ARGUMENTS, instr, ret);
}
