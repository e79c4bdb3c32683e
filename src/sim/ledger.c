#include "sim/ledger.h"
#include "base/assert.h"
#include "data/time.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROW_INTERVAL_MS = 10,
    COLUMNS = 5,
    PARTITIONS_MAX = 1024,
    SPLIT_DISCOVERY_MS = 300,
    VALUES = 1000,
    CONNECTORS_MAX = 64
};

/* --- rows --- */

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

struct weir_ledger_row weir_ledger_row(uint64_t seed, int64_t partition, int64_t sequence, int64_t keys)
{
    uint64_t bits = mix(mix(seed ^ (uint64_t)partition * 0x9e3779b97f4a7c15u) + (uint64_t)sequence);
    return (struct weir_ledger_row){ .partition = partition,
        .sequence = sequence,
        .key = (int64_t)(bits % (uint64_t)keys),
        .value = (int64_t)(bits >> 32) % VALUES,
        .timestamp_ms = WEIR_LEDGER_START_US / 1000 + sequence * ROW_INTERVAL_MS +
                        (int64_t)((bits >> 20) % ROW_INTERVAL_MS) };
}

/* --- the connector --- */

/* Texts, because a template's are filled in later (job_template.h). */
static const struct weir_option_definition options[] = {
    { .key = "partitions", .type = "String", .default_value = "4", .description = "Partitions." },
    { .key = "rows", .type = "String", .default_value = "1000", .description = "Rows of a partition." },
    { .key = "rate",
        .type = "String",
        .default_value = "0",
        .description = "Rows a second and partition; 0: all at once." },
    { .key = "keys", .type = "String", .default_value = "16", .description = "Distinct keys." },
    { .key = "seed", .type = "String", .default_value = "1", .description = "What rows are made of." },
    { .key = "batch", .type = "String", .default_value = "16", .description = "Rows a poll at most." },
    { .key = "enumerated",
        .type = "String",
        .default_value = "false",
        .description = "Partitions are splits, and given to readers." },
    { .key = "birth",
        .type = "String",
        .default_value = "0",
        .description = "Partition n is there after n times so many milliseconds." },
    { .key = "bounded", .type = "String", .default_value = "true", .description = "Ends after its rows." },
};

static const char *const column_names[COLUMNS] = { "p", "s", "k", "v", "ts" };

static enum weir_error_code describe_source(const struct weir_connectors *all,
    const struct weir_table_descriptor *table, struct weir_source_description *ret, struct weir_error *reterr)
{
    *ret = (struct weir_source_description){
        .changelog_kinds = WEIR_KIND_BIT_I, .bounded = true, .reads_projected = true
    };
    for (uint32_t i = 0; i < table->option_count; i++) {
        if (strcmp(table->options[i].key, "bounded") == 0)
            ret->bounded = strcmp(table->options[i].value, "false") != 0;
        if (strcmp(table->options[i].key, "enumerated") == 0)
            ret->enumerated = strcmp(table->options[i].value, "true") == 0;
    }
    ret->split_discovery_ms = SPLIT_DISCOVERY_MS;
    for (uint32_t c = 0; c < table->column_count; c++) {
        bool known = false;
        for (uint32_t i = 0; i < COLUMNS; i++) known |= strcmp(column_names[i], table->column_names[c]) == 0;
        if (!known)
            return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
                "table %s: a ledger has the columns p, s, k, v and ts, not \"%s\"", table->identifier,
                table->column_names[c]);
    }
    return WEIR_OK;
}

struct ledger {
    struct weir_source source; /* first */
    uint64_t seed;
    int64_t partitions, rows, rate, keys, batch, birth_ms;
    bool bounded, no_more;
    uint32_t *fields; /* per output column: index into column_names */
    int64_t *offsets; /* of all partitions; only its own are moved */
    bool *held;       /* enumerated: given to this reader, and not read to the end */
};

static bool is_mine(const struct ledger *ledger, int64_t partition)
{
    const struct weir_operator_context *ctx = ledger->source.ctx;
    if (ctx->enumerated) return ledger->held[partition];
    return (uint64_t)partition % ctx->parallelism == ctx->subtask_index;
}

