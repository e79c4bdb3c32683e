/* A catalog with a pretended connector, and EXPLAIN of SQL text as a string: for the tests of the planner. */
#ifndef WEIR_TEST_PLAN_FIXTURE_H
#define WEIR_TEST_PLAN_FIXTURE_H

#include "support/cmocka_all.h"
#include "support/memory.h"

#include <stdio.h>
#include <string.h>

#include "plan/job_graph.h"
#include "sql/binder.h"
#include "sql/parser.h"
#include "sql/planner.h"

struct plan_fixture {
    struct weir_memory *memory;
    struct weir_arena arena;
    struct weir_sql_catalog *catalog;
    struct weir_sql_connectors connectors;
    struct weir_eval_environment environment;
    const char *config[32]; /* key, value, key, value ... */
    uint32_t config_count;
    struct weir_error error;
    bool batch;
};

static inline uint32_t fixture_kinds(
    const struct weir_sql_table_descriptor *table, const char *key, uint32_t otherwise)
{
    for (uint32_t i = 0; i < table->option_count; i++) {
        if (strcmp(table->options[i].key, key) != 0) continue;
        uint32_t kinds = 0;
        for (const char *at = table->options[i].value; *at; at++) {
            if (at[0] == 'I') kinds |= WEIR_SQL_KIND_I;
            if (at[0] == 'U' && at[1] == 'B') kinds |= WEIR_SQL_KIND_UB;
            if (at[0] == 'U' && at[1] == 'A') kinds |= WEIR_SQL_KIND_UA;
            if (at[0] == 'D') kinds |= WEIR_SQL_KIND_D;
        }
        return kinds;
    }
    return otherwise;
}

static inline uint32_t fixture_number(const struct weir_sql_table_descriptor *table, const char *key)
{
    for (uint32_t i = 0; i < table->option_count; i++)
        if (strcmp(table->options[i].key, key) == 0) return (uint32_t)(table->options[i].value[0] - '0');
    return 0;
}

static inline bool fixture_option(const struct weir_sql_table_descriptor *table, const char *key)
{
    for (uint32_t i = 0; i < table->option_count; i++)
        if (strcmp(table->options[i].key, key) == 0) return strcmp(table->options[i].value, "true") == 0;
    return false;
}

static inline enum weir_error_code fixture_source(void *context,
    const struct weir_sql_table_descriptor *table, struct weir_sql_source_description *ret,
    struct weir_error *reterr)
{
    *ret = (struct weir_sql_source_description){ .changelog_kinds =
                                                     fixture_kinds(table, "source-mode", WEIR_SQL_KIND_I),
        .deletes_by_key = fixture_option(table, "delete-by-key"),
        .bounded = true,
        .parallelism_max = fixture_number(table, "scan.parallelism"),
        .reads_projected = true,
        .reads_nested = true };
    return WEIR_OK;
}

static inline enum weir_error_code fixture_sink(void *context, const struct weir_sql_table_descriptor *table,
    struct weir_sql_sink_description *ret, struct weir_error *reterr)
{
    *ret = (struct weir_sql_sink_description){ .accepted_kinds = fixture_kinds(table, "sink-mode", 15),
        .parallelism = fixture_number(table, "sink.parallelism"),
        .takes_deletes_by_key = fixture_option(table, "takes-delete-by-key") };
    return WEIR_OK;
}

static inline enum weir_error_code fixture_metadata(void *context,
    const struct weir_sql_table_descriptor *table, const struct weir_sql_metadata_column **ret,
    uint32_t *ret_count, struct weir_error *reterr)
{
    *ret = NULL;
    *ret_count = 0;
    return WEIR_OK;
}

static inline const char *fixture_config(void *context, const char *key)
{
    const struct plan_fixture *f = context;
    for (uint32_t i = f->config_count; i >= 2; i -= 2)
        if (strcmp(f->config[i - 2], key) == 0) return f->config[i - 1];
    return NULL;
}

static inline void fixture_set(struct plan_fixture *f, const char *key, const char *value)
{
    assert_true(f->config_count + 2 <= WEIR_ARRAY_COUNT(f->config));
    f->config[f->config_count++] = key;
    f->config[f->config_count++] = value;
}

static inline struct weir_sql_binder_input fixture_binder(struct plan_fixture *f)
{
    return (struct weir_sql_binder_input){ .arena = &f->arena,
        .memory = f->memory,
        .catalog = f->catalog,
        .connectors = &f->connectors,
        .environment = &f->environment,
        .batch = f->batch };
}

