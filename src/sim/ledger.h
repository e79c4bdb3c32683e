/*
 * The ledger: a source whose every row is known beforehand, and the judgement of what came out.
 *
 * Connector 'ledger' (source only): P partitions of N rows each; row s of partition p is a function of (seed,
 * p, s). A partition grows with virtual time ('rate' rows a second), so that a bounded job runs while faults
 * happen; subtask i of n reads the partitions p with p % n == i, its snapshot holds their offsets, and a
 * restore at another parallelism takes those of its own. Columns: p BIGINT (partition), s BIGINT (sequence),
 * k BIGINT (key), v BIGINT (value), ts TIMESTAMP(3) (event time, growing with s).
 *
 * With 'enumerated' partitions are splits ("p7"): partition n is there after n times 'birth' ms, and is read
 * by whom the enumerator gives it to.
 *
 * Options: 'partitions', 'rows' (per partition), 'rate' (rows a second and partition; 0: all at once),
 * 'keys', 'seed', 'batch' (rows a poll at most; default 16), 'bounded' (default true).
 */
#ifndef WEIR_SIM_LEDGER_H
#define WEIR_SIM_LEDGER_H

#include "sim/filesystem.h"
#include "spi/connector.h"

/* Partitions grow from this moment on (2026-01-01): where the simulator's wall clock starts. */
#define WEIR_LEDGER_START_US INT64_C(1767225600000000)

extern const struct weir_connector weir_sim_ledger_connector;
/* All plug-ins of the process and the ledger; told once, before anything is planned or simulated. */
void weir_sim_connectors_set(const struct weir_connectors *plugins);
const struct weir_connectors *weir_sim_connectors(void);

struct weir_ledger_row {
    int64_t partition, sequence, key, value, timestamp_ms;
};
/* The row as every run of the same seed has it. */
struct weir_ledger_row weir_ledger_row(uint64_t seed, int64_t partition, int64_t sequence, int64_t keys);

enum weir_ledger_expectation {
    WEIR_LEDGER_ROWS,    /* lines "p,s,k,v": each row at most once; complete: exactly once; per partition in
                            order within a file */
    WEIR_LEDGER_WINDOWS, /* lines "k,start_ms,count,sum": TUMBLE by key; each (k, start) at most once and
                            right */
    WEIR_LEDGER_JOIN     /* lines "p,s,q,t,k": interval-free equi join by key and sequence of two ledgers */
};

struct weir_ledger_check {
    enum weir_ledger_expectation expectation;
    const char *directory; /* of the sink: its committed files are what readers see */
    uint64_t seed;
    int64_t partitions, rows, keys, window_ms;
    bool complete; /* the job has ended with FINISHED: nothing may be missing */
};
struct weir_ledger_verdict {
    uint64_t lines, lost, doubled, wrong, unordered;
    char first[256]; /* what is wrong with the first bad line */
};
void weir_ledger_judge(const struct weir_sim_filesystem *disk, const struct weir_ledger_check *check,
    struct weir_memory *memory, struct weir_ledger_verdict *ret);

#endif
