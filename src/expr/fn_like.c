/*
 * LIKE and SIMILAR TO.
 *
 * A LIKE pattern is cut into pieces: literal bytes with holes (_) between runs of %. Most patterns need no
 * more than one comparison or search (x, x%, %x, %x%); the others are matched piece by piece, each at its
 * first fit, which is enough because % takes any length. There is no escape character unless ESCAPE names
 * one.
 */
#include "expr/regexp.h"
#include "expr/text.h"

enum like_form { LIKE_EQUAL, LIKE_PREFIX, LIKE_SUFFIX, LIKE_CONTAINS, LIKE_PREFIX_SUFFIX, LIKE_PIECES };

struct like_piece {
    uint32_t start, length; /* of text; a hole is the byte 0xFF, which occurs in no UTF-8 */
    bool has_hole;
};

struct like_pattern {
    enum like_form form;
    bool open_start, open_end; /* begins, ends with % */
    uint32_t piece_count;
    struct like_piece *pieces;
    char *text;
};

enum { LIKE_HOLE = 0xFF };

static enum weir_error_code bad_escape(struct weir_error *reterr, struct weir_slice pattern, size_t at)
{
    return weir_error_set(reterr, WEIR_E_SQL_VALIDATION, "Invalid escape sequence '%.*s', %zu",
        (int)pattern.length, pattern.data, at);
}

static enum weir_error_code check_escape(struct weir_slice escape, struct weir_error *reterr)
{
    if (escape.length == 0 || weir_text_length(escape.data, escape.length) == 1) return WEIR_OK;
    return weir_error_set(
        reterr, WEIR_E_SQL_VALIDATION, "Invalid escape character '%.*s'", (int)escape.length, escape.data);
}

static bool starts(struct weir_slice s, size_t at, struct weir_slice with)
{
    return with.length && s.length - at >= with.length && memcmp(s.data + at, with.data, with.length) == 0;
}

static void like_choose_form(struct like_pattern *p)
{
    bool hole = false;
    for (uint32_t k = 0; k < p->piece_count; k++) hole |= p->pieces[k].has_hole;
    p->form = LIKE_PIECES;
    if (hole) return;
    if (p->piece_count <= 1) {
        p->form = p->open_start ? (p->open_end ? LIKE_CONTAINS : LIKE_SUFFIX)
                  : p->open_end ? LIKE_PREFIX
                                : LIKE_EQUAL;
        if (p->piece_count == 0 && p->open_start) p->form = LIKE_PREFIX;
    } else if (p->piece_count == 2 && !p->open_start && !p->open_end) {
        p->form = LIKE_PREFIX_SUFFIX;
    }
}

static enum weir_error_code like_compile(struct weir_arena *arena, struct weir_slice pattern,
    struct weir_slice escape, struct like_pattern *p, struct weir_error *reterr)
{
    enum weir_error_code code = check_escape(escape, reterr);
    if (code) return code;
    *p = (struct like_pattern){ .text = weir_arena_allocate(arena, pattern.length + 1) };
    p->pieces = WEIR_ARENA_ARRAY(arena, struct like_piece, pattern.length / 2 + 2);
    uint32_t used = 0;
    struct like_piece piece = { 0 };
    for (size_t at = 0; at < pattern.length;) {
        char c = pattern.data[at];
        if (starts(pattern, at, escape)) {
            size_t next = at + escape.length;
            bool self = next < pattern.length && starts(pattern, next, escape);
            if (next >= pattern.length || !(self || pattern.data[next] == '%' || pattern.data[next] == '_')) {
                return bad_escape(reterr, pattern, weir_text_length(pattern.data, at));
            }
            size_t bytes = self ? escape.length : 1;
            memcpy(p->text + used, pattern.data + next, bytes);
            used += (uint32_t)bytes;
            at = next + bytes;
        } else if (c == '%') {
            if (used > piece.start) {
                piece.length = used - piece.start;
                p->pieces[p->piece_count++] = piece;
            } else if (p->piece_count == 0) {
                p->open_start = true;
            }
            piece = (struct like_piece){ .start = used };
            at++;
            p->open_end = at == pattern.length;
        } else {
            piece.has_hole |= c == '_';
            p->text[used++] = c == '_' ? (char)LIKE_HOLE : c;
            at++;
        }
    }
    if (used > piece.start) {
        piece.length = used - piece.start;
        p->pieces[p->piece_count++] = piece;
    }
    like_choose_form(p);
    return WEIR_OK;
}

