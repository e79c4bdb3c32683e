/* Strings cut at delimiters: SPLIT_INDEX, SPLIT. (STR_TO_MAP takes regular expressions: fn_regexp.c.) */
#include "expr/text.h"

/* Part number index of s between separators; false: there is none. An empty string has no parts. */
static bool split_part(
    struct weir_slice s, struct weir_slice separator, int32_t index, struct weir_slice *ret)
{
    if (index < 0 || s.length == 0) return false;
    const char *at = s.data, *end = s.data + s.length;
    for (;;) {
        const char *hit = weir_text_find(at, (size_t)(end - at), separator.data, separator.length);
        if (index == 0) {
            *ret = (struct weir_slice){ at, (size_t)((hit ? hit : end) - at) };
            return true;
        }
        if (!hit) return false;
        at = hit + separator.length;
        index--;
    }
}

static bool is_java_whitespace(char c)
{
    return c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31);
}

/* An empty separator means white space, each character of it by itself. */
static bool split_part_at_space(struct weir_slice s, int32_t index, struct weir_slice *ret)
{
    if (index < 0 || s.length == 0) return false;
    size_t start = 0;
    for (size_t i = 0; i <= s.length; i++) {
        if (i < s.length && !is_java_whitespace(s.data[i])) continue;
        if (index-- == 0) {
            *ret = (struct weir_slice){ s.data + start, i - start };
            return true;
        }
        start = i + 1;
    }
    return false;
}

static enum weir_error_code split_index(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i), separator = weir_text_slice(arguments[1], i),
                          part;
        int32_t index = WEIR_ARGUMENT(int32_t, arguments[2], i);
        bool found =
            separator.length ? split_part(s, separator, index, &part) : split_part_at_space(s, index, &part);
        if (found)
            WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, part.data, part.length);
        else
            weir_call_set_null(call, out, i);
    }
    return WEIR_OK;
}

/* The separator as the code of a character, 1 to 255. */
static enum weir_error_code split_index_code(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice part;
        int32_t code = WEIR_ARGUMENT(int32_t, arguments[1], i);
        char bytes[4];
        struct weir_slice separator = { bytes, 0 };
        if (code >= 1 && code <= 255) separator.length = weir_text_encode((uint32_t)code, bytes);
        if (separator.length && split_part(weir_text_slice(arguments[0], i), separator,
                                    WEIR_ARGUMENT(int32_t, arguments[2], i), &part)) {
            WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, part.data, part.length);
        } else {
            weir_call_set_null(call, out, i);
        }
    }
    return WEIR_OK;
}

bool weir_infer_split_index(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    bool code = weir_type_is_integer(given[1]);
    return weir_text_match(arena, given, count, code ? "SII" : "SSI", &weir_type_string,
        WEIR_TEXT_NULL_ALWAYS, code ? split_index_code : split_index, ret);
}

static void add_element(struct weir_call *call, struct weir_vector *out, struct weir_text_writer *writer,
    const char *data, size_t length)
{
    weir_vector_reserve_children(out, 1, call->scratch);
    WEIR_RESULT(struct weir_string, &out->children[0], out->child_rows) =
        weir_text_copy(writer, data, length);
    out->child_rows++;
}

/* Every part, also empty ones; an empty delimiter cuts between characters. */
static enum weir_error_code split(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i), delimiter = weir_text_slice(arguments[1], i);
        uint32_t first = out->child_rows;
        const char *at = s.data, *end = s.data + s.length;
        while (delimiter.length == 0 && at < end) {
            uint32_t point, bytes = weir_text_decode(at, (size_t)(end - at), &point);
            add_element(call, out, &writer, at, bytes);
            at += bytes;
        }
        while (delimiter.length) {
            const char *hit = weir_text_find(at, (size_t)(end - at), delimiter.data, delimiter.length);
            add_element(call, out, &writer, at, (size_t)((hit ? hit : end) - at));
            if (!hit) break;
            at = hit + delimiter.length;
        }
        if (delimiter.length == 0 && s.length == 0) add_element(call, out, &writer, "", 0);
        WEIR_RESULT(struct weir_list, out, i) = (struct weir_list){ first, out->child_rows - first };
    }
    return WEIR_OK;
}

bool weir_infer_split(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals;
    const struct weir_type *result = weir_type_array(arena, &weir_type_string, true);
    if (weir_text_match(arena, given, count, "s", result, WEIR_TEXT_NULL_AS_ARGUMENTS, split, ret))
        return true;
    return weir_text_mismatch(reterr, "SPLIT(string <CHARACTER_STRING>, delimiter <CHARACTER_STRING>)");
}
