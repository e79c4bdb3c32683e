/* The catalog in memory: plain arrays of entries, each entry in an arena of its own. */
#include "sql/catalog.h"
#include "sql/name_hash.h"

#include <string.h>

enum { TABLE_BUCKETS = 4096 }; /* a power of two; 25 tables each when the catalog is full */

struct pointers {
    void **items;
    uint32_t count, capacity;
};

struct weir_sql_catalog {
    struct weir_memory *memory;
    struct pointers catalogs, databases, tables;
    struct pointers removed;        /* tables that a bound statement may still point to */
    const char *current, *database; /* owned by names */
    struct weir_arena names;
    struct weir_sql_table *buckets[TABLE_BUCKETS]; /* tables and views by the last part of their names */
};

static void pointers_add(struct weir_memory *memory, struct pointers *list, void *item)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 8;
        list->items = weir_memory_reallocate(
            memory, list->items, list->capacity * sizeof(void *), capacity * sizeof(void *));
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
}

static void pointers_remove(struct pointers *list, const void *item)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i] != item) continue;
        list->items[i] = list->items[--list->count];
        return;
    }
}

/* ------------------------------------------------------------------------------------------------ tables */

struct weir_sql_table *weir_sql_table_new(struct weir_memory *memory)
{
    struct weir_sql_table *table = weir_memory_allocate_zeroed(memory, sizeof *table);
    weir_arena_init(&table->arena, memory);
    return table;
}

struct weir_sql_table *weir_sql_table_free(struct weir_sql_table *table)
{
    if (!table) return NULL;
    struct weir_memory *memory = table->arena.memory;
    weir_arena_done(&table->arena);
    weir_memory_release(memory, table, sizeof *table);
    return NULL;
}

uint32_t weir_sql_table_physical_count(const struct weir_sql_table *table)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->column_count; i++)
        count += table->columns[i].kind == WEIR_SQL_COLUMN_PHYSICAL;
    return count;
}

uint32_t weir_sql_table_physical_index(const struct weir_sql_table *table, uint32_t column)
{
    if (table->columns[column].kind != WEIR_SQL_COLUMN_PHYSICAL) return UINT32_MAX;
    uint32_t index = 0;
    for (uint32_t i = 0; i < column; i++) index += table->columns[i].kind == WEIR_SQL_COLUMN_PHYSICAL;
    return index;
}

const uint32_t *weir_sql_table_persisted_metadata(
    const struct weir_sql_table *table, struct weir_arena *arena, uint32_t *ret_count)
{
    uint32_t *columns = WEIR_ARENA_ARRAY(arena, uint32_t, table->column_count + 1);
    *ret_count = 0;
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct weir_sql_table_column *column = &table->columns[i];
        if (column->kind == WEIR_SQL_COLUMN_METADATA && !column->is_virtual) columns[(*ret_count)++] = i;
    }
    return columns;
}

uint32_t weir_sql_table_find_column(const struct weir_sql_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i].name, name) == 0) return i;
    }
    return UINT32_MAX;
}

const char *weir_sql_table_option(const struct weir_sql_table *table, const char *key)
{
    for (uint32_t i = 0; i < table->option_count; i++) {
        if (strcmp(table->options[i].key, key) == 0) return table->options[i].value;
    }
    return NULL;
}

struct weir_spec *weir_sql_table_options(
    const struct weir_sql_table *table, const struct weir_sql_options *hint, struct weir_arena *arena)
{
    struct weir_spec *map = weir_spec_map(arena);
    for (uint32_t i = 0; i < table->option_count; i++) {
        weir_spec_put(arena, map, table->options[i].key, weir_spec_text(arena, table->options[i].value));
    }
    for (uint32_t i = 0; hint && i < hint->count; i++) {
        weir_spec_put(arena, map, hint->items[i].key, weir_spec_text(arena, hint->items[i].value));
    }
    return map;
}

static const uint32_t *physical_indices(
    const struct weir_sql_table *table, const uint32_t *columns, uint32_t count, struct weir_arena *arena)
{
    uint32_t *physical = WEIR_ARENA_ARRAY(arena, uint32_t, count + 1);
    for (uint32_t i = 0; i < count; i++) physical[i] = weir_sql_table_physical_index(table, columns[i]);
    return physical;
}

