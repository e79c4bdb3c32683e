/* Strings: trimming, padding, repeating, overlaying, translating, single characters, choosing. */
#include "expr/text.h"

/* --- TRIM and its kin: a set of characters is taken away at one or both ends --- */
enum trim_side { TRIM_LEADING = 1, TRIM_TRAILING = 2, TRIM_BOTH = 3 };

static bool set_has(struct weir_slice set, const char *at, size_t bytes)
{
    if (bytes == 1) return memchr(set.data, at[0], set.length) != NULL;
    return weir_text_find(set.data, set.length, at, bytes) != NULL;
}

static struct weir_slice trim_of(struct weir_slice s, struct weir_slice set, enum trim_side side)
{
    uint32_t point;
    if (set.length == 0) return s;
    while (side & TRIM_LEADING && s.length) {
        uint32_t bytes = weir_text_decode(s.data, s.length, &point);
        if (!set_has(set, s.data, bytes)) break;
        s.data += bytes, s.length -= bytes;
    }
    while (side & TRIM_TRAILING && s.length) {
        size_t at = weir_text_offset_from_end(s.data, s.length, 1);
        if (!set_has(set, s.data + at, s.length - at)) break;
        s.length = at;
    }
    return s;
}

static enum weir_error_code trim_rows(WEIR_KERNEL_PARAMETERS, const struct weir_vector *sets,
    const struct weir_vector *texts, enum trim_side side)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice set = sets ? weir_text_slice(sets, i) : WEIR_SLICE(" ");
        struct weir_slice part = trim_of(weir_text_slice(texts, i), set, side);
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, part.data, part.length);
    }
    (void)arguments;
    return WEIR_OK;
}

/* TRIM('BOTH' | 'LEADING' | 'TRAILING', set, text) */
static enum weir_error_code trim_call(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice word = weir_text_slice(arguments[0], i);
        char first = word.length ? word.data[0] : 'B';
        enum trim_side side = first == 'L' ? TRIM_LEADING : first == 'T' ? TRIM_TRAILING : TRIM_BOTH;
        struct weir_slice part =
            trim_of(weir_text_slice(arguments[2], i), weir_text_slice(arguments[1], i), side);
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, part.data, part.length);
    }
    return WEIR_OK;
}

static enum weir_error_code trim_one(WEIR_KERNEL_PARAMETERS)
{
    return trim_rows(call, arguments, out, rows, count, NULL, arguments[0], TRIM_BOTH);
}

bool weir_infer_trim(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)reterr, (void)literals;
    if (count == 1) {
        return weir_text_match(
            arena, given, count, "S", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, trim_one, ret);
    }
    if (count != 3) return false;
    return weir_text_match(
        arena, given, count, "S", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, trim_call, ret);
}

static enum weir_error_code ltrim(WEIR_KERNEL_PARAMETERS)
{
    return trim_rows(call, arguments, out, rows, count, call->argument_count == 2 ? arguments[1] : NULL,
        arguments[0], TRIM_LEADING);
}

static enum weir_error_code rtrim(WEIR_KERNEL_PARAMETERS)
{
    return trim_rows(call, arguments, out, rows, count, call->argument_count == 2 ? arguments[1] : NULL,
        arguments[0], TRIM_TRAILING);
}

static enum weir_error_code btrim(WEIR_KERNEL_PARAMETERS)
{
    return trim_rows(call, arguments, out, rows, count, call->argument_count == 2 ? arguments[1] : NULL,
        arguments[0], TRIM_BOTH);
}

bool weir_infer_trim_side(WEIR_INFER_PARAMETERS)
{
    (void)literals;
    char side = function->name[0];
    weir_kernel kernel = side == 'L' ? ltrim : side == 'R' ? rtrim : btrim;
    if (weir_text_match(arena, given, count, side == 'B' ? "s" : "S", &weir_type_string,
            WEIR_TEXT_NULL_AS_ARGUMENTS, kernel, ret))
        return true;
    if (side != 'B') return false;
    return weir_text_mismatch(
        reterr, "BTRIM(str <CHARACTER_STRING>)\nBTRIM(str <CHARACTER_STRING>, trimStr <CHARACTER_STRING>)");
}

