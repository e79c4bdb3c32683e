/*
 * What a checkpoint of large keyed state costs: CPU time at the barrier, of writing what has changed since
 * the one before, of updates while a snapshot is pending, of restoring. Half of a gigabyte, as one of two
 * TaskManagers has it.
 */
#include "bench.h"
#include "data/batch.h"
#include "data/key_group.h"
#include "state/state.h"
#include "state/table.h"
#include <string.h>
#include <sys/mman.h>

enum { GROUPS = 128, BATCH = 1024, ROWS = 8 << 20, BARRIERS = 200, STORED_MAX = 1 << 20 };

static int64_t now_ms;

/* Large blocks in huge pages, as weir_os_memory() has them. */
enum { HUGE_PAGE_BYTES = 2 << 20 };

static void *allocate(struct weir_memory *memory, size_t bytes, size_t alignment)
{
    void *pointer = bench_allocate(memory, bytes, bytes >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : alignment);
    if (bytes >= HUGE_PAGE_BYTES) (void)madvise(pointer, bytes, MADV_HUGEPAGE);
    return pointer;
}

static struct weir_memory *huge_memory(void)
{
    bench_memory.allocate = allocate;
    return &bench_memory;
}
static struct stored {
    uint32_t key_group;
    uint8_t *bytes;
    size_t length;
} stored[STORED_MAX];
static uint32_t stored_count;
static uint64_t written, reused;

static struct weir_table *open(struct weir_state **ret)
{
    const struct weir_type *types[1] = { weir_type_of(WEIR_TYPE_BIGINT) };
    *ret = weir_state_new(huge_memory(), 0, GROUPS - 1, GROUPS, &now_ms);
    return weir_table_open(*ret, &(struct weir_table_options){ .name = "rows",
                                     .types = types,
                                     .key_count = 1,
                                     .column_count = 1,
                                     .payload_bytes = 40,
                                     .indexed = true });
}

/* Keys [from, from + count). */
static void upsert(struct weir_table *table, uint64_t from, uint64_t count)
{
    static int64_t keys[BATCH];
    static uint64_t hashes[BATCH];
    static uint16_t groups[BATCH];
    uint8_t *rows[BATCH];
    struct weir_vector vector = { .type = weir_type_of(WEIR_TYPE_BIGINT),
        .encoding = WEIR_ENCODING_FLAT,
        .capacity = BATCH,
        .data = keys };
    const struct weir_vector *columns[] = { &vector };
    struct weir_error error;
    for (uint64_t done = 0; done < count; done += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++) {
            keys[i] = (int64_t)(from + done + i);
            hashes[i] = (uint64_t)keys[i] * 0x9e3779b97f4a7c15u;
            hashes[i] ^= hashes[i] >> 32;
            hashes[i] *= 0xff51afd7ed558ccdu;
            groups[i] = (uint16_t)(weir_key_group_of(hashes[i], GROUPS));
        }
        struct weir_table_keys all = {
            .count = BATCH, .columns = columns, .hashes = hashes, .key_groups = groups
        };
        if (weir_table_upsert(table, &all, rows, NULL, NULL, &error)) abort();
        for (uint32_t i = 0; i < BATCH; i++) ++*(uint64_t *)(rows[i] + weir_table_payload_offset(table));
    }
}

static enum weir_error_code keep(void *context, uint32_t key_group, uint64_t part, const void *bytes,
    size_t length, struct weir_error *reterr)
{
    struct stored *to = &stored[stored_count++];
    if (stored_count == STORED_MAX) abort();
    *to = (struct stored){ key_group, malloc(length), length };
    memcpy(to->bytes, bytes, length);
    written += length;
    return WEIR_OK;
}

static enum weir_error_code count(void *context, uint32_t key_group, uint64_t part, const void *bytes,
    size_t length, struct weir_error *reterr)
{
    written += length;
    return WEIR_OK;
}

static bool reuse(void *context, uint32_t key_group, uint64_t part)
{
    reused++;
    return true;
}

static double write_parts(struct weir_state_snapshot *snapshot, uint64_t base, bool kept)
{
    struct weir_state_sink sink = { .reuse = reuse, .put = kept ? keep : count };
    struct weir_error error;
    written = reused = 0;
    double since = bench_cpu_ns();
    if (weir_state_snapshot_write_parts(snapshot, base, &sink, &error)) abort();
    return (bench_cpu_ns() - since) / 1e6;
}

static int compare(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static void barriers(struct weir_state *state, struct weir_table *table)
{
    static double took[BARRIERS];
    double idle = 0, busy = 0, copied = 0;
    for (uint64_t i = 0; i < BARRIERS; i++) {
        double since = bench_cpu_ns();
        struct weir_state_snapshot *snapshot = weir_state_snapshot_begin(state, 10 + i);
        took[i] = (bench_cpu_ns() - since) / 1000;
        since = bench_cpu_ns();
        upsert(table, 0, ROWS / 100); /* the first writes to these pages copy them */
        busy += bench_cpu_ns() - since;
        since = bench_cpu_ns();
        upsert(table, 0, ROWS / 100);
        copied += bench_cpu_ns() - since;
        if (i % 20 == 0) {
            double ms = write_parts(snapshot, 9 + i, false);
            printf("writing a hundredth: %.1f ms of CPU, %.1f MB\n", ms, (double)written / 1e6);
        }
        weir_state_snapshot_end(snapshot);
        since = bench_cpu_ns();
        upsert(table, 0, ROWS / 100);
        idle += bench_cpu_ns() - since;
    }
    qsort(took, BARRIERS, sizeof took[0], compare);
    printf("CPU at the barrier: p50 %.1f us, p99 %.1f us, max %.1f us\n", took[BARRIERS / 2],
        took[BARRIERS * 99 / 100], took[BARRIERS - 1]);
    printf("updates of a hundredth: %.1f ns a row; with a snapshot pending %.1f the first time, then %.1f\n",
        idle / BARRIERS / (ROWS / 100), busy / BARRIERS / (ROWS / 100), copied / BARRIERS / (ROWS / 100));
}

int main(void)
{
    struct weir_state *state;
    struct weir_error error;
    struct weir_table *table = open(&state);
    double since = bench_cpu_ns();
    upsert(table, 0, ROWS);
    printf("%.0f MB of state filled: %.0f ms of CPU\n", (double)weir_state_bytes(state) / 1e6,
        (bench_cpu_ns() - since) / 1e6);
    struct weir_state_snapshot *snapshot = weir_state_snapshot_begin(state, 9);
    double ms = write_parts(snapshot, 0, true);
    printf("all written into memory: %.0f ms of CPU, %.1f MB\n", ms, (double)written / 1e6);
    weir_state_snapshot_end(snapshot);
    barriers(state, table);
    weir_state_free(state);
    open(&state);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < stored_count; i++) bytes += stored[i].length;
    since = bench_cpu_ns();
    weir_state_restore_expect(state, bytes);
    for (uint32_t i = 0; i < stored_count; i++)
        if (weir_state_restore(state, stored[i].key_group, stored[i].bytes, stored[i].length, &error))
            abort();
    if (weir_state_restored(state, 9, &error)) abort();
    printf("restored: %.0f ms of CPU\n", (bench_cpu_ns() - since) / 1e6);
    weir_state_free(state);
    return 0;
}
