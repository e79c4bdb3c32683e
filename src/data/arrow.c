#include "data/arrow.h"
#include "base/assert.h"

/*
 * A child may be moved out of its parent and outlive it, so all nodes of one export hold the arena together:
 * the last release frees it.
 */
struct holder {
    _Atomic uint32_t nodes;
    struct weir_memory *memory;
    struct weir_arena arena;
};

static struct holder *new_holder(struct weir_memory *memory)
{
    struct holder *holder = weir_memory_allocate(memory, sizeof *holder);
    holder->memory = memory;
    atomic_init(&holder->nodes, 0);
    weir_arena_init(&holder->arena, memory);
    return holder;
}

static void let_go(struct holder *holder)
{
    if (atomic_fetch_sub(&holder->nodes, 1) != 1) return;
    weir_arena_done(&holder->arena);
    weir_memory_release(holder->memory, holder, sizeof *holder);
}

static void release_schema(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release) schema->children[i]->release(schema->children[i]);
    }
    schema->release = NULL;
    let_go(schema->private_data);
}

static void release_array(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release) array->children[i]->release(array->children[i]);
    }
    array->release = NULL;
    let_go(array->private_data);
}

static const char *format_of(struct weir_arena *arena, const struct weir_type *type)
{
    switch (type->id) {
    case WEIR_TYPE_NULL: return "n";
    case WEIR_TYPE_BOOLEAN: return "b";
    case WEIR_TYPE_TINYINT: return "c";
    case WEIR_TYPE_SMALLINT: return "s";
    case WEIR_TYPE_INT: return "i";
    case WEIR_TYPE_BIGINT: return "l";
    case WEIR_TYPE_FLOAT: return "f";
    case WEIR_TYPE_DOUBLE: return "g";
    case WEIR_TYPE_DECIMAL: return weir_arena_format(arena, "d:%u,%u", type->precision, type->scale);
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR: return "u";
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_VARBINARY: return "z";
    case WEIR_TYPE_DATE: return "tdD";
    case WEIR_TYPE_TIME: return "ttm";
    case WEIR_TYPE_TIMESTAMP: return weir_type_is_wide_timestamp(type) ? "tsn:" : "tsu:";
    case WEIR_TYPE_TIMESTAMP_LTZ: return weir_type_is_wide_timestamp(type) ? "tsn:UTC" : "tsu:UTC";
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: return "tiM";
    case WEIR_TYPE_INTERVAL_DAY_TIME: return "tDm";
    case WEIR_TYPE_ARRAY: return "+l";
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_MULTISET: return "+m";
    case WEIR_TYPE_ROW: return "+s";
    case WEIR_TYPE_COUNT: break;
    }
    WEIR_UNREACHABLE();
}

static void init_schema(struct holder *holder, struct ArrowSchema *schema, const char *format,
    const char *name, bool nullable, uint32_t children)
{
    struct weir_arena *arena = &holder->arena;
    atomic_fetch_add(&holder->nodes, 1);
    *schema = (struct ArrowSchema){
        .format = format,
        .name = weir_arena_string(arena, name),
        .flags = nullable ? ARROW_FLAG_NULLABLE : 0,
        .n_children = children,
        .children = children ? WEIR_ARENA_ARRAY(arena, struct ArrowSchema *, children) : NULL,
        .release = release_schema,
        .private_data = holder,
    };
    for (uint32_t i = 0; i < children; i++) schema->children[i] = WEIR_ARENA_NEW(arena, struct ArrowSchema);
}

static void export_type(
    struct holder *holder, const struct weir_type *type, const char *name, struct ArrowSchema *schema)
{
    bool entries = type->id == WEIR_TYPE_MAP || type->id == WEIR_TYPE_MULTISET;
    const char *format = format_of(&holder->arena, type);
    init_schema(holder, schema, format, name, type->nullable, entries ? 1 : type->child_count);
    if (entries) {
        const struct weir_type *value =
            type->id == WEIR_TYPE_MAP ? type->children[1] : &weir_type_int_not_null;
        struct ArrowSchema *pair = schema->children[0];
        init_schema(holder, pair, "+s", "entries", false, 2);
        export_type(holder, type->children[0], "key", pair->children[0]);
        pair->children[0]->flags &= ~ARROW_FLAG_NULLABLE;
        export_type(holder, value, "value", pair->children[1]);
        return;
    }
    for (uint32_t i = 0; i < type->child_count; i++) {
        export_type(holder, type->children[i], type->field_names ? type->field_names[i] : "item",
            schema->children[i]);
    }
}

