/* What every benchmark needs: memory, CPU time, the best of several rounds, a line a figure. */
#ifndef WEIR_BENCH_BENCH_H
#define WEIR_BENCH_BENCH_H

#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline void *bench_allocate(struct weir_memory *memory, size_t bytes, size_t alignment)
{
    size_t unit = alignment < 64 ? 64 : alignment;
    void *pointer = aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
    if (!pointer) abort();
    return pointer;
}

static inline void bench_release(struct weir_memory *memory, void *pointer, size_t bytes, size_t alignment)
{
    free(pointer);
}

static struct weir_memory bench_memory = { .allocate = bench_allocate, .release = bench_release };

static inline double bench_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

enum { BENCH_ROUNDS = 7 };

/* CPU time per row of code, which handles rows rows each time; limit_ns is what it must stay below (0: none).
 */
#define BENCH(name, rows, repetitions, limit_ns, code)                                   \
    do {                                                                                 \
        double best = 1e18;                                                              \
        for (int bench_round = 0; bench_round < BENCH_ROUNDS; bench_round++) {           \
            double bench_start = bench_cpu_ns();                                         \
            for (int bench_i = 0; bench_i < (repetitions); bench_i++) {                  \
                code;                                                                    \
            }                                                                            \
            double bench_took = (bench_cpu_ns() - bench_start) / (repetitions) / (rows); \
            if (bench_took < best) best = bench_took;                                    \
        }                                                                                \
        bench_line((name), best, (limit_ns));                                            \
    } while (0)

static inline void bench_line(const char *name, double ns, double limit_ns)
{
    printf("%-44s %8.2f ns/row", name, ns);
    if (limit_ns > 0) printf("   limit %6.2f%s", limit_ns, ns > limit_ns ? "   ABOVE" : "");
    printf("\n");
}

#endif