struct weir_sql_table_descriptor *weir_sql_table_describe(const struct weir_sql_table *table,
    const struct weir_spec *options, bool bounded_wanted, struct weir_arena *arena)
{
    struct weir_sql_table_descriptor *to = WEIR_ARENA_NEW(arena, struct weir_sql_table_descriptor);
    to->identifier = table->identifier_text;
    to->options = table->options;
    to->option_count = table->option_count;
    if (options) {
        struct weir_sql_table_option *all =
            WEIR_ARENA_ARRAY(arena, struct weir_sql_table_option, options->count + 1);
        for (uint32_t i = 0; i < options->count; i++) {
            all[i].key = options->names[i];
            all[i].value = weir_spec_get_text(options, options->names[i], "");
        }
        to->options = all;
        to->option_count = options->count;
    }
    to->column_count = weir_sql_table_physical_count(table);
    const char **names = WEIR_ARENA_ARRAY(arena, const char *, to->column_count + 1);
    const struct weir_type **types = WEIR_ARENA_ARRAY(arena, const struct weir_type *, to->column_count + 1);
    for (uint32_t i = 0, at = 0; i < table->column_count; i++) {
        if (table->columns[i].kind != WEIR_SQL_COLUMN_PHYSICAL) continue;
        names[at] = table->columns[i].name;
        types[at++] = table->columns[i].type;
    }
    to->column_names = names;
    to->column_types = types;
    to->primary_key = physical_indices(table, table->primary_key, table->primary_key_count, arena);
    to->primary_key_count = table->primary_key_count;
    to->partition_keys = physical_indices(table, table->partition_keys, table->partition_key_count, arena);
    to->partition_key_count = table->partition_key_count;
    to->bounded_wanted = bounded_wanted;
    to->arena = arena;
    return to;
}

/* ----------------------------------------------------------------------------------------------- entries */

static const struct weir_sql_table_option *copy_options(
    struct weir_arena *arena, const struct weir_sql_options *options, uint32_t *ret_count)
{
    *ret_count = 0;
    if (!options) return NULL;
    struct weir_sql_table_option *copy =
        WEIR_ARENA_ARRAY(arena, struct weir_sql_table_option, options->count + 1);
    for (uint32_t i = 0; i < options->count; i++) {
        copy[i].key = weir_arena_string(arena, options->items[i].key);
        copy[i].value = weir_arena_string(arena, options->items[i].value);
    }
    *ret_count = options->count;
    return copy;
}

static void database_free(struct weir_memory *memory, struct weir_sql_database *database)
{
    weir_arena_done(&database->arena);
    weir_memory_release(memory, database, sizeof *database);
}

static void entry_free(struct weir_memory *memory, struct weir_sql_catalog_entry *entry)
{
    weir_arena_done(&entry->arena);
    weir_memory_release(memory, entry, sizeof *entry);
}

struct weir_sql_catalog *weir_sql_catalog_new(struct weir_memory *memory)
{
    struct weir_sql_catalog *catalog = weir_memory_allocate_zeroed(memory, sizeof *catalog);
    catalog->memory = memory;
    weir_arena_init(&catalog->names, memory);
    weir_sql_catalog_add_catalog(catalog, WEIR_SQL_DEFAULT_CATALOG, NULL, NULL, false, NULL);
    weir_sql_catalog_add_database(
        catalog, WEIR_SQL_DEFAULT_CATALOG, WEIR_SQL_DEFAULT_DATABASE, NULL, NULL, false, NULL);
    catalog->current = WEIR_SQL_DEFAULT_CATALOG;
    catalog->database = WEIR_SQL_DEFAULT_DATABASE;
    return catalog;
}

struct weir_sql_catalog *weir_sql_catalog_free(struct weir_sql_catalog *catalog)
{
    if (!catalog) return NULL;
    struct weir_memory *memory = catalog->memory;
    weir_sql_catalog_sweep(catalog);
    for (uint32_t i = 0; i < catalog->tables.count; i++) weir_sql_table_free(catalog->tables.items[i]);
    weir_memory_release(memory, catalog->removed.items, catalog->removed.capacity * sizeof(void *));
    for (uint32_t i = 0; i < catalog->databases.count; i++)
        database_free(memory, catalog->databases.items[i]);
    for (uint32_t i = 0; i < catalog->catalogs.count; i++) entry_free(memory, catalog->catalogs.items[i]);
    weir_memory_release(memory, catalog->tables.items, catalog->tables.capacity * sizeof(void *));
    weir_memory_release(memory, catalog->databases.items, catalog->databases.capacity * sizeof(void *));
    weir_memory_release(memory, catalog->catalogs.items, catalog->catalogs.capacity * sizeof(void *));
    weir_arena_done(&catalog->names);
    weir_memory_release(memory, catalog, sizeof *catalog);
    return NULL;
}