/* --- REPEAT, REVERSE --- */
static enum weir_error_code repeat(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i);
        int32_t times = WEIR_ARGUMENT(int32_t, arguments[1], i);
        uint64_t length = times > 0 ? (uint64_t)s.length * (uint64_t)times : 0;
        if (!weir_text_fits(call, "REPEAT", length)) return call->error->code;
        char *to = weir_text_reserve(&writer, length);
        for (uint64_t at = 0; at < length; at += s.length) memcpy(to + at, s.data, s.length);
        WEIR_RESULT(struct weir_string, out, i) = weir_text_finish(&writer, to, length);
    }
    return WEIR_OK;
}

bool weir_infer_repeat(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "SI", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, repeat, ret);
}

static enum weir_error_code reverse(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i);
        char *to = weir_text_reserve(&writer, s.length);
        for (size_t at = 0; at < s.length;) {
            uint32_t point, bytes = weir_text_decode(s.data + at, s.length - at, &point);
            memcpy(to + s.length - at - bytes, s.data + at, bytes);
            at += bytes;
        }
        WEIR_RESULT(struct weir_string, out, i) = weir_text_finish(&writer, to, s.length);
    }
    return WEIR_OK;
}

bool weir_infer_reverse(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "S", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, reverse, ret);
}

/* --- LPAD, RPAD: NULL for a negative length or an empty padding --- */
static enum weir_error_code pad(WEIR_KERNEL_PARAMETERS, bool at_left)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i), padding = weir_text_slice(arguments[2], i);
        int32_t length = WEIR_ARGUMENT(int32_t, arguments[1], i);
        if (length < 0 || padding.length == 0) {
            weir_call_set_null(call, out, i);
            continue;
        }
        size_t points = weir_text_length(s.data, s.length);
        size_t keep = points > (size_t)length ? weir_text_offset(s.data, s.length, (size_t)length) : s.length;
        size_t missing = points < (size_t)length ? (size_t)length - points : 0;
        size_t padding_points = weir_text_length(padding.data, padding.length);
        size_t whole = padding_points ? missing / padding_points : 0;
        size_t rest =
            padding_points ? weir_text_offset(padding.data, padding.length, missing % padding_points) : 0;
        if (padding_points && missing % padding_points == 0) rest = 0;
        uint64_t pad_bytes = (uint64_t)whole * padding.length + rest;
        if (!weir_text_fits(call, at_left ? "LPAD" : "RPAD", pad_bytes + keep)) return call->error->code;
        char *to = weir_text_reserve(&writer, pad_bytes + keep), *at = to;
        if (!at_left) memcpy(at, s.data, keep), at += keep;
        for (size_t k = 0; k < whole; k++) memcpy(at, padding.data, padding.length), at += padding.length;
        memcpy(at, padding.data, rest), at += rest;
        if (at_left) memcpy(at, s.data, keep);
        WEIR_RESULT(struct weir_string, out, i) = weir_text_finish(&writer, to, pad_bytes + keep);
    }
    return WEIR_OK;
}

static enum weir_error_code lpad(WEIR_KERNEL_PARAMETERS)
{
    return pad(call, arguments, out, rows, count, true);
}

static enum weir_error_code rpad(WEIR_KERNEL_PARAMETERS)
{
    return pad(call, arguments, out, rows, count, false);
}

bool weir_infer_pad(WEIR_INFER_PARAMETERS)
{
    (void)literals, (void)reterr;
    weir_kernel kernel = function->name[0] == 'L' ? lpad : rpad;
    return weir_text_match(arena, given, count, "SIS", &weir_type_string, WEIR_TEXT_NULL_ALWAYS, kernel, ret);
}

/* --- OVERLAY(text, with, from [, for]) --- */
static enum weir_error_code overlay(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i), with = weir_text_slice(arguments[1], i);
        int64_t start = WEIR_ARGUMENT(int32_t, arguments[2], i),
                points = (int64_t)weir_text_length(s.data, s.length);
        int64_t length = call->argument_count == 4 ? WEIR_ARGUMENT(int32_t, arguments[3], i)
                                                   : (int64_t)weir_text_length(with.data, with.length);
        if (start <= 0 || start > points) {
            WEIR_RESULT(struct weir_string, out, i) =
                weir_text_pass(&writer, weir_text_argument(arguments[0], i));
            continue;
        }
        size_t before = weir_text_offset(s.data, s.length, (size_t)start - 1), behind = s.length;
        if (length > 0 && start + length <= points)
            behind = weir_text_offset(s.data, s.length, (size_t)(start - 1 + length));
        size_t total = before + with.length + (s.length - behind);
        char *to = weir_text_reserve(&writer, total);
        memcpy(to, s.data, before);
        memcpy(to + before, with.data, with.length);
        memcpy(to + before + with.length, s.data + behind, s.length - behind);
        WEIR_RESULT(struct weir_string, out, i) = weir_text_finish(&writer, to, total);
    }
    return WEIR_OK;
}

