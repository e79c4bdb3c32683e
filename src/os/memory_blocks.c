/* Pages that the kernel hands out are cleared first, and in a virtual machine may have to be found by the
 * host as well; that costs more than what is then written to them. A task that is restored after another one
 * has gone takes the pages of that one. */
#include "os/memory_blocks.h"
#include "base/assert.h"
#include "os/clock.h"
#include <pthread.h>
#include <sys/mman.h>

enum { HUGE_PAGE_BYTES = 2 << 20, PAGE_BYTES = 4096, EXPIRED_PER_CALL_MAX = 64 };

/* At the start of a block that is kept. */
struct kept {
    struct kept *newer, *older; /* of the same list */
    size_t bytes;
    int64_t released_ns;
};

struct kept_list {
    struct kept *newest, *oldest;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards the lists */
static struct kept_list smallest, larger; /* of WEIR_BLOCK_BYTES_MIN, which are many; all others */
static _Atomic size_t kept_bytes;

static size_t whole_pages(size_t bytes)
{
    return (bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
}

static struct kept_list *list_of(size_t bytes)
{
    return bytes == WEIR_BLOCK_BYTES_MIN ? &smallest : &larger;
}

static void unlink_block(struct kept *block)
{
    struct kept_list *list = list_of(block->bytes);
    *(block->newer ? &block->newer->older : &list->newest) = block->older;
    *(block->older ? &block->older->newer : &list->oldest) = block->newer;
    atomic_fetch_sub(&kept_bytes, block->bytes);
}

static struct kept *oldest_block(void)
{
    if (!smallest.oldest || !larger.oldest) return smallest.oldest ? smallest.oldest : larger.oldest;
    return smallest.oldest->released_ns <= larger.oldest->released_ns ? smallest.oldest : larger.oldest;
}

static void *map_block(size_t wanted)
{
    size_t mapped = wanted + HUGE_PAGE_BYTES;
    char *start = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return NULL;
    size_t before = -(uintptr_t)start & (HUGE_PAGE_BYTES - 1);
    if (before) munmap(start, before);
    if (HUGE_PAGE_BYTES > before) munmap(start + before + wanted, HUGE_PAGE_BYTES - before);
    (void)madvise(start + before, wanted, MADV_HUGEPAGE); /* advice: without it all works as well */
    return start + before;
}

void *weir_os_block_take(size_t bytes)
{
    WEIR_ASSERT(bytes >= WEIR_BLOCK_BYTES_MIN);
    size_t wanted = whole_pages(bytes);
    if (atomic_load(&kept_bytes)) {
        pthread_mutex_lock(&mutex);
        struct kept *block = list_of(wanted)->newest;
        while (block && block->bytes != wanted) block = block->older;
        if (block) unlink_block(block);
        pthread_mutex_unlock(&mutex);
        if (block) return block;
    }
    return map_block(wanted);
}

void *weir_os_block_make(void)
{
    char *block = map_block(WEIR_BLOCK_BYTES_MIN);
    for (size_t at = 0; block && at < WEIR_BLOCK_BYTES_MIN; at += PAGE_BYTES) block[at] = 0;
    return block;
}

void weir_os_block_release(void *pointer, size_t bytes, size_t kept_bytes_max)
{
    size_t mapped = whole_pages(bytes);
    if (mapped > kept_bytes_max) {
        munmap(pointer, mapped);
        return;
    }
    struct kept *block = pointer;
    pthread_mutex_lock(&mutex);
    struct kept_list *list = list_of(mapped);
    *block =
        (struct kept){ .older = list->newest, .bytes = mapped, .released_ns = weir_clock_monotonic_ns() };
    *(list->newest ? &list->newest->newer : &list->oldest) = block;
    list->newest = block;
    atomic_fetch_add(&kept_bytes, mapped);
    pthread_mutex_unlock(&mutex);
    weir_os_blocks_shrink(kept_bytes_max);
}

/* false: nothing that old, or that much, is kept. */
static bool drop_oldest(size_t kept_bytes_max, int64_t released_before_ns)
{
    pthread_mutex_lock(&mutex);
    struct kept *block = atomic_load(&kept_bytes) > kept_bytes_max ? oldest_block() : NULL;
    if (block && block->released_ns >= released_before_ns) block = NULL;
    if (block) unlink_block(block);
    pthread_mutex_unlock(&mutex);
    if (block) munmap(block, block->bytes);
    return block != NULL;
}

void weir_os_blocks_shrink(size_t kept_bytes_max)
{
    while (atomic_load(&kept_bytes) > kept_bytes_max)
        if (!drop_oldest(kept_bytes_max, INT64_MAX)) return;
}

void weir_os_blocks_expire(int64_t released_before_ns)
{
    for (uint32_t i = 0; i < EXPIRED_PER_CALL_MAX && atomic_load(&kept_bytes); i++)
        if (!drop_oldest(0, released_before_ns)) return;
}

size_t weir_os_blocks_kept_bytes(void)
{
    return atomic_load(&kept_bytes);
}