void weir_arrow_export_schema(const struct weir_type *const *types, const char *const *names, uint32_t count,
    struct weir_memory *memory, struct ArrowSchema *schema)
{
    struct holder *holder = new_holder(memory);
    init_schema(holder, schema, "+s", "", false, count);
    for (uint32_t i = 0; i < count; i++) {
        const char *name = names ? names[i] : weir_arena_format(&holder->arena, "f%u", i);
        export_type(holder, types[i], name, schema->children[i]);
    }
}

static int64_t count_nulls(const struct weir_vector *v, uint32_t rows)
{
    int64_t nulls = 0;
    if (v->type->id == WEIR_TYPE_NULL) return rows;
    for (uint32_t i = 0; v->validity && i < rows; i++) nulls += !weir_bit_get(v->validity, i);
    return nulls;
}

static void init_array(
    struct holder *holder, struct ArrowArray *array, uint32_t rows, uint32_t buffers, uint32_t children)
{
    struct weir_arena *arena = &holder->arena;
    atomic_fetch_add(&holder->nodes, 1);
    *array = (struct ArrowArray){
        .length = rows,
        .n_buffers = buffers,
        .n_children = children,
        .buffers = WEIR_ARENA_ARRAY(arena, const void *, buffers),
        .children = children ? WEIR_ARENA_ARRAY(arena, struct ArrowArray *, children) : NULL,
        .release = release_array,
        .private_data = holder,
    };
    for (uint32_t i = 0; i < children; i++) array->children[i] = WEIR_ARENA_NEW(arena, struct ArrowArray);
}

static const void *bits_of(struct weir_arena *arena, const struct weir_vector *v, uint32_t rows)
{
    const uint8_t *values = v->data;
    uint64_t *bits = WEIR_ARENA_ARRAY(arena, uint64_t, weir_validity_words(rows) + 1);
    for (uint32_t i = 0; i < rows; i++) bits[i >> 6] |= (uint64_t)(values[i] & 1) << (i & 63);
    return bits;
}

static const void *wide_decimals(struct weir_arena *arena, const struct weir_vector *v, uint32_t rows)
{
    if (weir_type_is_wide_decimal(v->type)) return v->data;
    const int64_t *values = v->data;
    weir_int128 *wide = WEIR_ARENA_ARRAY(arena, weir_int128, rows + 1);
    for (uint32_t i = 0; i < rows; i++) wide[i] = values[i];
    return wide;
}

static bool narrow_nanoseconds(
    struct weir_arena *arena, const struct weir_vector *v, uint32_t rows, const void **buffer)
{
    const weir_int128 *values = v->data;
    int64_t *narrow = WEIR_ARENA_ARRAY(arena, int64_t, rows + 1);
    for (uint32_t i = 0; i < rows; i++) {
        if (v->validity && !weir_bit_get(v->validity, i)) continue;
        narrow[i] = (int64_t)values[i];
        if (narrow[i] != values[i]) return false;
    }
    *buffer = narrow;
    return true;
}

static bool export_strings(
    struct weir_arena *arena, const struct weir_vector *v, uint32_t rows, struct ArrowArray *array)
{
    const struct weir_string *strings = v->data;
    int32_t *offsets = WEIR_ARENA_ARRAY(arena, int32_t, rows + 1);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < rows; i++) bytes += strings[i].length;
    if (bytes > INT32_MAX) return false;
    char *data = weir_arena_allocate(arena, (size_t)bytes + 1);
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t length = strings[i].length;
        memcpy(data + offsets[i], weir_string_data(&strings[i]), length);
        offsets[i + 1] = offsets[i] + (int32_t)length;
    }
    array->buffers[1] = offsets;
    array->buffers[2] = data;
    return true;
}

