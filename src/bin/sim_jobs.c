#include "sim_jobs.h"
#include "config/config.h"
#include "ops/ops.h"
#include "ops/sources.h"
#include "plugins/plugins.h"
#include "session/session.h"
#include <string.h>

#define SOURCE(name, seed)                                                                                 \
    "CREATE TABLE " name " (p BIGINT, s BIGINT, k BIGINT, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS " \
    "ts - INTERVAL '0.001' SECOND) "                                                                       \
    "WITH ('connector'='ledger', 'partitions'='@partitions@', 'rows'='@rows@', 'rate'='@rate@', "          \
    "'keys'='@keys@', 'batch'='@batch@', 'seed'='" seed "', 'bounded'='@bounded@');\n"
#define SPLITS(name, seed)                                                                        \
    "CREATE TABLE " name " (p BIGINT, s BIGINT, k BIGINT, v BIGINT, ts TIMESTAMP(3)) "            \
    "WITH ('connector'='ledger', 'partitions'='@partitions@', 'rows'='@rows@', 'rate'='@rate@', " \
    "'keys'='@keys@', 'batch'='@batch@', 'seed'='" seed "', 'enumerated'='true', 'birth'='400');\n"
#define SOURCE_THAT_ENDS_EARLY(name, seed)                                                                 \
    "CREATE TABLE " name " (p BIGINT, s BIGINT, k BIGINT, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS " \
    "ts - INTERVAL '0.001' SECOND) "                                                                       \
    "WITH ('connector'='ledger', 'partitions'='@partitions@', 'rows'='@rows@', 'rate'='400', "             \
    "'keys'='@keys@', 'batch'='@batch@', 'seed'='" seed "');\n"
#define SINK(name, columns)                                                                         \
    "CREATE TABLE " name " (" columns ") WITH ('connector'='filesystem', 'path'='/sink/@job@/" name \
    "', 'format'='csv');\n"
/* Something to commit at every checkpoint. */
#define ROLLING_SINK(name, columns)                                                                 \
    "CREATE TABLE " name " (" columns ") WITH ('connector'='filesystem', 'path'='/sink/@job@/" name \
    "', 'format'='csv', 'sink.rolling-policy.rollover-interval'='300 ms', "                         \
    "'sink.rolling-policy.check-interval'='100 ms');\n"
#define ROWS(sink, source) "INSERT INTO " sink " SELECT p, s, k, v FROM " source ";\n"
#define WINDOWS(sink, source)                                                                       \
    "INSERT INTO " sink " SELECT k, window_start, COUNT(*), SUM(v) FROM TABLE(TUMBLE(TABLE " source \
    ", DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY k, window_start, window_end;\n"
#define JOIN(sink, left, right)                                                          \
    "INSERT INTO " sink " SELECT l.p, l.s, r.p, r.s, l.k FROM " left " AS l JOIN " right \
    " AS r ON l.k = r.k AND l.s = r.s;\n"
#define ROW_COLUMNS    "p BIGINT, s BIGINT, k BIGINT, v BIGINT"
#define WINDOW_COLUMNS "k BIGINT, window_start TIMESTAMP(3), c BIGINT, total BIGINT"
#define PAIR_COLUMNS   "p BIGINT, s BIGINT, q BIGINT, t BIGINT, k BIGINT"

