#include "os/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef WEIR_OS_JEMALLOC
#include <jemalloc/jemalloc.h>
#include <sys/mman.h>

/* Few arenas: slot threads work out of arenas and pages of their own, so that contention is rare and idle
 * memory counts. */
const char *malloc_conf = "narenas:4,dirty_decay_ms:3000,muzzy_decay_ms:0,metadata_thp:disabled";

enum { HUGE_PAGE_BYTES = 2 << 20, HUGE_BLOCK_BYTES_MIN = 2 << 20 };

/* Large blocks are what state lies in and is looked up by at random: in huge pages, where the kernel has
 * them, few address translations are missed and few faults are taken. */
static void *map_block(size_t bytes)
{
    size_t wanted = (bytes + 4095) & ~(size_t)4095, mapped = wanted + HUGE_PAGE_BYTES;
    char *start = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return NULL;
    size_t before = -(uintptr_t)start & (HUGE_PAGE_BYTES - 1);
    if (before) munmap(start, before);
    if (HUGE_PAGE_BYTES > before) munmap(start + before + wanted, HUGE_PAGE_BYTES - before);
    (void)madvise(start + before, wanted, MADV_HUGEPAGE); /* advice: without it all works as well */
    return start + before;
}

static void *allocate_block(size_t bytes, size_t alignment)
{
    return bytes >= HUGE_BLOCK_BYTES_MIN ? map_block(bytes) : mallocx(bytes, MALLOCX_ALIGN(alignment));
}

static void release_block(void *pointer, size_t bytes, size_t alignment)
{
    if (bytes >= HUGE_BLOCK_BYTES_MIN)
        munmap(pointer, (bytes + 4095) & ~(size_t)4095);
    else
        sdallocx(pointer, bytes, MALLOCX_ALIGN(alignment));
}
#else
static void *allocate_block(size_t bytes, size_t alignment)
{
    void *pointer = NULL;
    return posix_memalign(&pointer, alignment < sizeof(void *) ? sizeof(void *) : alignment, bytes) ? NULL
                                                                                                    : pointer;
}

static void release_block(void *pointer, size_t bytes, size_t alignment)
{
    free(pointer);
}
#endif

static void *os_allocate(struct weir_memory *memory, size_t bytes, size_t alignment)
{
    void *pointer = allocate_block(bytes, alignment);
    if (pointer) return pointer;
    char line[128];
    int length = snprintf(line, sizeof line, "weir: out of memory: %zu bytes wanted, %zu in use\n", bytes,
        atomic_load_explicit(&memory->used_bytes, memory_order_relaxed));
    if (write(STDERR_FILENO, line, (size_t)length) < 0) abort();
    abort();
}

static void os_release(struct weir_memory *memory, void *pointer, size_t bytes, size_t alignment)
{
    release_block(pointer, bytes, alignment);
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