struct weir_memory *weir_sql_catalog_memory(const struct weir_sql_catalog *catalog)
{
    return catalog->memory;
}

const char *weir_sql_catalog_current(const struct weir_sql_catalog *catalog)
{
    return catalog->current;
}

const char *weir_sql_catalog_current_database(const struct weir_sql_catalog *catalog)
{
    return catalog->database;
}

const struct weir_sql_catalog_entry *weir_sql_catalog_at(
    const struct weir_sql_catalog *catalog, uint32_t index)
{
    return index < catalog->catalogs.count ? catalog->catalogs.items[index] : NULL;
}

const struct weir_sql_database *weir_sql_catalog_database_at(
    const struct weir_sql_catalog *catalog, uint32_t index)
{
    return index < catalog->databases.count ? catalog->databases.items[index] : NULL;
}

const struct weir_sql_table *weir_sql_catalog_table_at(const struct weir_sql_catalog *catalog, uint32_t index)
{
    return index < catalog->tables.count ? catalog->tables.items[index] : NULL;
}

const struct weir_sql_catalog_entry *weir_sql_catalog_find_catalog(
    const struct weir_sql_catalog *catalog, const char *name)
{
    for (uint32_t i = 0; i < catalog->catalogs.count; i++) {
        const struct weir_sql_catalog_entry *entry = catalog->catalogs.items[i];
        if (strcmp(entry->name, name) == 0) return entry;
    }
    return NULL;
}

const struct weir_sql_database *weir_sql_catalog_find_database(
    const struct weir_sql_catalog *catalog, const char *catalog_name, const char *name)
{
    for (uint32_t i = 0; i < catalog->databases.count; i++) {
        const struct weir_sql_database *database = catalog->databases.items[i];
        if (strcmp(database->catalog, catalog_name) == 0 && strcmp(database->name, name) == 0)
            return database;
    }
    return NULL;
}

static uint32_t bucket_of(const char *name)
{
    return weir_sql_name_hash(name) & (TABLE_BUCKETS - 1);
}

const struct weir_sql_table *weir_sql_catalog_find_kind(
    const struct weir_sql_catalog *catalog, const struct weir_sql_identifier *identifier, bool temporary)
{
    const struct weir_sql_table *table = catalog->buckets[bucket_of(identifier->name)];
    for (; table; table = table->next_of_hash) {
        if (table->temporary == temporary && strcmp(table->identifier.name, identifier->name) == 0 &&
            strcmp(table->identifier.database, identifier->database) == 0 &&
            strcmp(table->identifier.catalog, identifier->catalog) == 0) {
            return table;
        }
    }
    return NULL;
}

const struct weir_sql_table *weir_sql_catalog_find(
    const struct weir_sql_catalog *catalog, const struct weir_sql_identifier *identifier)
{
    const struct weir_sql_table *table = weir_sql_catalog_find_kind(catalog, identifier, true);
    return table ? table : weir_sql_catalog_find_kind(catalog, identifier, false);
}

/* ------------------------------------------------------------------------------------------ current names */

enum weir_error_code weir_sql_catalog_use(
    struct weir_sql_catalog *catalog, const char *name, struct weir_error *reterr)
{
    if (!weir_sql_catalog_find_catalog(catalog, name)) {
        return weir_error_set(reterr, WEIR_E_NOT_FOUND, "A catalog with name [%s] does not exist.", name);
    }
    if (strcmp(catalog->current, name) == 0) return WEIR_OK;
    catalog->current = weir_arena_string(&catalog->names, name);
    bool standard = weir_sql_catalog_find_database(catalog, name, WEIR_SQL_DEFAULT_DATABASE) != NULL;
    catalog->database = standard ? WEIR_SQL_DEFAULT_DATABASE : "";
    return WEIR_OK;
}

enum weir_error_code weir_sql_catalog_use_database(struct weir_sql_catalog *catalog, const char *catalog_name,
    const char *database, struct weir_error *reterr)
{
    if (!weir_sql_catalog_find_catalog(catalog, catalog_name)) {
        return weir_error_set(
            reterr, WEIR_E_NOT_FOUND, "A catalog with name [%s] does not exist.", catalog_name);
    }
    if (!weir_sql_catalog_find_database(catalog, catalog_name, database)) {
        return weir_error_set(reterr, WEIR_E_NOT_FOUND,
            "A database with name [%s] does not exist in the catalog: [%s].", database, catalog_name);
    }
    catalog->current = weir_arena_string(&catalog->names, catalog_name);
    catalog->database = weir_arena_string(&catalog->names, database);
    return WEIR_OK;
}

