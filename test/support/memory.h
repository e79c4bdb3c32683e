/*
 * Memory for tests: plain malloc underneath, so that AddressSanitizer sees every block, with a check that the
 * sizes given back are those taken, and with a count of what is still held.
 *
 *     struct weir_test_memory memory;
 *     weir_test_memory_init(&memory);
 *     ... &memory.base ...
 *     weir_test_memory_check(&memory);   fails the test when a byte is still held
 */
#ifndef WEIR_TEST_SUPPORT_MEMORY_H
#define WEIR_TEST_SUPPORT_MEMORY_H

#include "base/memory.h"

struct weir_test_memory {
    struct weir_memory base;
};

void weir_test_memory_init(struct weir_test_memory *memory);
void weir_test_memory_check(struct weir_test_memory *memory);

/* One for the whole process, for tests that do not count. */
struct weir_memory *weir_test_memory_shared(void);

#endif