static inline void fixture_run(struct plan_fixture *f, const char *sql)
{
    size_t offset = 0;
    for (;;) {
        const struct weir_sql_statement *statement;
        struct weir_rel *insert;
        struct weir_sql_binder_input input = fixture_binder(f);
        f->error.message[0] = '\0';
        if (weir_sql_parse_statement(&f->arena, sql, strlen(sql), &offset, &statement, &f->error))
            fail_msg("%s", f->error.message);
        if (!statement) return;
        if (weir_sql_execute_ddl(&input, statement, &insert, &f->error)) fail_msg("%s", f->error.message);
    }
}

static inline void fixture_open(struct plan_fixture *f, struct weir_memory *memory)
{
    memset(f, 0, sizeof *f);
    f->memory = memory;
    weir_arena_init(&f->arena, memory);
    f->catalog = weir_sql_catalog_new(memory);
    f->connectors = (struct weir_sql_connectors){ NULL, fixture_source, fixture_sink, fixture_metadata };
    f->environment = (struct weir_eval_environment){ .current_catalog = "default_catalog",
        .current_database = "default_database" };
}

static inline void fixture_close(struct plan_fixture *f)
{
    weir_sql_catalog_free(f->catalog);
    weir_arena_done(&f->arena);
}

static inline enum weir_error_code fixture_bind(struct plan_fixture *f, const char *sql,
    struct weir_sql_planner_input *ret, struct weir_sql_config *config)
{
    size_t offset = 0;
    const struct weir_sql_statement *statement;
    struct weir_sql_binder_input input = fixture_binder(f);
    struct weir_rel *const *roots;
    uint32_t root_count;
    f->error.message[0] = '\0';
    enum weir_error_code code =
        weir_sql_parse_statement(&f->arena, sql, strlen(sql), &offset, &statement, &f->error);
    if (!code) code = weir_sql_bind_statement(&input, statement, &roots, &root_count, &f->error);
    if (code) return code;
    *config = (struct weir_sql_config){ fixture_config, f };
    *ret = (struct weir_sql_planner_input){ .arena = &f->arena,
        .memory = f->memory,
        .config = config,
        .roots = roots,
        .root_count = root_count,
        .batch = f->batch,
        .environment = &f->environment };
    return WEIR_OK;
}

/* The whole EXPLAIN; NULL on an error, which is then in f->error. */
static inline const char *fixture_explain_all(struct plan_fixture *f, const char *sql, uint32_t details)
{
    struct weir_sql_planner_input input;
    struct weir_sql_config config;
    struct weir_buffer text;
    if (fixture_bind(f, sql, &input, &config)) return NULL;
    weir_buffer_init(&text, f->memory, 1 << 20);
    const char *result = NULL;
    if (!weir_sql_explain(&input, details, &text, &f->error))
        result = weir_arena_copy(&f->arena, text.data, text.length);
    weir_buffer_done(&text);
    return result;
}

static inline const char *fixture_section(struct plan_fixture *f, const char *text, const char *title)
{
    if (!text) fail_msg("%s", f->error.message);
    const char *from = strstr(text, title);
    assert_non_null(from);
    from = strchr(from, '\n') + 1;
    const char *to = strstr(from, "\n== ");
    return to ? weir_arena_copy(&f->arena, from, (size_t)(to - from)) : from;
}

/* The optimised physical plan alone. */
static inline const char *fixture_explain(struct plan_fixture *f, const char *sql)
{
    return fixture_section(f, fixture_explain_all(f, sql, 0), "== Optimized Physical Plan ==");
}

static inline const char *fixture_changelog(struct plan_fixture *f, const char *sql)
{
    return fixture_section(
        f, fixture_explain_all(f, sql, WEIR_EXPLAIN_CHANGELOG_MODE), "== Optimized Physical Plan ==");
}

static inline const struct weir_stream_graph *fixture_graph(struct plan_fixture *f, const char *sql)
{
    struct weir_sql_planner_input input;
    struct weir_sql_config config;
    const struct weir_stream_graph *graph;
    if (fixture_bind(f, sql, &input, &config)) fail_msg("%s", f->error.message);
    if (weir_sql_plan(&input, &graph, &f->error)) fail_msg("%s", f->error.message);
    return graph;
}

#endif
