/* Shared by the files of this folder alone. */
#ifndef WEIR_CONFIG_INTERNAL_H
#define WEIR_CONFIG_INTERNAL_H

#include "base/arena.h"
#include "config/config.h"
#include "config/value.h"

struct config__entry {
    char *key, *value; /* NUL-terminated, owned */
    size_t key_length, value_length;
    enum weir_config_layer layer;
    const char *file; /* in the config's arena; NULL for values of no file */
    uint32_t line;
};

struct config__notice {
    enum weir_config_notice_kind kind;
    const char *key, *text;
};

struct weir_config {
    struct weir_memory *memory;
    struct weir_arena arena;       /* names of files and notices: they only grow with what is read */
    struct config__entry *entries; /* sorted by key, then by layer */
    size_t entry_count, entry_capacity;
    struct config__notice *notices;
    size_t notice_count, notice_capacity;
};

struct config__place {
    enum weir_config_layer layer;
    const char *file;
    uint32_t line, column;
};

/* Checks key and value and keeps them. */
enum weir_error_code config__put(struct weir_config *config, struct weir_slice key, struct weir_slice value,
    struct config__place place, struct weir_error *reterr);
/* The entry that decides for the option under this concrete key; NULL: the default holds. */
const struct config__entry *config__find(
    const struct weir_config *config, const struct weir_option *option, const char *key);
/* What this very key was given in this layer, NULL when nothing. */
const struct config__entry *config__entry_in_layer(
    const struct weir_config *config, struct weir_slice key, enum weir_config_layer layer);
/* An error when the key is neither an option nor an old name of one. */
enum weir_error_code config__check_key(
    struct weir_slice key, struct config__place place, struct weir_error *reterr);
void config__notice(
    struct weir_config *config, enum weir_config_notice_kind kind, const char *key, const char *text);

#endif
