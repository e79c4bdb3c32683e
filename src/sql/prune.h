/* Between rule_prune.c (uses and layouts) and rule_prune_rels.c (what each kind of rel uses, and how it is
 * rebuilt). */
#ifndef WEIR_SQL_PRUNE_H
#define WEIR_SQL_PRUNE_H

#include "sql/optimizer.h"

enum { WEIR_PATH_FIELDS_MAX = 12 };

/* Fields below a ROW column; length 0: the column itself. */
struct weir_path {
    uint32_t length;
    uint32_t fields[WEIR_PATH_FIELDS_MAX];
};
/* What is used of a column. Neither: nothing. No path starts with another. */
struct weir_use {
    bool whole;
    uint32_t path_count;
    struct weir_path *paths;
};
bool weir_path_from_expr(const struct weir_expr *expr, uint32_t *column, struct weir_path *path);
void weir_use_whole(struct weir_use *use);
bool weir_use_is_used(const struct weir_use *use);
/* What from uses of a column that is the field `below` of the column of to. */
void weir_use_add(struct weir_arena *arena, struct weir_use *to, const struct weir_use *from,
    const struct weir_path *below);
void weir_use_expr(struct weir_arena *arena, struct weir_use *uses, const struct weir_expr *expr);

/* Which old column, or field of it, each new column is. */
struct weir_slot {
    uint32_t old;
    struct weir_path path;
};
struct weir_layout {
    struct weir_slot *slots;
    uint32_t count;
};
struct weir_layout weir_layout_of_uses(
    struct weir_arena *arena, const struct weir_use *uses, uint32_t first, uint32_t count, bool nested);
struct weir_layout weir_layout_join(struct weir_arena *arena, const struct weir_layout *left,
    uint32_t left_width, const struct weir_layout *right);
uint32_t weir_layout_column(const struct weir_layout *layout, uint32_t old); /* must be there, whole */
uint32_t *weir_layout_columns(
    struct weir_arena *arena, const struct weir_layout *layout, const uint32_t *old, uint32_t count);
/* An expression over the old columns as one over the new ones, whose fields are given. */
struct weir_expr *weir_layout_expr(struct weir_arena *arena, const struct weir_layout *layout,
    const struct weir_rel_field *fields, struct weir_expr *expr);
struct weir_rel_field *weir_layout_fields(
    struct weir_arena *arena, const struct weir_layout *layout, const struct weir_rel_field *old);
bool weir_layout_equal(const struct weir_layout *a, const struct weir_layout *b);
/* A projection from what rel has to what is wanted, or rel itself. */
struct weir_rel *weir_layout_trim(struct weir_planning *planning, struct weir_rel *rel,
    const struct weir_layout *has, const struct weir_layout *wanted);

#endif
