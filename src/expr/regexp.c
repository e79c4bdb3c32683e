/* Compiling and running regular expressions; see regexp.h. */
#include "expr/regexp.h"
#include "expr/function.h"
#include "expr/regexp_translate.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum regexp_shape {
    SHAPE_ENGINE,
    SHAPE_TEXT,      /* text */
    SHAPE_PREFIX,    /* ^text */
    SHAPE_KEY_VALUE, /* (&|^)text=([^&]*) */
};

struct weir_regexp {
    enum regexp_shape shape;
    uint32_t group_count;
    struct weir_slice text; /* of the shapes without engine; KEY_VALUE: with the '=' */
    char separator;         /* of KEY_VALUE */
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    size_t groups[2 * 3]; /* of the last match, without engine */
    bool has_machine_code;
};

static void *arena_malloc(size_t bytes, void *arena)
{
    return weir_arena_allocate(arena, bytes);
}

static void arena_free(void *pointer, void *arena)
{
    (void)pointer, (void)arena;
}

static bool is_plain_text(struct weir_slice s)
{
    for (size_t i = 0; i < s.length; i++) {
        if (strchr("\\^$.|?*+()[]{}", s.data[i]) || s.data[i] == '\0') return false;
    }
    return true;
}

/* (X|^)key([^X]*), X one character; key ends anywhere. */
static bool is_key_value(struct weir_slice p, struct weir_regexp *regexp)
{
    static const char middle[] = "|^)";
    if (p.length < 12 || p.data[0] != '(' || memcmp(p.data + 2, middle, 3) != 0) return false;
    char x = p.data[1];
    if (strchr("\\^$.|?*+()[]{}-&&", x) && x != '&') return false;
    if ((uint8_t)x >= 0x80) return false;
    char tail[] = "([^X]*)";
    tail[3] = x;
    size_t tail_length = sizeof tail - 1;
    if (p.length < 5 + tail_length || memcmp(p.data + p.length - tail_length, tail, tail_length) != 0)
        return false;
    struct weir_slice key = { p.data + 5, p.length - 5 - tail_length };
    if (key.length == 0 || !is_plain_text(key)) return false;
    regexp->shape = SHAPE_KEY_VALUE;
    regexp->separator = x;
    regexp->text = key;
    regexp->group_count = 2;
    return true;
}

static bool find_shape(struct weir_arena *arena, struct weir_slice pattern, struct weir_regexp *regexp)
{
    struct weir_slice own = { weir_arena_copy(arena, pattern.data, pattern.length), pattern.length };
    if (is_plain_text(own)) {
        regexp->shape = SHAPE_TEXT;
        regexp->text = own;
        return true;
    }
    if (own.data[0] == '^') {
        struct weir_slice rest = { own.data + 1, own.length - 1 };
        if (is_plain_text(rest)) {
            regexp->shape = SHAPE_PREFIX;
            regexp->text = rest;
            return true;
        }
    }
    return is_key_value(own, regexp);
}

static enum weir_error_code invalid(struct weir_error *reterr, struct weir_slice pattern, const char *wrong)
{
    return weir_error_set(reterr, WEIR_E_ARGUMENT, "Invalid regular expression '%.*s': %s",
        (int)WEIR_MIN(pattern.length, (size_t)500), pattern.data, wrong);
}

enum weir_error_code weir_regexp_compile(struct weir_arena *arena, struct weir_slice pattern, uint32_t flags,
    struct weir_regexp **ret, struct weir_error *reterr)
{
    if (pattern.length > WEIR_REGEXP_PATTERN_BYTES_MAX)
        return invalid(reterr, pattern, "it is longer than 64 KiB");
    struct weir_regexp *regexp = WEIR_ARENA_NEW(arena, struct weir_regexp);
    *ret = regexp;
    if (!(flags & WEIR_REGEXP_WHOLE) && find_shape(arena, pattern, regexp)) return WEIR_OK;
    struct weir_text_builder translated = { .arena = arena };
    const char *wrong = weir_regexp_translate(pattern, &translated);
    if (wrong) return invalid(reterr, pattern, wrong);

    pcre2_general_context *general = pcre2_general_context_create(arena_malloc, arena_free, arena);
    pcre2_compile_context *compile = pcre2_compile_context_create(general);
    pcre2_set_newline(compile, PCRE2_NEWLINE_ANYCRLF);
    pcre2_set_bsr(compile, PCRE2_BSR_UNICODE);
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    if (flags & WEIR_REGEXP_DOT_ALL) options |= PCRE2_DOTALL;
    if (flags & WEIR_REGEXP_WHOLE) options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    int code;
    PCRE2_SIZE offset;
    regexp->code = pcre2_compile((PCRE2_SPTR)(translated.length ? translated.data : ""), translated.length,
        options, &code, &offset, compile);
    if (!regexp->code) {
        PCRE2_UCHAR message[160];
        pcre2_get_error_message(code, message, sizeof message);
        return invalid(reterr, pattern, (const char *)message);
    }
    pcre2_pattern_info(regexp->code, PCRE2_INFO_CAPTURECOUNT, &regexp->group_count);
    if (flags & WEIR_REGEXP_JIT)
        regexp->has_machine_code = pcre2_jit_compile(regexp->code, PCRE2_JIT_COMPLETE) == 0;
    regexp->data = pcre2_match_data_create_from_pattern(regexp->code, general);
    regexp->context = pcre2_match_context_create(general);
    pcre2_set_match_limit(regexp->context, WEIR_REGEXP_MATCH_STEPS_MAX);
    pcre2_set_heap_limit(regexp->context, WEIR_REGEXP_HEAP_KIB_MAX);
    return WEIR_OK;
}