enum weir_error_code weir_sql_catalog_qualify(const struct weir_sql_catalog *catalog,
    const struct weir_sql_path *path, struct weir_sql_identifier *ret, struct weir_error *reterr)
{
    if (path->count == 0 || path->count > 3) {
        return weir_error_set_at(reterr, WEIR_E_SQL_VALIDATION, path->span.line, path->span.column,
            "A name of one to three parts was expected: [catalog.][database.]name");
    }
    ret->name = path->parts[path->count - 1].text;
    ret->database = path->count > 1 ? path->parts[path->count - 2].text : catalog->database;
    ret->catalog = path->count > 2 ? path->parts[0].text : catalog->current;
    return WEIR_OK;
}

/* --------------------------------------------------------------------------------------------- nearest name
 */

enum { NEAREST_BYTES_MAX = 64 };

static char folded(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static uint32_t edit_distance(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b);
    if (m > NEAREST_BYTES_MAX || n > NEAREST_BYTES_MAX) return UINT32_MAX;
    uint32_t row[NEAREST_BYTES_MAX + 1];
    for (uint32_t j = 0; j <= n; j++) row[j] = j;
    for (uint32_t i = 1; i <= m; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= n; j++) {
            uint32_t above = row[j];
            uint32_t change = diagonal + (folded(a[i - 1]) != folded(b[j - 1]));
            uint32_t step = WEIR_MIN(above, row[j - 1]) + 1;
            row[j] = WEIR_MIN(change, step);
            diagonal = above;
        }
    }
    return row[n];
}

const char *weir_sql_nearest(const char *name, const char *const *candidates, uint32_t count)
{
    const char *best = NULL;
    uint32_t limit = WEIR_MAX((uint32_t)strlen(name) / 3, 1) + 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t distance = edit_distance(name, candidates[i]);
        if (distance >= WEIR_MIN(limit, (uint32_t)strlen(name))) continue;
        limit = distance;
        best = candidates[i];
    }
    return best;
}

const char *weir_sql_catalog_nearest(
    const struct weir_sql_catalog *catalog, const struct weir_sql_identifier *identifier)
{
    const char *best = NULL;
    for (uint32_t i = 0; i < catalog->tables.count; i++) {
        const struct weir_sql_table *table = catalog->tables.items[i];
        if (strcmp(table->identifier.database, identifier->database) != 0 ||
            strcmp(table->identifier.catalog, identifier->catalog) != 0) {
            continue;
        }
        const char *both[2] = { table->identifier.name, best };
        const char *nearer = weir_sql_nearest(identifier->name, both, best ? 2 : 1);
        if (nearer) best = nearer;
    }
    return best;
}

/* --------------------------------------------------------------------------------------------------- changes
 */

static enum weir_error_code refuse_table(
    const struct weir_sql_catalog *catalog, const struct weir_sql_table *table, struct weir_error *reterr)
{
    const struct weir_sql_identifier *name = &table->identifier;
    if (!weir_sql_catalog_find_catalog(catalog, name->catalog)) {
        return weir_error_set(reterr, WEIR_E_NOT_FOUND, "Catalog %s does not exist.", name->catalog);
    }
    if (!weir_sql_catalog_find_database(catalog, name->catalog, name->database)) {
        return weir_error_set(reterr, WEIR_E_NOT_FOUND, "Database %s does not exist in Catalog %s.",
            name->database, name->catalog);
    }
    if (catalog->tables.count >= WEIR_SQL_TABLES_MAX) {
        return weir_error_set(
            reterr, WEIR_E_BUDGET, "The catalog is full: it holds %d tables and views", WEIR_SQL_TABLES_MAX);
    }
    return WEIR_OK;
}

static void tables_add(struct weir_sql_catalog *catalog, struct weir_sql_table *table)
{
    struct weir_sql_table **bucket = &catalog->buckets[bucket_of(table->identifier.name)];
    table->next_of_hash = *bucket;
    *bucket = table;
    pointers_add(catalog->memory, &catalog->tables, table);
}