static const struct {
    const char *name, *script;
    struct weir_sim_job_sink sinks[WEIR_SIM_SINKS_MAX];
    uint32_t sink_count;
} scripts[] = {
    { "rows", SOURCE("a", "@seed@") SINK("rows_out", ROW_COLUMNS) ROWS("rows_out", "a"),
        { { "rows_out", WEIR_LEDGER_ROWS, 0 } }, 1 },
    { "windows", SOURCE("a", "@seed@") SINK("windows_out", WINDOW_COLUMNS) WINDOWS("windows_out", "a"),
        { { "windows_out", WEIR_LEDGER_WINDOWS, 0 } }, 1 },
    { "join",
        SOURCE("a", "@seed@") SOURCE("b", "@seed1@") SINK("pairs_out", PAIR_COLUMNS)
            JOIN("pairs_out", "a", "b"),
        { { "pairs_out", WEIR_LEDGER_JOIN, 0 } }, 1 },
    /* Regions that share nothing. */
    { "two-regions",
        SOURCE("a", "@seed@") SOURCE("c", "@seed2@") SINK("rows_out", ROW_COLUMNS)
            SINK("windows_out", WINDOW_COLUMNS) "EXECUTE STATEMENT SET BEGIN\n" ROWS("rows_out", "a")
                WINDOWS("windows_out", "c") "END;\n",
        { { "rows_out", WEIR_LEDGER_ROWS, 0 }, { "windows_out", WEIR_LEDGER_WINDOWS, 2 } }, 2 },
    /* Two sinks of one source, and a join. */
    { "mixed",
        SOURCE("a", "@seed@") SOURCE("b", "@seed1@") SINK("rows_out", ROW_COLUMNS)
            SINK("windows_out", WINDOW_COLUMNS)
                SINK("pairs_out", PAIR_COLUMNS) "EXECUTE STATEMENT SET BEGIN\n" ROWS("rows_out", "a")
                    WINDOWS("windows_out", "a") JOIN("pairs_out", "a", "b") "END;\n",
        { { "rows_out", WEIR_LEDGER_ROWS, 0 }, { "windows_out", WEIR_LEDGER_WINDOWS, 0 },
            { "pairs_out", WEIR_LEDGER_JOIN, 0 } },
        3 },
    /* From here on: drawn only where a workload names them. */
    { "splits", SPLITS("a", "@seed@") SINK("rows_out", ROW_COLUMNS) ROWS("rows_out", "a"),
        { { "rows_out", WEIR_LEDGER_ROWS, 0 } }, 1 },
    { "uneven",
        SOURCE("a", "@seed@") SOURCE_THAT_ENDS_EARLY("b", "@seed1@") SINK("pairs_out", PAIR_COLUMNS)
            JOIN("pairs_out", "a", "b"),
        { { "pairs_out", WEIR_LEDGER_JOIN, 0 } }, 1 },
    { "rolling",
        SOURCE("a", "@seed@") ROLLING_SINK("rows_out", ROW_COLUMNS)
            ROLLING_SINK("windows_out", WINDOW_COLUMNS) "EXECUTE STATEMENT SET BEGIN\n" ROWS("rows_out", "a")
                WINDOWS("windows_out", "a") "END;\n",
        { { "rows_out", WEIR_LEDGER_ROWS, 0 }, { "windows_out", WEIR_LEDGER_WINDOWS, 0 } }, 2 },
};

struct planner {
    struct weir_arena *arena;
    struct weir_memory *memory;
    const struct weir_stream_graph *graph;
};

enum { GRAPH_BYTES_MAX = 16 << 20 };

/* The session's arena dies with the statement: the graph is kept by way of its stored form. */
static enum weir_error_code keep_graph(
    void *owner, const struct weir_session_submission *submission, struct weir_error *reterr)
{
    struct planner *planner = owner;
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, planner->memory, GRAPH_BYTES_MAX);
    weir_stream_graph_write(submission->graph, &bytes);
    struct weir_reader reader = { .data = (const uint8_t *)weir_arena_copy(
                                      planner->arena, bytes.data, bytes.length),
        .length = bytes.length };
    weir_buffer_done(&bytes);
    return weir_stream_graph_read(planner->arena, &reader, &planner->graph, reterr);
}

static bool swallow(void *owner, const char *bytes, size_t length, bool to_stderr)
{
    return true;
}

static enum weir_error_code plan_script(
    struct planner *planner, const char *script, struct weir_error *reterr)
{
    struct weir_config *config = weir_config_new(planner->memory);
    struct weir_session_config session_config = { .memory = planner->memory,
        .config = config,
        .connectors = weir_sim_connectors(),
        .find_operator = weir_operator_ops_find,
        .find_source = weir_operator_source_find,
        .write = swallow,
        .submit = keep_graph,
        .owner = planner };
    struct weir_session *session = weir_session_new(&session_config);
    enum weir_error_code code = WEIR_OK;
    size_t offset = 0;
    bool done = false, quit = false;
    planner->graph = NULL;
    while (!code && !done)
        code = weir_session_execute(session, script, strlen(script), &offset, &done, &quit, reterr);
    weir_session_free(session);
    weir_config_free(config);
    return code;
}

enum weir_error_code weir_sim_jobs_plan(struct weir_arena *arena, struct weir_memory *memory,
    const struct weir_sim_job_template **ret, uint32_t *ret_count, struct weir_error *reterr)
{
    struct weir_sim_job_template *templates =
        WEIR_ARENA_ARRAY(arena, struct weir_sim_job_template, WEIR_ARRAY_COUNT(scripts));
    weir_sim_connectors_set(&weir_plugins);
    struct planner planner = { .arena = arena, .memory = memory };
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(scripts); i++) {
        enum weir_error_code code = plan_script(&planner, scripts[i].script, reterr);
        if (code) return weir_error_wrap(reterr, "cannot plan the simulated job '%s'", scripts[i].name);
        templates[i] = (struct weir_sim_job_template){
            .name = scripts[i].name, .graph = planner.graph, .sink_count = scripts[i].sink_count
        };
        memcpy(templates[i].sinks, scripts[i].sinks, sizeof templates[i].sinks);
    }
    *ret = templates;
    *ret_count = WEIR_ARRAY_COUNT(scripts);
    return WEIR_OK;
}