static int64_t birth_us(const struct ledger *ledger, int64_t partition)
{
    return WEIR_LEDGER_START_US + partition * ledger->birth_ms * 1000;
}

static int64_t available(const struct ledger *ledger, int64_t partition, int64_t now_us)
{
    if (!ledger->rate) return ledger->rows;
    int64_t passed_us = now_us - birth_us(ledger, partition);
    int64_t due = passed_us < 0 ? 0 : (int64_t)((weir_int128)passed_us * ledger->rate / 1000000);
    return WEIR_MIN(due, ledger->rows);
}

/* The one that is furthest behind, so that event time never goes back within a subtask. */
static int64_t pick(const struct ledger *ledger)
{
    int64_t best = -1;
    for (int64_t p = 0; p < ledger->partitions; p++)
        if (is_mine(ledger, p) && (best < 0 || ledger->offsets[p] < ledger->offsets[best])) best = p;
    return best;
}

static void put_row(const struct ledger *ledger, const struct weir_ledger_row *row, struct weir_batch *out)
{
    const int64_t values[COLUMNS] = { row->partition, row->sequence, row->key, row->value,
        row->timestamp_ms * 1000 };
    for (uint32_t c = 0; c < ledger->source.ctx->output_column_count; c++)
        ((int64_t *)out->columns[c].data)[out->row_count] = values[ledger->fields[c]];
    out->row_count++;
}

static uint32_t held_count(const struct ledger *ledger)
{
    uint32_t count = 0;
    for (int64_t p = 0; p < ledger->partitions; p++) count += ledger->held[p];
    return count;
}

static enum weir_source_result ledger_poll(
    struct weir_source *source, struct weir_batch *out, int64_t *idle_until_ms)
{
    struct ledger *ledger = (struct ledger *)source;
    int64_t now_us = source->ctx->now_us(source->ctx->clock);
    int64_t partition = pick(ledger);
    while (partition >= 0 && ledger->offsets[partition] < available(ledger, partition, now_us) &&
           out->row_count < ledger->batch) {
        struct weir_ledger_row row =
            weir_ledger_row(ledger->seed, partition, ledger->offsets[partition]++, ledger->keys);
        put_row(ledger, &row, out);
        if (source->ctx->enumerated && ledger->offsets[partition] == ledger->rows)
            ledger->held[partition] = false;
        partition = pick(ledger);
    }
    if (source->ctx->enumerated) source->ctx->split_wanted = !ledger->no_more && held_count(ledger) < 2;
    if (out->row_count) return WEIR_SOURCE_ROWS;
    if (source->ctx->enumerated && partition < 0 && ledger->no_more) return WEIR_SOURCE_FINISHED;
    if (!source->ctx->enumerated && ledger->bounded &&
        (partition < 0 || ledger->offsets[partition] >= ledger->rows))
        return WEIR_SOURCE_FINISHED;
    *idle_until_ms =
        now_us / 1000 + (ledger->rate ? WEIR_MAX(INT64_C(1000) / ledger->rate, INT64_C(1)) : 1000);
    return WEIR_SOURCE_IDLE;
}

static enum weir_error_code ledger_snapshot(
    struct weir_source *source, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    struct ledger *ledger = (struct ledger *)source;
    for (int64_t p = 0; p < ledger->partitions; p++) {
        if (!is_mine(ledger, p)) continue;
        weir_buffer_append_u64(to, (uint64_t)p);
        weir_buffer_append_u64(to, (uint64_t)ledger->offsets[p]);
    }
    return WEIR_OK;
}