void weir_regexp_release(struct weir_regexp *regexp)
{
    if (!regexp || !regexp->code) return;
    if (regexp->has_machine_code) pcre2_code_free(regexp->code);
    regexp->code = NULL;
}

void weir_regexp_release_call(struct weir_call *call)
{
    weir_regexp_release(call->prepared);
    call->prepared = NULL;
}

uint32_t weir_regexp_group_count(const struct weir_regexp *regexp)
{
    return regexp->group_count;
}

static void set_group(struct weir_regexp *regexp, uint32_t group, size_t start, size_t end)
{
    regexp->groups[2 * group] = start;
    regexp->groups[2 * group + 1] = end;
}

static bool find_key_value(struct weir_regexp *regexp, struct weir_slice s, size_t from)
{
    struct weir_slice key = regexp->text;
    size_t low = from;
    while (from <= s.length) {
        const char *hit = weir_text_find(s.data + from, s.length - from, key.data, key.length);
        if (!hit) return false;
        size_t at = (size_t)(hit - s.data);
        bool separated = at > low && s.data[at - 1] == regexp->separator;
        if (separated || at == 0) {
            size_t value = at + key.length;
            const char *end = memchr(s.data + value, regexp->separator, s.length - value);
            size_t value_end = end ? (size_t)(end - s.data) : s.length;
            size_t start = separated ? at - 1 : at;
            set_group(regexp, 0, start, value_end);
            set_group(regexp, 1, start, at);
            set_group(regexp, 2, value, value_end);
            return true;
        }
        from = at + 1;
    }
    return false;
}

bool weir_regexp_find(struct weir_regexp *regexp, struct weir_slice subject, size_t from)
{
    const char *hit;
    switch (regexp->shape) {
    case SHAPE_TEXT:
        hit = weir_text_find(
            subject.data + from, subject.length - from, regexp->text.data, regexp->text.length);
        if (!hit) return false;
        set_group(
            regexp, 0, (size_t)(hit - subject.data), (size_t)(hit - subject.data) + regexp->text.length);
        return true;
    case SHAPE_PREFIX:
        if (from || subject.length < regexp->text.length) return false;
        if (memcmp(subject.data, regexp->text.data, regexp->text.length) != 0) return false;
        set_group(regexp, 0, 0, regexp->text.length);
        return true;
    case SHAPE_KEY_VALUE: return find_key_value(regexp, subject, from);
    case SHAPE_ENGINE: break;
    }
    PCRE2_SPTR text = (PCRE2_SPTR)subject.data;
    int found = pcre2_match(regexp->code, text, subject.length, from, 0, regexp->data, regexp->context);
    if (found ==
        PCRE2_ERROR_JIT_STACKLIMIT) { /* long subjects: the interpreter keeps its stack on the heap */
        found = pcre2_match(
            regexp->code, text, subject.length, from, PCRE2_NO_JIT, regexp->data, regexp->context);
    }
    return found > 0;
}

bool weir_regexp_test(struct weir_regexp *regexp, struct weir_slice subject)
{
    return weir_regexp_find(regexp, subject, 0);
}

static const size_t *groups_of(const struct weir_regexp *regexp)
{
    return regexp->shape == SHAPE_ENGINE ? pcre2_get_ovector_pointer(regexp->data) : regexp->groups;
}

bool weir_regexp_group(
    const struct weir_regexp *regexp, struct weir_slice subject, uint32_t group, struct weir_slice *ret)
{
    const size_t *groups = groups_of(regexp);
    size_t start = groups[2 * group], end = groups[2 * group + 1];
    if (start == PCRE2_UNSET || end == PCRE2_UNSET || end < start) return false;
    *ret = (struct weir_slice){ subject.data + start, end - start };
    return true;
}

size_t weir_regexp_next(const struct weir_regexp *regexp, struct weir_slice subject)
{
    const size_t *groups = groups_of(regexp);
    size_t start = groups[0], end = WEIR_MAX(groups[0], groups[1]);
    if (end > start) return end;
    if (end >= subject.length) return SIZE_MAX;
    end++;
    while (end < subject.length && weir_utf8_is_continuation(subject.data[end])) end++;
    return end;
}