bool weir_infer_overlay(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "SSI", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, overlay, ret);
}

/* --- STARTSWITH, ENDSWITH --- */
static enum weir_error_code starts_with(WEIR_KERNEL_PARAMETERS)
{
    (void)call;
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i), part = weir_text_slice(arguments[1], i);
        WEIR_RESULT(uint8_t, out, i) = part.length <= s.length && memcmp(s.data, part.data, part.length) == 0;
    }
    return WEIR_OK;
}

static enum weir_error_code ends_with(WEIR_KERNEL_PARAMETERS)
{
    (void)call;
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i), part = weir_text_slice(arguments[1], i);
        WEIR_RESULT(uint8_t, out, i) =
            part.length <= s.length && memcmp(s.data + s.length - part.length, part.data, part.length) == 0;
    }
    return WEIR_OK;
}

bool weir_infer_starts_with(WEIR_INFER_PARAMETERS)
{
    (void)literals;
    bool start = function->name[0] == 'S';
    const struct weir_type *boolean = weir_type_of(WEIR_TYPE_BOOLEAN);
    weir_kernel kernel = start ? starts_with : ends_with;
    bool bytes = weir_type_is_binary(given[0]) || weir_type_is_binary(given[1]);
    if (weir_text_match(
            arena, given, count, bytes ? "b" : "s", boolean, WEIR_TEXT_NULL_AS_ARGUMENTS, kernel, ret))
        return true;
    return weir_text_mismatch(
        reterr, start ? "STARTSWITH(expr <CHARACTER_STRING>, startExpr <CHARACTER_STRING>)\nSTARTSWITH(expr "
                        "<BINARY_STRING>, startExpr <BINARY_STRING>)"
                      : "ENDSWITH(expr <CHARACTER_STRING>, endExpr <CHARACTER_STRING>)\nENDSWITH(expr "
                        "<BINARY_STRING>, endExpr <BINARY_STRING>)");
}

/* --- TRANSLATE: the first mention of a character in `from` counts; what has no counterpart in `to` goes ---
 */
static void translate_row(
    struct weir_text_builder *builder, struct weir_slice s, struct weir_slice from, struct weir_slice to)
{
    uint32_t point;
    for (size_t at = 0; at < s.length;) {
        uint32_t bytes = weir_text_decode(s.data + at, s.length - at, &point);
        const char *hit = weir_text_find(from.data, from.length, s.data + at, bytes);
        if (!hit) {
            weir_text_builder_add(builder, s.data + at, bytes);
        } else {
            size_t place = weir_text_length(from.data, (size_t)(hit - from.data));
            size_t offset = weir_text_offset(to.data, to.length, place);
            if (offset < to.length) {
                uint32_t to_bytes = weir_text_decode(to.data + offset, to.length - offset, &point);
                weir_text_builder_add(builder, to.data + offset, to_bytes);
            }
        }
        at += bytes;
    }
}

static enum weir_error_code translate(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct weir_text_builder builder = { .arena = call->scratch };
    WEIR_FOR_ROWS(i, rows, count)
    {
        if (weir_argument_is_null(arguments[0], i)) {
            weir_call_set_null(call, out, i);
            continue;
        }
        const struct weir_slice nothing = { "", 0 };
        struct weir_slice from =
            weir_argument_is_null(arguments[1], i) ? nothing : weir_text_slice(arguments[1], i);
        struct weir_slice to =
            weir_argument_is_null(arguments[2], i) ? nothing : weir_text_slice(arguments[2], i);
        builder.length = 0;
        translate_row(&builder, weir_text_slice(arguments[0], i), from, to);
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, builder.data, builder.length);
    }
    return WEIR_OK;
}

