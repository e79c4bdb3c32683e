/*
 * Spec: a small tree of named values by which a plan tells an operator, connector or format what to do. It
 * has a binary form (plans are stored) and a text form (EXPLAIN, tests). An operator reads its spec once, at
 * creation, and says what is wrong. Nodes are immutable once the plan is built; they live in the plan's
 * arena.
 */
#ifndef WEIR_DATA_SPEC_H
#define WEIR_DATA_SPEC_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "data/type.h"

enum weir_spec_kind {
    WEIR_SPEC_NONE,
    WEIR_SPEC_BOOLEAN,
    WEIR_SPEC_INTEGER,
    WEIR_SPEC_DOUBLE,
    WEIR_SPEC_TEXT /* bytes, too */,
    WEIR_SPEC_TYPE,
    WEIR_SPEC_VALUE /* a weir_value */,
    WEIR_SPEC_LIST,
    WEIR_SPEC_MAP /* ordered names */
};

struct weir_spec {
    enum weir_spec_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct weir_slice text;
        const struct weir_type *type;
        const struct weir_vector *value;
        struct {
            uint32_t count, capacity;
            struct weir_spec **items;
            const char **names; /* MAP only */
        };
    };
};

enum { WEIR_SPEC_DEPTH_MAX = 1100 };

struct weir_spec *weir_spec_map(struct weir_arena *arena);
struct weir_spec *weir_spec_list(struct weir_arena *arena);
struct weir_spec *weir_spec_boolean(struct weir_arena *arena, bool value);
struct weir_spec *weir_spec_integer(struct weir_arena *arena, int64_t value);
struct weir_spec *weir_spec_double(struct weir_arena *arena, double value);
struct weir_spec *weir_spec_text(struct weir_arena *arena, const char *text);                  /* copies */
struct weir_spec *weir_spec_bytes(struct weir_arena *arena, const void *bytes, size_t length); /* copies */
struct weir_spec *weir_spec_type(struct weir_arena *arena, const struct weir_type *type);      /* borrows */
struct weir_spec *weir_spec_value(struct weir_arena *arena, const struct weir_vector *value);  /* borrows */
struct weir_spec *weir_spec_integers(struct weir_arena *arena, const uint32_t *values, uint32_t count);

/* Takes item; name is copied; replaces one of the same name. */
void weir_spec_put(struct weir_arena *arena, struct weir_spec *map, const char *name, struct weir_spec *item);
void weir_spec_add(struct weir_arena *arena, struct weir_spec *list, struct weir_spec *item);

/* Lookup; NULL when absent or spec is NULL or not a map. */
const struct weir_spec *weir_spec_get(const struct weir_spec *map, const char *name);
/* Typed reads with a default for "absent". A wrong kind is an assertion: specs come from our own planner
 * (read() validates form). */
bool weir_spec_get_boolean(const struct weir_spec *map, const char *name, bool otherwise);
int64_t weir_spec_get_integer(const struct weir_spec *map, const char *name, int64_t otherwise);
const char *weir_spec_get_text(
    const struct weir_spec *map, const char *name, const char *otherwise); /* NUL-terminated */
/* An integer list as an array in arena; *count 0 and NULL when absent. */
uint32_t *weir_spec_get_integers(
    const struct weir_spec *map, const char *name, uint32_t *count, struct weir_arena *arena);

void weir_spec_write(const struct weir_spec *spec, struct weir_buffer *to);
struct weir_spec *weir_spec_read(
    struct weir_arena *arena, struct weir_reader *from, struct weir_error *reterr); /* NULL: malformed */
void weir_spec_print(const struct weir_spec *spec, struct weir_buffer *to);         /* one line, JSON-like */

#endif