static enum weir_error_code ledger_restore(struct weir_source *source, const struct weir_operator_blob *blobs,
    uint32_t count, struct weir_error *reterr)
{
    struct ledger *ledger = (struct ledger *)source;
    for (uint32_t i = 0; i < count; i++) {
        struct weir_reader reader = { .data = blobs[i].bytes, .length = blobs[i].length };
        const struct weir_operator_context *ctx = source->ctx;
        bool same = ctx->restored_parallelism == ctx->parallelism;
        if (ctx->enumerated && same && blobs[i].subtask_index != ctx->subtask_index) continue;
        while (reader.offset < reader.length && !reader.failed) {
            uint64_t partition = weir_reader_u64(&reader), offset = weir_reader_u64(&reader);
            if (reader.failed || partition >= (uint64_t)ledger->partitions || offset > (uint64_t)ledger->rows)
                return weir_error_set(reterr, WEIR_E_STATE, "a ledger's offsets are damaged");
            ledger->offsets[partition] = (int64_t)offset;
            if (same || partition % ctx->parallelism == ctx->subtask_index) ledger->held[partition] = true;
        }
    }
    return WEIR_OK;
}

/* Whatever this reader knows of it: who is given a split begins it. */
static enum weir_error_code ledger_add_split(struct weir_source *source, const char *id)
{
    struct ledger *ledger = (struct ledger *)source;
    int64_t partition = strtoll(id + 1, NULL, 10);
    if (id[0] != 'p' || partition < 0 || partition >= ledger->partitions)
        return weir_error_set(source->ctx->error, WEIR_E_STATE, "a ledger has no split \"%s\"", id);
    ledger->offsets[partition] = 0;
    ledger->held[partition] = true;
    return WEIR_OK;
}

static void ledger_no_more_splits(struct weir_source *source)
{
    ((struct ledger *)source)->no_more = true;
}

static enum weir_error_code ledger_discover(struct weir_source *source, struct weir_arena *arena,
    const char *const **ret, uint32_t *ret_count, bool *ret_all)
{
    const struct ledger *ledger = (const struct ledger *)source;
    int64_t now_us = source->ctx->now_us(source->ctx->clock);
    const char **ids = WEIR_ARENA_ARRAY(arena, const char *, ledger->partitions);
    *ret_count = 0;
    for (int64_t p = 0; p < ledger->partitions && birth_us(ledger, p) <= now_us; p++)
        ids[(*ret_count)++] = weir_arena_format(arena, "p%lld", (long long)p);
    *ret = ids;
    *ret_all = *ret_count == ledger->partitions;
    return WEIR_OK;
}

static enum weir_error_code ledger_create(struct weir_operator_context *ctx, struct weir_source **ret);
static const struct weir_source_ops source_ops = {
    .name = "ledger",
    .create = ledger_create,
    .poll = ledger_poll,
    .snapshot = ledger_snapshot,
    .restore = ledger_restore,
    .add_split = ledger_add_split,
    .no_more_splits = ledger_no_more_splits,
    .discover = ledger_discover,
};

static enum weir_error_code ledger_create(struct weir_operator_context *ctx, struct weir_source **ret)
{
    struct ledger *ledger = WEIR_ARENA_NEW(ctx->arena, struct ledger);
    ledger->source = (struct weir_source){ &source_ops, ctx };
    const struct weir_spec *given = weir_spec_get(ctx->spec, "options"),
                           *columns = weir_spec_get(ctx->spec, "columns"),
                           *projection = weir_spec_get(ctx->spec, "projection");
    ledger->partitions = strtoll(weir_spec_get_text(given, "partitions", "4"), NULL, 10);
    ledger->rows = strtoll(weir_spec_get_text(given, "rows", "1000"), NULL, 10);
    ledger->rate = strtoll(weir_spec_get_text(given, "rate", "0"), NULL, 10);
    ledger->keys = strtoll(weir_spec_get_text(given, "keys", "16"), NULL, 10);
    ledger->seed = strtoull(weir_spec_get_text(given, "seed", "1"), NULL, 10);
    ledger->batch = strtoll(weir_spec_get_text(given, "batch", "16"), NULL, 10);
    ledger->birth_ms = strtoll(weir_spec_get_text(given, "birth", "0"), NULL, 10);
    ledger->bounded = strcmp(weir_spec_get_text(given, "bounded", "true"), "false") != 0;
    if (ledger->partitions < 1 || ledger->partitions > PARTITIONS_MAX || ledger->rows < 0 ||
        ledger->keys < 1 || ledger->batch < 1 || ledger->batch > WEIR_BATCH_ROWS_MAX)
        return weir_error_set(ctx->error, WEIR_E_SQL_VALIDATION,
            "a ledger has 1 to %d partitions, at least one key and batches of 1 to %d rows", PARTITIONS_MAX,
            WEIR_BATCH_ROWS_MAX);
    ledger->offsets = WEIR_ARENA_ARRAY(ctx->arena, int64_t, ledger->partitions);
    ledger->held = WEIR_ARENA_ARRAY(ctx->arena, bool, ledger->partitions);
    ledger->fields = WEIR_ARENA_ARRAY(ctx->arena, uint32_t, ctx->output_column_count + 1);
    for (uint32_t c = 0; c < ctx->output_column_count; c++) {
        const struct weir_spec *column =
            columns->items[weir_spec_get_integer(projection->items[c], "column", 0)];
        const char *name = weir_spec_get_text(column, "name", "");
        while (ledger->fields[c] + 1 < COLUMNS && strcmp(column_names[ledger->fields[c]], name) != 0)
            ledger->fields[c]++;
    }
    *ret = &ledger->source;
    return WEIR_OK;
}