bool weir_infer_translate(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals;
    if (weir_text_match(arena, given, count, "s", &weir_type_string, WEIR_TEXT_NULL_AS_FIRST, translate, ret))
        return true;
    return weir_text_mismatch(
        reterr, "TRANSLATE3(expr <CHARACTER_STRING>, fromStr <CHARACTER_STRING>, toStr <CHARACTER_STRING>)");
}

/* --- ASCII, CHR --- */
static enum weir_error_code ascii(WEIR_KERNEL_PARAMETERS)
{
    (void)call;
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i);
        WEIR_RESULT(int32_t, out, i) = s.length ? (int8_t)s.data[0] : 0;
    }
    return WEIR_OK;
}

bool weir_infer_ascii(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "S", weir_type_of(WEIR_TYPE_INT), WEIR_TEXT_NULL_AS_ARGUMENTS, ascii, ret);
}

static enum weir_error_code chr(WEIR_KERNEL_PARAMETERS)
{
    (void)call;
    WEIR_FOR_ROWS(i, rows, count)
    {
        int64_t value = WEIR_ARGUMENT(int64_t, arguments[0], i);
        char bytes[WEIR_STRING_INLINE_MAX];
        uint32_t length = value < 0 ? 0 : weir_text_encode((uint32_t)(value & 0xFF), bytes);
        WEIR_RESULT(struct weir_string, out, i) = weir_string_view(bytes, length);
    }
    return WEIR_OK;
}

bool weir_infer_chr(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "L", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, chr, ret);
}

/* --- ELT(index, first, second ...) --- */
static enum weir_error_code elt(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        int64_t index = weir_argument_is_null(arguments[0], i) ? 0 : WEIR_ARGUMENT(int64_t, arguments[0], i);
        if (index < 1 || index >= call->argument_count || weir_argument_is_null(arguments[index], i)) {
            weir_call_set_null(call, out, i);
            continue;
        }
        WEIR_RESULT(struct weir_string, out, i) =
            weir_text_pass(&writer, weir_text_argument(arguments[index], i));
    }
    return WEIR_OK;
}

static int64_t literal_integer(const struct weir_vector *literal)
{
    switch (literal->type->id) {
    case WEIR_TYPE_TINYINT: return WEIR_ARGUMENT(int8_t, literal, 0);
    case WEIR_TYPE_SMALLINT: return WEIR_ARGUMENT(int16_t, literal, 0);
    case WEIR_TYPE_INT: return WEIR_ARGUMENT(int32_t, literal, 0);
    case WEIR_TYPE_BIGINT: return WEIR_ARGUMENT(int64_t, literal, 0);
    default: return 0;
    }
}

bool weir_infer_elt(WEIR_INFER_PARAMETERS)
{
    (void)function;
    bool bytes = count > 1 && weir_type_is_binary(given[1]);
    const struct weir_type *result = bytes ? &weir_type_bytes : &weir_type_string;
    if (!weir_text_match(arena, given, count, bytes ? "Lb" : "Ls", result, WEIR_TEXT_NULL_ALWAYS, elt, ret)) {
        return weir_text_mismatch(reterr,
            "ELT(index <INTEGER_NUMERIC>, expr <CHARACTER_STRING>, exprs <CHARACTER_STRING>...)\n"
            "ELT(index <INTEGER_NUMERIC>, expr <BINARY_STRING>, exprs <BINARY_STRING>...)");
    }
    if (literals[0] && !weir_argument_is_null(literals[0], 0) && literal_integer(literals[0]) < 0) {
        weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "Index must be an integer starting from '0', but was '%lld'.",
            (long long)literal_integer(literals[0]));
        return false;
    }
    /* The common type: as long as the longest, fixed when all are fixed and of one length. */
    bool fixed = true;
    int32_t length = 0;
    for (uint32_t i = 1; i < count; i++) {
        const struct weir_type *type = ret->argument_types[i];
        fixed = fixed && (type->id == WEIR_TYPE_CHAR || type->id == WEIR_TYPE_BINARY) &&
                (i == 1 || type->length == length);
        length = WEIR_MAX(length, type->length);
    }
    enum weir_type_id id = bytes ? (fixed ? WEIR_TYPE_BINARY : WEIR_TYPE_VARBINARY)
                                 : (fixed ? WEIR_TYPE_CHAR : WEIR_TYPE_VARCHAR);
    ret->type = weir_type_with_length(arena, id, length, true);
    return true;
}
