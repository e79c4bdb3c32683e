/*
 * Blocks of huge pages, as memory.c hands them out: mapped, and when released kept for a while, if the
 * process asks for it (weir_os_memory_keep_blocks()). Inside of os.
 * @thread any
 */
#ifndef WEIR_OS_MEMORY_BLOCKS_H
#define WEIR_OS_MEMORY_BLOCKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEIR_BLOCK_BYTES_MIN = 2 << 20 };

void *weir_os_block_take(size_t bytes); /* NULL: there is no more; not zeroed */
/* A new one of WEIR_BLOCK_BYTES_MIN, every page of it touched. */
void *weir_os_block_make(void);
/* kept_bytes_max: what may stay with the process, this one included. */
void weir_os_block_release(void *pointer, size_t bytes, size_t kept_bytes_max);
/* The oldest go, until so many bytes are left. */
void weir_os_blocks_shrink(size_t kept_bytes_max);
size_t weir_os_blocks_kept_bytes(void);
/* Those released before then go, a few per call. */
void weir_os_blocks_expire(int64_t released_before_ns);

#endif