const struct weir_connector weir_sim_ledger_connector = {
    .name = "ledger",
    .description = "Rows that are known beforehand, for simulation.",
    .options = options,
    .option_count = WEIR_ARRAY_COUNT(options),
    .describe_source = describe_source,
    .source = &source_ops,
};

static const struct weir_connector *connector_table[CONNECTORS_MAX];
static struct weir_connectors all_connectors;

void weir_sim_connectors_set(const struct weir_connectors *plugins)
{
    WEIR_ASSERT(plugins->connector_count + 1 <= CONNECTORS_MAX);
    for (uint32_t i = 0; i < plugins->connector_count; i++) connector_table[i] = plugins->connectors[i];
    connector_table[plugins->connector_count] = &weir_sim_ledger_connector;
    all_connectors = *plugins;
    all_connectors.connectors = connector_table;
    all_connectors.connector_count = plugins->connector_count + 1;
}

const struct weir_connectors *weir_sim_connectors(void)
{
    WEIR_ASSERT(all_connectors.connector_count);
    return &all_connectors;
}

/* --- the judgement --- */

struct judge {
    const struct weir_ledger_check *check;
    struct weir_ledger_verdict *verdict;
    struct weir_memory *memory;
    uint8_t *seen; /* per possible line */
    size_t seen_count;
    int64_t *last;          /* ROWS: per partition and key, newest sequence in this file */
    int64_t *counts, *sums; /* WINDOWS: per key and window */
    int64_t windows, first_ms;
};

static void complain(
    struct judge *judge, uint64_t *counter, const char *what, const char *line, size_t length)
{
    if (!judge->verdict->first[0])
        snprintf(judge->verdict->first, sizeof judge->verdict->first, "%s: %.*s", what,
            (int)WEIR_MIN(length, (size_t)160), line);
    ++*counter;
}

static void mark(struct judge *judge, size_t index, const char *line, size_t length)
{
    if (judge->seen[index])
        complain(judge, &judge->verdict->doubled, "doubled", line, length);
    else
        judge->seen[index] = 1;
}

/* Splits at commas; quotes around a field are dropped. Returns the number of fields. */
static uint32_t split(const char *line, size_t length, const char **fields, size_t *lengths, uint32_t max)
{
    uint32_t count = 0;
    for (size_t at = 0; at <= length && count < max; count++) {
        size_t start = at;
        while (at < length && line[at] != ',') at++;
        fields[count] = line + start;
        lengths[count] = at - start;
        if (lengths[count] >= 2 && line[start] == '"' && line[at - 1] == '"') {
            fields[count]++;
            lengths[count] -= 2;
        }
        at++;
    }
    return count;
}

static bool number(const char *text, size_t length, int64_t *ret)
{
    bool negative = length && *text == '-';
    int64_t value = 0;
    if (length <= (size_t)negative || length > 18) return false;
    for (size_t i = negative; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        value = value * 10 + (text[i] - '0');
    }
    *ret = negative ? -value : value;
    return true;
}

