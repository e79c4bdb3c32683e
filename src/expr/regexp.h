/*
 * Regular expressions as Java writes them, matched by PCRE2. What differs between the dialects is translated
 * (see README.md); a few shapes need no engine at all: plain text, ^text, and (&|^)key=([^&]*).
 *
 * @thread one owner: a compiled expression carries its match data.
 */
#ifndef WEIR_EXPR_REGEXP_H
#define WEIR_EXPR_REGEXP_H

#include "base/arena.h"
#include "base/error.h"

struct weir_call;
struct weir_regexp;

enum weir_regexp_flag {
    WEIR_REGEXP_WHOLE = 1 << 0,   /* the whole subject must match */
    WEIR_REGEXP_DOT_ALL = 1 << 1, /* . takes line ends, too */
    WEIR_REGEXP_JIT =
        1 << 2, /* machine code: must be released; not for expressions that live for one batch */
};

enum {
    WEIR_REGEXP_GROUPS_MAX = 99,
    WEIR_REGEXP_PATTERN_BYTES_MAX = 64 << 10,
    WEIR_REGEXP_MATCH_STEPS_MAX = 20000000,
    WEIR_REGEXP_HEAP_KIB_MAX = 32 << 10,
};

/* Memory comes from arena. An expression that is none: WEIR_E_ARGUMENT and what is wrong with it. */
enum weir_error_code weir_regexp_compile(struct weir_arena *arena, struct weir_slice pattern, uint32_t flags,
    struct weir_regexp **ret, struct weir_error *reterr);
void weir_regexp_release(struct weir_regexp *regexp); /* machine code only; NULL is fine */
/* As weir_call.release for calls whose prepared is a struct weir_regexp. */
void weir_regexp_release_call(struct weir_call *call);
uint32_t weir_regexp_group_count(const struct weir_regexp *regexp);

bool weir_regexp_test(struct weir_regexp *regexp, struct weir_slice subject);
/* The first match at or behind from; false: none (or too many steps). Its groups are asked for afterwards. */
bool weir_regexp_find(struct weir_regexp *regexp, struct weir_slice subject, size_t from);
/* Group of the last match; false: the group took no part. group <= weir_regexp_group_count(). */
bool weir_regexp_group(
    const struct weir_regexp *regexp, struct weir_slice subject, uint32_t group, struct weir_slice *ret);
/* Where the search for the next match starts, as Java's find() goes on; SIZE_MAX: there can be no further
 * match. */
size_t weir_regexp_next(const struct weir_regexp *regexp, struct weir_slice subject);

#endif
