/*
 * Reads of the coordination store by a program that has no event loop: opens the configured HA driver as
 * nobody's candidate, waits for answers. Nothing is written.
 *
 * @thread one
 */
#ifndef WEIR_BIN_STORE_READER_H
#define WEIR_BIN_STORE_READER_H

#include "cluster.h"

struct store_reader;

/* WEIR_E_NOT_FOUND: no such cluster has been here (the embedded directory does not exist). WEIR_E_IO: not
 * reached within wait_ms. */
enum weir_error_code store_reader_open(
    const struct cluster_setup *setup, int64_t wait_ms, struct store_reader **ret, struct weir_error *reterr);
/* The entry of key, or with children those below it, copied to arena; entries that do not exist are left out.
 */
enum weir_error_code store_reader_read(struct store_reader *reader, const char *key, bool children,
    struct weir_arena *arena, const struct weir_ha_entry **ret_entries, uint32_t *ret_count,
    struct weir_error *reterr);
void store_reader_close(struct store_reader *reader);

/* REST addresses of the leader, if one is known, then of the other candidates; copied to arena, at most
 * `most`. None is no error. */
enum weir_error_code store_reader_rest_addresses(struct store_reader *reader, struct weir_arena *arena,
    const char **addresses, uint32_t most, uint32_t *ret_count, struct weir_error *reterr);

/* A JobManager of the same cluster that is there now keeps its jobs elsewhere: reterr says who and where. A
 * store that is not reached, or where nobody is, says nothing. */
bool store_reader_storage_agrees(const struct cluster_setup *setup, struct weir_error *reterr);

#endif