/* Bytes of s from at that fit piece; -1: it does not fit. */
static int64_t piece_fits(
    const struct like_pattern *p, const struct like_piece *piece, const char *at, const char *end)
{
    const char *from = at, *want = p->text + piece->start;
    for (uint32_t k = 0; k < piece->length; k++) {
        if (at == end) return -1;
        if ((uint8_t)want[k] != LIKE_HOLE) {
            if (*at++ != want[k]) return -1;
            continue;
        }
        uint32_t point;
        at += weir_text_decode(at, (size_t)(end - at), &point);
    }
    return at - from;
}

/* The first place at or behind at where piece fits; *length is what it takes. */
static const char *piece_find(const struct like_pattern *p, const struct like_piece *piece, const char *at,
    const char *end, size_t *length)
{
    if (!piece->has_hole) {
        *length = piece->length;
        return weir_text_find(at, (size_t)(end - at), p->text + piece->start, piece->length);
    }
    /* The bytes before the first hole are looked for as they are. */
    const char *want = p->text + piece->start, *hole = memchr(want, LIKE_HOLE, piece->length);
    size_t literal = (size_t)(hole - want);
    for (; at < end; at++) {
        if (literal) at = weir_text_find(at, (size_t)(end - at), want, literal);
        if (!at) return NULL;
        if (weir_utf8_is_continuation(*at)) continue;
        int64_t fits = piece_fits(p, piece, at, end);
        if (fits >= 0) {
            *length = (size_t)fits;
            return at;
        }
    }
    return NULL;
}

/* The place from which piece fits exactly up to end. */
static const char *piece_at_end(
    const struct like_pattern *p, const struct like_piece *piece, const char *at, const char *end)
{
    if (!piece->has_hole) {
        if ((size_t)(end - at) < piece->length) return NULL;
        const char *from = end - piece->length;
        return memcmp(from, p->text + piece->start, piece->length) == 0 ? from : NULL;
    }
    const char *from = end;
    size_t points = 0;
    const char *want = p->text + piece->start;
    for (uint32_t k = 0; k < piece->length; k++)
        points += !weir_utf8_is_continuation(want[k]) || (uint8_t)want[k] == LIKE_HOLE;
    size_t back = weir_text_offset_from_end(at, (size_t)(end - at), points);
    from = at + back;
    return piece_fits(p, piece, from, end) == end - from ? from : NULL;
}

static bool like_pieces(const struct like_pattern *p, struct weir_slice s)
{
    const char *at = s.data, *end = s.data + s.length;
    uint32_t first = 0, last = p->piece_count;
    if (!p->open_start && first < last) {
        int64_t fits = piece_fits(p, &p->pieces[0], at, end);
        if (fits < 0) return false;
        at += fits;
        first++;
        if (first == last && !p->open_end) return at == end;
    }
    if (!p->open_end && first < last) {
        const char *from = piece_at_end(p, &p->pieces[last - 1], at, end);
        if (!from) return false;
        end = from;
        last--;
    }
    for (; first < last; first++) {
        size_t length;
        const char *hit = piece_find(p, &p->pieces[first], at, end, &length);
        if (!hit) return false;
        at = hit + length;
    }
    return true;
}

static bool like_match(const struct like_pattern *p, struct weir_slice s)
{
    const char *text = p->text;
    uint32_t length = p->piece_count ? p->pieces[0].length : 0;
    switch (p->form) {
    case LIKE_EQUAL: return s.length == length && memcmp(s.data, text, length) == 0;
    case LIKE_PREFIX: return s.length >= length && memcmp(s.data, text, length) == 0;
    case LIKE_SUFFIX: return s.length >= length && memcmp(s.data + s.length - length, text, length) == 0;
    case LIKE_CONTAINS: return weir_text_find(s.data, s.length, text, length) != NULL;
    case LIKE_PREFIX_SUFFIX: {
        uint32_t tail = p->pieces[1].length;
        return s.length >= (size_t)length + tail && memcmp(s.data, text, length) == 0 &&
               memcmp(s.data + s.length - tail, text + p->pieces[1].start, tail) == 0;
    }
    case LIKE_PIECES: return like_pieces(p, s);
    }
    return false;
}

static struct weir_slice escape_of(
    const struct weir_vector *const *arguments, uint32_t argument_count, uint32_t row)
{
    if (argument_count < 3) return (struct weir_slice){ "", 0 };
    return weir_text_slice(arguments[2], row);
}

