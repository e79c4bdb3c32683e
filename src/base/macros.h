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

__extension__ typedef __int128 weir_int128;
__extension__ typedef unsigned __int128 weir_uint128;

/* Text that somebody else owns; not terminated. */
struct weir_slice {
    const char *data;
    size_t length;
};
#define WEIR_SLICE(literal) ((struct weir_slice){ (literal), sizeof(literal) - 1 })

#endif