static bool numbers(const char *const *fields, const size_t *lengths, uint32_t count, int64_t *ret)
{
    for (uint32_t i = 0; i < count; i++)
        if (!number(fields[i], lengths[i], &ret[i])) return false;
    return true;
}

static void judge_row(struct judge *judge, const char *line, size_t length)
{
    const struct weir_ledger_check *check = judge->check;
    const char *fields[8];
    size_t lengths[8];
    int64_t v[4];
    bool good = split(line, length, fields, lengths, 8) == 4 && numbers(fields, lengths, 4, v) && v[0] >= 0 &&
                v[0] < check->partitions && v[1] >= 0 && v[1] < check->rows;
    struct weir_ledger_row row = { 0 };
    if (good) row = weir_ledger_row(check->seed, v[0], v[1], check->keys);
    if (!good || row.key != v[2] || row.value != v[3]) {
        complain(judge, &judge->verdict->wrong, "wrong", line, length);
        return;
    }
    mark(judge, (size_t)(v[0] * check->rows + v[1]), line, length);
    int64_t *last = &judge->last[v[0] * check->keys + row.key];
    if (v[1] <= *last) complain(judge, &judge->verdict->unordered, "unordered", line, length);
    *last = v[1];
}

static void judge_window(struct judge *judge, const char *line, size_t length)
{
    const struct weir_ledger_check *check = judge->check;
    const char *fields[8];
    size_t lengths[8];
    int64_t key, count, sum;
    struct weir_civil civil;
    bool good = split(line, length, fields, lengths, 8) == 4 && number(fields[0], lengths[0], &key) &&
                weir_timestamp_parse(fields[1], lengths[1], 3, &civil) &&
                number(fields[2], lengths[2], &count) && number(fields[3], lengths[3], &sum) && key >= 0 &&
                key < check->keys;
    int64_t window = good ? (weir_civil_us(&civil) / 1000 - judge->first_ms) / check->window_ms : -1;
    good = good && window >= 0 && window < judge->windows;
    size_t index = good ? (size_t)(key * judge->windows + window) : 0;
    if (!good || judge->counts[index] != count || judge->sums[index] != sum) {
        complain(judge, &judge->verdict->wrong, "wrong", line, length);
        return;
    }
    mark(judge, index, line, length);
}

static void judge_pair(struct judge *judge, const char *line, size_t length)
{
    const struct weir_ledger_check *check = judge->check;
    const char *fields[8];
    size_t lengths[8];
    int64_t v[5];
    bool good = split(line, length, fields, lengths, 8) == 5 && numbers(fields, lengths, 5, v) && v[0] >= 0 &&
                v[0] < check->partitions && v[2] >= 0 && v[2] < check->partitions && v[1] == v[3] &&
                v[1] >= 0 && v[1] < check->rows;
    if (good) {
        struct weir_ledger_row a = weir_ledger_row(check->seed, v[0], v[1], check->keys),
                               b = weir_ledger_row(check->seed + 1, v[2], v[3], check->keys);
        good = a.key == b.key && a.key == v[4];
    }
    if (!good) {
        complain(judge, &judge->verdict->wrong, "wrong", line, length);
        return;
    }
    mark(judge, (size_t)((v[0] * check->partitions + v[2]) * check->rows + v[1]), line, length);
}

static void judge_file(struct judge *judge, const char *bytes, size_t length)
{
    const struct weir_ledger_check *check = judge->check;
    if (judge->last)
        for (int64_t i = 0; i < check->partitions * check->keys; i++) judge->last[i] = -1;
    for (size_t at = 0; at < length;) {
        const char *end = memchr(bytes + at, '\n', length - at);
        size_t line = end ? (size_t)(end - bytes) - at : length - at;
        judge->verdict->lines++;
        if (check->expectation == WEIR_LEDGER_ROWS) judge_row(judge, bytes + at, line);
        if (check->expectation == WEIR_LEDGER_WINDOWS) judge_window(judge, bytes + at, line);
        if (check->expectation == WEIR_LEDGER_JOIN) judge_pair(judge, bytes + at, line);
        at += line + 1;
    }
}