static enum weir_error_code like_constant(WEIR_KERNEL_PARAMETERS)
{
    const struct like_pattern *p = call->prepared;
    const struct weir_vector *texts = arguments[0];
    uint8_t *to = out->data;
    if (p->form == LIKE_CONTAINS) {
        const char *needle = p->text;
        size_t length = p->pieces[0].length;
        WEIR_FOR_ROWS(i, rows, count)
        {
            const struct weir_string *s = weir_text_argument(texts, i);
            to[i] = weir_text_find(weir_string_data(s), s->length, needle, length) != NULL;
        }
        return WEIR_OK;
    }
    WEIR_FOR_ROWS(i, rows, count) to[i] = like_match(p, weir_text_slice(texts, i));
    return WEIR_OK;
}

/* Patterns from a column: the last one is kept, for they tend to repeat. */
static enum weir_error_code like(WEIR_KERNEL_PARAMETERS)
{
    if (call->prepared) return like_constant(call, arguments, out, rows, count);
    struct weir_slice known = { 0 }, known_escape = { 0 };
    struct like_pattern p = { 0 };
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice pattern = weir_text_slice(arguments[1], i),
                          escape = escape_of(arguments, call->argument_count, i);
        if (!known.data || pattern.length != known.length ||
            memcmp(pattern.data, known.data, known.length) != 0 || escape.length != known_escape.length ||
            memcmp(escape.data, known_escape.data, escape.length) != 0) {
            enum weir_error_code code = like_compile(call->scratch, pattern, escape, &p, call->error);
            if (code) return code;
            known = pattern, known_escape = escape;
        }
        WEIR_RESULT(uint8_t, out, i) = like_match(&p, weir_text_slice(arguments[0], i));
    }
    return WEIR_OK;
}

static bool constant_pattern(const struct weir_vector *const *literals, uint32_t count,
    struct weir_slice *pattern, struct weir_slice *escape)
{
    *escape = (struct weir_slice){ "", 0 };
    return weir_literal_text(literals[1], pattern) && (count < 3 || weir_literal_text(literals[2], escape));
}

bool weir_infer_like(WEIR_INFER_PARAMETERS)
{
    (void)function;
    struct weir_slice pattern, escape;
    if (!weir_text_match(arena, given, count, "S", weir_type_of(WEIR_TYPE_BOOLEAN),
            WEIR_TEXT_NULL_AS_ARGUMENTS, like, ret))
        return false;
    if (!constant_pattern(literals, count, &pattern, &escape)) return true;
    struct like_pattern p;
    return like_compile(arena, pattern, escape, &p, reterr) == WEIR_OK;
}

enum weir_error_code weir_bind_like(struct weir_call *call)
{
    struct weir_slice pattern, escape;
    if (!constant_pattern(call->constants, call->argument_count, &pattern, &escape)) return WEIR_OK;
    struct like_pattern *p = WEIR_ARENA_NEW(call->arena, struct like_pattern);
    enum weir_error_code code = like_compile(call->arena, pattern, escape, p, call->error);
    if (!code) call->prepared = p;
    return code;
}

/* --- SIMILAR TO: SQL's regular expressions, put into Java's and matched as a whole --- */
static bool is_similar_special(char c)
{
    return strchr("_%|()*+?{}[]^-", c) != NULL && c != '\0';
}

static void add_quoted(struct weir_text_builder *to, const char *at, size_t bytes)
{
    if (bytes == 1 && strchr("\\.^$|()*+?{}[]-&#", at[0]) && at[0]) weir_text_builder_byte(to, '\\');
    weir_text_builder_add(to, at, bytes);
}

/* One [..] from pattern[at] on; returns the offset behind it, 0 when it does not end. Classes by name:
 * [:ALPHA:] and so on. */
static size_t similar_bracket(struct weir_text_builder *to, struct weir_slice pattern, size_t at)
{
    static const struct {
        const char *name, *java;
    } classes[] = { { "[:ALPHA:]", "\\p{Alpha}" }, { "[:alpha:]", "\\p{Alpha}" },
        { "[:UPPER:]", "\\p{Upper}" }, { "[:upper:]", "\\p{Upper}" }, { "[:LOWER:]", "\\p{Lower}" },
        { "[:lower:]", "\\p{Lower}" }, { "[:DIGIT:]", "\\d" }, { "[:digit:]", "\\d" }, { "[:SPACE:]", " " },
        { "[:space:]", " " }, { "[:WHITESPACE:]", "\\s" }, { "[:whitespace:]", "\\s" },
        { "[:ALNUM:]", "\\p{Alnum}" }, { "[:alnum:]", "\\p{Alnum}" } };
    weir_text_builder_byte(to, '[');
    for (at++; at < pattern.length;) {
        char c = pattern.data[at];
        if (c == ']') {
            weir_text_builder_byte(to, ']');
            return at + 1;
        }
        bool named = false;
        for (size_t k = 0; k < WEIR_ARRAY_COUNT(classes) && !named; k++) {
            struct weir_slice name = { classes[k].name, strlen(classes[k].name) };
            if (!starts(pattern, at, name)) continue;
            weir_text_builder_add(to, classes[k].java, strlen(classes[k].java));
            at += name.length;
            named = true;
        }
        if (named) continue;
        if (c == '\\' || c == '[' || c == '&') weir_text_builder_byte(to, '\\');
        weir_text_builder_byte(to, c);
        at++;
    }
    return 0;
}

