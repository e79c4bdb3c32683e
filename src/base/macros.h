/* Small things that every file needs. */
#ifndef WEIR_BASE_MACROS_H
#define WEIR_BASE_MACROS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_MUST_USE            __attribute__((warn_unused_result))
#define WEIR_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define WEIR_LIKELY(x)           __builtin_expect(!!(x), 1)
#define WEIR_UNLIKELY(x)         __builtin_expect(!!(x), 0)
#define WEIR_ARRAY_COUNT(a)      (sizeof(a) / sizeof((a)[0]))
#define WEIR_MIN(a, b)           ((a) < (b) ? (a) : (b))
#define WEIR_MAX(a, b)           ((a) > (b) ? (a) : (b))

/* A loop that gains from wide registers: compiled for the baseline, AVX2 and AVX-512, chosen when the program
 * is loaded by what the processor has. The results are the same: -ffp-contract=off keeps fused multiplication
 * out. clang 14 cannot clone by architecture, and the sanitizers' run-time is not up yet when the loader
 * chooses. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define WEIR_CPU_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define WEIR_CPU_CLONES
#endif

__extension__ typedef __int128 weir_int128;
__extension__ typedef unsigned __int128 weir_uint128;

/* Text that somebody else owns; not terminated. */
struct weir_slice {
    const char *data;
    size_t length;
};
#define WEIR_SLICE(literal) ((struct weir_slice){ (literal), sizeof(literal) - 1 })

#endif