/* What readers see: no name on the way starts with '.' or '_'. */
static bool is_committed(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    if (strncmp(path, directory, length) != 0 || path[length] != '/') return false;
    for (const char *at = path + length; *at; at++)
        if (*at == '/' && (at[1] == '.' || at[1] == '_')) return false;
    return true;
}

static void count_windows(struct judge *judge)
{
    const struct weir_ledger_check *check = judge->check;
    int64_t start_ms = WEIR_LEDGER_START_US / 1000;
    judge->first_ms = start_ms - start_ms % check->window_ms;
    judge->windows =
        (start_ms - judge->first_ms + (check->rows + 1) * ROW_INTERVAL_MS) / check->window_ms + 1;
    judge->seen_count = (size_t)(check->keys * judge->windows);
    judge->counts = weir_memory_allocate_zeroed(judge->memory, sizeof(int64_t) * judge->seen_count);
    judge->sums = weir_memory_allocate_zeroed(judge->memory, sizeof(int64_t) * judge->seen_count);
    for (int64_t p = 0; p < check->partitions; p++) {
        for (int64_t s = 0; s < check->rows; s++) {
            struct weir_ledger_row row = weir_ledger_row(check->seed, p, s, check->keys);
            size_t index =
                (size_t)(row.key * judge->windows + (row.timestamp_ms - judge->first_ms) / check->window_ms);
            judge->counts[index]++;
            judge->sums[index] += row.value;
        }
    }
}

static bool is_expected(const struct judge *judge, size_t index)
{
    const struct weir_ledger_check *check = judge->check;
    if (check->expectation == WEIR_LEDGER_ROWS) return true;
    if (check->expectation == WEIR_LEDGER_WINDOWS) return judge->counts[index] > 0;
    int64_t s = (int64_t)index % check->rows, pair = (int64_t)index / check->rows;
    return weir_ledger_row(check->seed, pair / check->partitions, s, check->keys).key ==
           weir_ledger_row(check->seed + 1, pair % check->partitions, s, check->keys).key;
}

void weir_ledger_judge(const struct weir_sim_filesystem *disk, const struct weir_ledger_check *check,
    struct weir_memory *memory, struct weir_ledger_verdict *ret)
{
    *ret = (struct weir_ledger_verdict){ 0 };
    struct judge judge = { .check = check, .verdict = ret, .memory = memory };
    if (check->expectation == WEIR_LEDGER_WINDOWS)
        count_windows(&judge);
    else
        judge.seen_count = (size_t)(check->partitions * check->rows *
                                    (check->expectation == WEIR_LEDGER_JOIN ? check->partitions : 1));
    judge.seen = weir_memory_allocate_zeroed(memory, judge.seen_count + 1);
    size_t last_bytes = sizeof(int64_t) * (size_t)(check->partitions * check->keys);
    if (check->expectation == WEIR_LEDGER_ROWS) judge.last = weir_memory_allocate(memory, last_bytes);
    const char *path;
    for (uint32_t i = 0; (path = weir_sim_filesystem_path(disk, i)); i++) {
        size_t length;
        if (!is_committed(path, check->directory)) continue;
        const uint8_t *bytes = weir_sim_filesystem_bytes(disk, path, &length);
        judge_file(&judge, (const char *)bytes, length);
    }
    for (size_t i = 0; check->complete && i < judge.seen_count; i++) {
        if (judge.seen[i] || !is_expected(&judge, i)) continue;
        char what[64];
        int wrote = snprintf(what, sizeof what, "number %zu", i);
        complain(&judge, &ret->lost, "lost", what, (size_t)wrote);
    }
    weir_memory_release(memory, judge.seen, judge.seen_count + 1);
    if (judge.last) weir_memory_release(memory, judge.last, last_bytes);
    if (judge.counts) {
        weir_memory_release(memory, judge.counts, sizeof(int64_t) * judge.seen_count);
        weir_memory_release(memory, judge.sums, sizeof(int64_t) * judge.seen_count);
    }
}
