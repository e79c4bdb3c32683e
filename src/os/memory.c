#include "os/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef WEIR_OS_JEMALLOC
#include "os/clock.h"
#include "os/memory_blocks.h"
#include <jemalloc/jemalloc.h>

/* Few arenas: slot threads work out of arenas and pages of their own, so that contention is rare and idle
 * memory counts. */
const char *malloc_conf = "narenas:4,dirty_decay_ms:3000,muzzy_decay_ms:0,metadata_thp:disabled";

static _Atomic size_t keep_bytes_max; /* in use and kept together; 0: nothing is kept */
static _Atomic int64_t keep_ns;

static size_t may_be_kept(const struct weir_memory *memory)
{
    size_t most = atomic_load_explicit(&keep_bytes_max, memory_order_relaxed);
    size_t used = atomic_load_explicit(&memory->used_bytes, memory_order_relaxed);
    return most > used ? most - used : 0;
}

/* Large blocks are what state lies in and is looked up by at random: in huge pages, where the kernel has
 * them, few address translations are missed and few faults are taken. */
static void *allocate_block(struct weir_memory *memory, size_t bytes, size_t alignment)
{
    bool is_large = bytes >= WEIR_BLOCK_BYTES_MIN;
    void *pointer = is_large ? weir_os_block_take(bytes) : mallocx(bytes, MALLOCX_ALIGN(alignment));
    if (weir_os_blocks_kept_bytes()) weir_os_blocks_shrink(may_be_kept(memory));
    return pointer;
}

static void release_block(struct weir_memory *memory, void *pointer, size_t bytes, size_t alignment)
{
    if (bytes >= WEIR_BLOCK_BYTES_MIN)
        weir_os_block_release(pointer, bytes, may_be_kept(memory));
    else
        sdallocx(pointer, bytes, MALLOCX_ALIGN(alignment));
}

void weir_os_memory_keep_blocks(size_t bytes_max, int64_t kept_ms)
{
    atomic_store(&keep_ns, kept_ms * 1000000);
    atomic_store(&keep_bytes_max, bytes_max);
}

void weir_os_memory_give_back(void)
{
    if (weir_os_blocks_kept_bytes()) weir_os_blocks_expire(weir_clock_monotonic_ns() - atomic_load(&keep_ns));
}

size_t weir_os_memory_kept_bytes(void)
{
    return weir_os_blocks_kept_bytes();
}

void weir_os_memory_make_blocks(size_t bytes, const struct weir_memory *user, const _Atomic bool *enough)
{
    while (!atomic_load(enough)) {
        size_t may_be = may_be_kept(weir_os_memory()), kept = weir_os_blocks_kept_bytes();
        if (kept + atomic_load(&user->used_bytes) >= bytes || kept + WEIR_BLOCK_BYTES_MIN > may_be) return;
        void *block = weir_os_block_make();
        if (!block) return;
        weir_os_block_release(block, WEIR_BLOCK_BYTES_MIN, may_be);
    }
}
#else
static void *allocate_block(struct weir_memory *memory, size_t bytes, size_t alignment)
{
    void *pointer = NULL;
    return posix_memalign(&pointer, alignment < sizeof(void *) ? sizeof(void *) : alignment, bytes) ? NULL
                                                                                                    : pointer;
}

static void release_block(struct weir_memory *memory, void *pointer, size_t bytes, size_t alignment)
{
    free(pointer);
}

/* Whoever uses what was released is to be found out. */
void weir_os_memory_keep_blocks(size_t bytes_max, int64_t kept_ms) {}

void weir_os_memory_give_back(void) {}

void weir_os_memory_make_blocks(size_t bytes, const struct weir_memory *user, const _Atomic bool *enough) {}

size_t weir_os_memory_kept_bytes(void)
{
    return 0;
}
#endif

static void *os_allocate(struct weir_memory *memory, size_t bytes, size_t alignment)
{
    void *pointer = allocate_block(memory, bytes, alignment);
    if (pointer) return pointer;
    char line[128];
    int length = snprintf(line, sizeof line, "weir: out of memory: %zu bytes wanted, %zu in use\n", bytes,
        atomic_load_explicit(&memory->used_bytes, memory_order_relaxed));
    if (write(STDERR_FILENO, line, (size_t)length) < 0) abort();
    abort();
}

static void os_release(struct weir_memory *memory, void *pointer, size_t bytes, size_t alignment)
{
    release_block(memory, pointer, bytes, alignment);
}

struct weir_memory *weir_os_memory(void)
{
    static struct weir_memory root = { .allocate = os_allocate, .release = os_release };
    return &root;
}

size_t weir_os_resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    unsigned long total_pages = 0, resident_pages = 0;
    int fields = fscanf(file, "%lu %lu", &total_pages, &resident_pages);
    fclose(file);
    return fields == 2 ? resident_pages * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

size_t weir_os_physical_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    size_t bytes = pages > 0 && page_bytes > 0 ? (size_t)pages * (size_t)page_bytes : 0;
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "re");
    if (!file) return bytes;
    unsigned long long limit = 0; /* the file says "max" where there is none: no number is read then */
    if (fscanf(file, "%llu", &limit) == 1 && limit > 0 && (!bytes || limit < bytes)) bytes = (size_t)limit;
    fclose(file);
    return bytes;
}