static bool export_vector(
    struct holder *holder, const struct weir_vector *v, uint32_t rows, struct ArrowArray *array);

/* After a gather lists follow each other without holes. */
static bool export_lists(
    struct holder *holder, const struct weir_vector *v, uint32_t rows, struct ArrowArray *array)
{
    const struct weir_list *lists = v->data;
    int32_t *offsets = WEIR_ARENA_ARRAY(&holder->arena, int32_t, rows + 1);
    if (v->child_rows > INT32_MAX) return false;
    for (uint32_t i = 0; i < rows; i++) offsets[i + 1] = offsets[i] + (int32_t)lists[i].length;
    array->buffers[1] = offsets;
    if (v->type->id == WEIR_TYPE_ARRAY)
        return export_vector(holder, &v->children[0], v->child_rows, array->children[0]);
    if (count_nulls(&v->children[0], v->child_rows)) return false;
    struct ArrowArray *pair = array->children[0];
    init_array(holder, pair, v->child_rows, 1, 2);
    return export_vector(holder, &v->children[0], v->child_rows, pair->children[0]) &&
           export_vector(holder, &v->children[1], v->child_rows, pair->children[1]);
}

static bool export_vector(
    struct holder *holder, const struct weir_vector *v, uint32_t rows, struct ArrowArray *array)
{
    enum weir_type_id id = v->type->id;
    bool row = id == WEIR_TYPE_ROW, nested = weir_type_is_nested(v->type), view = weir_type_is_view(v->type);
    uint32_t buffers = id == WEIR_TYPE_NULL ? 0 : row ? 1 : view ? 3 : 2;
    init_array(holder, array, rows, buffers, row ? v->type->child_count : nested ? 1 : 0);
    array->null_count = count_nulls(v, rows);
    if (buffers) array->buffers[0] = array->null_count ? v->validity : NULL;
    if (view) return export_strings(&holder->arena, v, rows, array);
    if (nested && !row) return export_lists(holder, v, rows, array);
    bool exported = true;
    for (uint32_t i = 0; row && i < v->type->child_count; i++) {
        exported &= export_vector(holder, &v->children[i], rows, array->children[i]);
    }
    if (buffers < 2) return exported;
    array->buffers[1] = v->data;
    if (id == WEIR_TYPE_BOOLEAN) array->buffers[1] = bits_of(&holder->arena, v, rows);
    if (id == WEIR_TYPE_DECIMAL) array->buffers[1] = wide_decimals(&holder->arena, v, rows);
    if (weir_type_is_wide_timestamp(v->type)) {
        return narrow_nanoseconds(&holder->arena, v, rows, &array->buffers[1]);
    }
    return exported;
}

enum weir_error_code weir_arrow_export_batch(const struct weir_batch *b, struct weir_memory *memory,
    struct ArrowArray *array, struct weir_error *reterr)
{
    struct holder *holder = new_holder(memory);
    struct ArrowArray made;
    uint32_t rows = weir_batch_selected(b), positions[WEIR_BATCH_ROWS_MAX];
    for (uint32_t i = 0; i < rows; i++) positions[i] = weir_batch_row(b, i);
    init_array(holder, &made, rows, 1, b->column_count);
    for (uint32_t c = 0; c < b->column_count; c++) {
        struct weir_vector dense;
        weir_vector_init(&dense, b->columns[c].type, WEIR_MAX(rows, 1u), &holder->arena);
        weir_vector_gather(&dense, 0, &b->columns[c], positions, rows, &holder->arena, NULL);
        if (export_vector(holder, &dense, rows, made.children[c])) continue;
        made.release(&made);
        return weir_error_set(reterr, WEIR_E_DATA,
            "column %u has no Arrow form: a time beyond 64-bit nanoseconds, a map with a NULL key, or more "
            "than 2 GiB",
            c + 1);
    }
    *array = made;
    return WEIR_OK;
}
