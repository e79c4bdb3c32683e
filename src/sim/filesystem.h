/*
 * A disk in virtual time: spi/filesystem.h with the semantics of a power loss, shared by the processes that
 * see it.
 *
 * What is durable: bytes of a file up to its last sync; a name from the sync of its file or of its directory
 * (rename syncs directories, as the SPI promises). At a power loss everything else is up to chance: unsynced
 * bytes are cut at a random place (torn), names that were not durable may be missing, removed ones may be
 * back; files that are open are stale from then on. A killed process loses nothing that it wrote: only its
 * view dies.
 *
 * A view is one process's way in. A dead view answers every call with an IO error and changes nothing: so
 * that the memory of a killed process can be freed by the code that would have tidied up.
 *
 * Deterministic: inode numbers, times and faults come from the seed and the virtual clock.
 */
#ifndef WEIR_SIM_FILESYSTEM_H
#define WEIR_SIM_FILESYSTEM_H

#include "spi/filesystem.h"

struct weir_sim_filesystem;

struct weir_sim_filesystem_faults {
    /* Chance of each, per million calls. */
    uint32_t read_error, write_error, no_space, sync_error, rename_error;
    bool down; /* every call fails */
};

struct weir_sim_filesystem_config {
    struct weir_memory *memory;
    uint64_t seed;
    int64_t (*wall_us)(void *clock);
    void *clock;
};

struct weir_sim_filesystem *weir_sim_filesystem_new(const struct weir_sim_filesystem_config *config);
void weir_sim_filesystem_free(struct weir_sim_filesystem *disk); /* all views must be freed */
void weir_sim_filesystem_set_faults(
    struct weir_sim_filesystem *disk, const struct weir_sim_filesystem_faults *faults);
void weir_sim_filesystem_power_loss(struct weir_sim_filesystem *disk);

struct weir_filesystem *weir_sim_filesystem_view(struct weir_sim_filesystem *disk);
void weir_sim_filesystem_view_kill(struct weir_filesystem *view);
void weir_sim_filesystem_view_free(struct weir_filesystem *view); /* open files of it must be closed */

/* For checkers and workloads: without faults. Paths in order; NULL past the last. */
const char *weir_sim_filesystem_path(const struct weir_sim_filesystem *disk, uint32_t index);
/* NULL: absent. Valid until the next change. */
const uint8_t *weir_sim_filesystem_bytes(
    const struct weir_sim_filesystem *disk, const char *path, size_t *ret_length);
void weir_sim_filesystem_write(
    struct weir_sim_filesystem *disk, const char *path, const void *bytes, size_t length); /* durable */
void weir_sim_filesystem_remove(struct weir_sim_filesystem *disk, const char *path);
uint64_t weir_sim_filesystem_calls(const struct weir_sim_filesystem *disk);

#endif