static enum weir_error_code similar_translate(struct weir_text_builder *to, struct weir_slice pattern,
    struct weir_slice escape, struct weir_error *reterr)
{
    enum weir_error_code code = check_escape(escape, reterr);
    if (code) return code;
    for (size_t at = 0; at < pattern.length;) {
        char c = pattern.data[at];
        if (starts(pattern, at, escape)) {
            size_t next = at + escape.length;
            bool self = next < pattern.length && starts(pattern, next, escape);
            if (next >= pattern.length || !(self || is_similar_special(pattern.data[next]))) {
                return bad_escape(reterr, pattern, weir_text_length(pattern.data, at));
            }
            size_t bytes = self ? escape.length : 1;
            add_quoted(to, pattern.data + next, bytes);
            at = next + bytes;
        } else if (c == '[') {
            at = similar_bracket(to, pattern, at);
            if (at == 0) {
                return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
                    "Invalid regular expression '%.*s': a '[' is not closed", (int)pattern.length,
                    pattern.data);
            }
        } else {
            if (c == '_')
                weir_text_builder_byte(to, '.');
            else if (c == '%')
                weir_text_builder_add(to, "(?:.*)", 6);
            else if (strchr("|()*+?{}", c) && c)
                weir_text_builder_byte(to, c);
            else
                add_quoted(to, &c, 1);
            at++;
        }
    }
    return WEIR_OK;
}

static enum weir_error_code similar_compile(struct weir_arena *arena, struct weir_slice pattern,
    struct weir_slice escape, bool constant, struct weir_regexp **ret, struct weir_error *reterr)
{
    struct weir_text_builder builder = { .arena = arena };
    enum weir_error_code code = similar_translate(&builder, pattern, escape, reterr);
    if (code) return code;
    struct weir_slice java = { builder.data, builder.length };
    return weir_regexp_compile(
        arena, java, WEIR_REGEXP_WHOLE | WEIR_REGEXP_DOT_ALL | (constant ? WEIR_REGEXP_JIT : 0), ret, reterr);
}

static enum weir_error_code similar(WEIR_KERNEL_PARAMETERS)
{
    struct weir_slice known = { 0 };
    struct weir_regexp *regexp = call->prepared;
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice pattern = weir_text_slice(arguments[1], i),
                          escape = escape_of(arguments, call->argument_count, i);
        if (!call->prepared &&
            (!known.data || pattern.length != known.length ||
                memcmp(pattern.data, known.data, known.length) != 0 || call->argument_count > 2)) {
            enum weir_error_code code =
                similar_compile(call->scratch, pattern, escape, false, &regexp, call->error);
            if (code) return code;
            known = pattern;
        }
        WEIR_RESULT(uint8_t, out, i) = weir_regexp_test(regexp, weir_text_slice(arguments[0], i));
    }
    return WEIR_OK;
}

bool weir_infer_similar(WEIR_INFER_PARAMETERS)
{
    (void)function;
    struct weir_slice pattern, escape;
    struct weir_regexp *regexp;
    if (!weir_text_match(arena, given, count, "S", weir_type_of(WEIR_TYPE_BOOLEAN),
            WEIR_TEXT_NULL_AS_ARGUMENTS, similar, ret)) {
        return false;
    }
    if (!constant_pattern(literals, count, &pattern, &escape)) return true;
    return similar_compile(arena, pattern, escape, false, &regexp, reterr) == WEIR_OK;
}

enum weir_error_code weir_bind_similar(struct weir_call *call)
{
    struct weir_slice pattern, escape;
    if (!constant_pattern(call->constants, call->argument_count, &pattern, &escape)) return WEIR_OK;
    struct weir_regexp *regexp;
    enum weir_error_code code = similar_compile(call->arena, pattern, escape, true, &regexp, call->error);
    if (code) return code;
    call->prepared = regexp;
    call->release = weir_regexp_release_call;
    return WEIR_OK;
}