static void tables_remove(struct weir_sql_catalog *catalog, struct weir_sql_table *table)
{
    struct weir_sql_table **link = &catalog->buckets[bucket_of(table->identifier.name)];
    while (*link != table) link = &(*link)->next_of_hash;
    *link = table->next_of_hash;
    pointers_remove(&catalog->tables, table);
}

enum weir_error_code weir_sql_catalog_add(struct weir_sql_catalog *catalog, struct weir_sql_table *table,
    bool if_not_exists, bool replace, struct weir_error *reterr)
{
    enum weir_error_code code = refuse_table(catalog, table, reterr);
    if (code) {
        weir_sql_table_free(table);
        return code;
    }
    const struct weir_sql_table *old =
        weir_sql_catalog_find_kind(catalog, &table->identifier, table->temporary);
    if (old && !replace) {
        if (!if_not_exists) {
            code = weir_error_set(reterr, WEIR_E_ALREADY_EXISTS, "%s%s with identifier '%s' already exists.",
                table->temporary ? "Temporary " : "",
                table->temporary ? (old->is_view ? "view" : "table") : (old->is_view ? "View" : "Table"),
                table->identifier_text);
        }
        weir_sql_table_free(table);
        return code;
    }
    if (old) weir_sql_catalog_remove(catalog, old);
    tables_add(catalog, table);
    return WEIR_OK;
}

void weir_sql_catalog_remove(struct weir_sql_catalog *catalog, const struct weir_sql_table *table)
{
    for (uint32_t i = 0; i < catalog->tables.count; i++) {
        if (catalog->tables.items[i] != table) continue;
        struct weir_sql_table *owned = catalog->tables.items[i];
        tables_remove(catalog, owned);
        pointers_add(catalog->memory, &catalog->removed, owned);
        return;
    }
}

void weir_sql_catalog_sweep(struct weir_sql_catalog *catalog)
{
    for (uint32_t i = 0; i < catalog->removed.count; i++) weir_sql_table_free(catalog->removed.items[i]);
    catalog->removed.count = 0;
}

enum weir_error_code weir_sql_catalog_add_database(struct weir_sql_catalog *catalog, const char *catalog_name,
    const char *name, const char *comment, const struct weir_sql_options *options, bool if_not_exists,
    struct weir_error *reterr)
{
    if (!weir_sql_catalog_find_catalog(catalog, catalog_name)) {
        return weir_error_set(reterr, WEIR_E_NOT_FOUND, "Catalog %s does not exist.", catalog_name);
    }
    if (weir_sql_catalog_find_database(catalog, catalog_name, name)) {
        if (if_not_exists) return WEIR_OK;
        return weir_error_set(
            reterr, WEIR_E_ALREADY_EXISTS, "Database %s already exists in Catalog %s.", name, catalog_name);
    }
    if (catalog->databases.count >= WEIR_SQL_DATABASES_MAX) {
        return weir_error_set(
            reterr, WEIR_E_BUDGET, "The catalog is full: it holds %d databases", WEIR_SQL_DATABASES_MAX);
    }
    struct weir_sql_database *database = weir_memory_allocate_zeroed(catalog->memory, sizeof *database);
    weir_arena_init(&database->arena, catalog->memory);
    database->catalog = weir_arena_string(&database->arena, catalog_name);
    database->name = weir_arena_string(&database->arena, name);
    database->comment = comment ? weir_arena_string(&database->arena, comment) : NULL;
    database->options = copy_options(&database->arena, options, &database->option_count);
    pointers_add(catalog->memory, &catalog->databases, database);
    return WEIR_OK;
}

static bool table_is_in(const struct weir_sql_table *table, const struct weir_sql_database *database)
{
    return strcmp(table->identifier.database, database->name) == 0 &&
           strcmp(table->identifier.catalog, database->catalog) == 0;
}

static uint32_t count_tables(const struct weir_sql_catalog *catalog, const struct weir_sql_database *database)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < catalog->tables.count; i++) {
        const struct weir_sql_table *table = catalog->tables.items[i];
        count += !table->temporary && table_is_in(table, database);
    }
    return count;
}

