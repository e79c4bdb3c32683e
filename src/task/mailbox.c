#include "task/mailbox.h"
#include <string.h>

void weir_mailbox_begin(struct weir_mailbox *mailbox, struct weir_mailbox_orders *ret)
{
    uint64_t version = atomic_load_explicit(&mailbox->version, memory_order_relaxed);
    /* Acquire: the words of the writer before are ours to read. */
    while ((version & 1) || !atomic_compare_exchange_weak_explicit(&mailbox->version, &version, version + 1,
                                memory_order_acquire, memory_order_relaxed)) {
        if (version & 1) version = atomic_load_explicit(&mailbox->version, memory_order_relaxed);
    }
    uint64_t words[WEIR_MAILBOX_WORDS];
    for (uint32_t i = 0; i < WEIR_MAILBOX_WORDS; i++)
        words[i] = atomic_load_explicit(&mailbox->words[i], memory_order_relaxed);
    memcpy(ret, words, sizeof *ret);
}

void weir_mailbox_end(struct weir_mailbox *mailbox, const struct weir_mailbox_orders *orders)
{
    uint64_t words[WEIR_MAILBOX_WORDS];
    memcpy(words, orders, sizeof *orders);
    /* Release: who sees one of these words sees the odd version that was set before. */
    for (uint32_t i = 0; i < WEIR_MAILBOX_WORDS; i++)
        atomic_store_explicit(&mailbox->words[i], words[i], memory_order_release);
    atomic_fetch_add_explicit(&mailbox->version, 1, memory_order_release);
}

bool weir_mailbox_poll(struct weir_mailbox *mailbox, uint64_t *version, struct weir_mailbox_orders *ret)
{
    uint64_t before = atomic_load_explicit(&mailbox->version, memory_order_acquire);
    if (before == *version || (before & 1)) return false;
    uint64_t words[WEIR_MAILBOX_WORDS];
    for (uint32_t i = 0; i < WEIR_MAILBOX_WORDS; i++)
        words[i] = atomic_load_explicit(&mailbox->words[i], memory_order_acquire);
    if (atomic_load_explicit(&mailbox->version, memory_order_relaxed) != before) return false;
    memcpy(ret, words, sizeof *ret);
    *version = before;
    return true;
}

void weir_pair_cell_write(struct weir_pair_cell *cell, uint64_t first, uint64_t second)
{
    uint64_t version = atomic_load_explicit(&cell->version, memory_order_relaxed);
    atomic_store_explicit(&cell->version, version + 1, memory_order_relaxed);
    atomic_store_explicit(&cell->first, first, memory_order_release);
    atomic_store_explicit(&cell->second, second, memory_order_release);
    atomic_store_explicit(&cell->version, version + 2, memory_order_release);
}

void weir_pair_cell_read(struct weir_pair_cell *cell, uint64_t *ret_first, uint64_t *ret_second)
{
    for (;;) {
        uint64_t before = atomic_load_explicit(&cell->version, memory_order_acquire);
        *ret_first = atomic_load_explicit(&cell->first, memory_order_acquire);
        *ret_second = atomic_load_explicit(&cell->second, memory_order_acquire);
        if (!(before & 1) && atomic_load_explicit(&cell->version, memory_order_relaxed) == before) return;
    }
}