enum weir_error_code weir_sql_catalog_drop_database(struct weir_sql_catalog *catalog,
    const char *catalog_name, const char *name, bool if_exists, bool cascade, struct weir_error *reterr)
{
    const struct weir_sql_database *found = weir_sql_catalog_find_database(catalog, catalog_name, name);
    if (!found) {
        if (if_exists) return WEIR_OK;
        return weir_error_set(
            reterr, WEIR_E_NOT_FOUND, "Database %s does not exist in Catalog %s.", name, catalog_name);
    }
    if (strcmp(catalog->current, catalog_name) == 0 && strcmp(catalog->database, name) == 0) {
        return weir_error_set(
            reterr, WEIR_E_SQL_VALIDATION, "Cannot drop a database which is currently in use.");
    }
    if (!cascade && count_tables(catalog, found)) {
        return weir_error_set(
            reterr, WEIR_E_SQL_VALIDATION, "Database %s in catalog %s is not empty.", name, catalog_name);
    }
    for (uint32_t i = 0; i < catalog->tables.count;) {
        struct weir_sql_table *table = catalog->tables.items[i];
        if (table_is_in(table, found)) {
            tables_remove(catalog, table);
            weir_sql_table_free(table);
        } else {
            i++;
        }
    }
    pointers_remove(&catalog->databases, found);
    database_free(catalog->memory, (struct weir_sql_database *)(uintptr_t)found);
    return WEIR_OK;
}

void weir_sql_catalog_set_database_option(struct weir_sql_catalog *catalog,
    const struct weir_sql_database *database, const char *key, const char *value)
{
    (void)catalog;
    struct weir_sql_database *to = (struct weir_sql_database *)(uintptr_t)database;
    struct weir_sql_table_option *options =
        WEIR_ARENA_ARRAY(&to->arena, struct weir_sql_table_option, to->option_count + 1);
    uint32_t count = 0;
    bool replaced = false;
    for (uint32_t i = 0; i < to->option_count; i++) {
        if (strcmp(to->options[i].key, key) != 0) {
            options[count++] = to->options[i];
        } else if (value) {
            options[count].key = to->options[i].key;
            options[count++].value = weir_arena_string(&to->arena, value);
            replaced = true;
        }
    }
    if (value && !replaced) {
        options[count].key = weir_arena_string(&to->arena, key);
        options[count++].value = weir_arena_string(&to->arena, value);
    }
    to->options = options;
    to->option_count = count;
}

enum weir_error_code weir_sql_catalog_add_catalog(struct weir_sql_catalog *catalog, const char *name,
    const char *comment, const struct weir_sql_options *options, bool if_not_exists,
    struct weir_error *reterr)
{
    if (weir_sql_catalog_find_catalog(catalog, name)) {
        if (if_not_exists) return WEIR_OK;
        return weir_error_set(reterr, WEIR_E_ALREADY_EXISTS, "Catalog %s already exists.", name);
    }
    if (catalog->catalogs.count >= WEIR_SQL_CATALOGS_MAX) {
        return weir_error_set(reterr, WEIR_E_BUDGET, "There are already %d catalogs", WEIR_SQL_CATALOGS_MAX);
    }
    struct weir_sql_catalog_entry *entry = weir_memory_allocate_zeroed(catalog->memory, sizeof *entry);
    weir_arena_init(&entry->arena, catalog->memory);
    entry->name = weir_arena_string(&entry->arena, name);
    entry->comment = comment ? weir_arena_string(&entry->arena, comment) : NULL;
    entry->options = copy_options(&entry->arena, options, &entry->option_count);
    pointers_add(catalog->memory, &catalog->catalogs, entry);
    return WEIR_OK;
}

enum weir_error_code weir_sql_catalog_drop_catalog(
    struct weir_sql_catalog *catalog, const char *name, bool if_exists, struct weir_error *reterr)
{
    const struct weir_sql_catalog_entry *entry = weir_sql_catalog_find_catalog(catalog, name);
    if (!entry) {
        if (if_exists) return WEIR_OK;
        return weir_error_set(reterr, WEIR_E_NOT_FOUND, "Catalog %s does not exist.", name);
    }
    if (strcmp(catalog->current, name) == 0) {
        return weir_error_set(
            reterr, WEIR_E_SQL_VALIDATION, "Cannot drop a catalog which is currently in use.");
    }
    for (uint32_t i = 0; i < catalog->databases.count;) {
        const struct weir_sql_database *database = catalog->databases.items[i];
        if (strcmp(database->catalog, name) == 0) {
            weir_sql_catalog_drop_database(catalog, name, database->name, true, true, NULL);
        } else {
            i++;
        }
    }
    pointers_remove(&catalog->catalogs, entry);
    entry_free(catalog->memory, (struct weir_sql_catalog_entry *)(uintptr_t)entry);
    return WEIR_OK;
}
