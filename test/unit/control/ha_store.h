/* A coordination store for tests of single machines: versions, transactions, and outcomes that the test
 * chooses. */
#ifndef WEIR_TEST_HA_STORE_H
#define WEIR_TEST_HA_STORE_H

#include "control/effect.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <string.h>

enum { HA_STORE_KEYS_MAX = 2048, HA_STORE_VALUE_BYTES = 4096 };

struct ha_entry {
    char key[128];
    uint64_t version; /* 0: not there */
    uint8_t value[HA_STORE_VALUE_BYTES];
    size_t length;
};

struct ha_store {
    struct ha_entry entries[HA_STORE_KEYS_MAX];
    uint32_t count;
    uint32_t writes; /* that were applied */
};

static struct ha_entry *ha_find(struct ha_store *store, const char *key)
{
    for (uint32_t i = 0; i < store->count; i++)
        if (strcmp(store->entries[i].key, key) == 0) return &store->entries[i];
    return NULL;
}

static struct ha_entry *ha_get(struct ha_store *store, const char *key)
{
    struct ha_entry *entry = ha_find(store, key);
    return entry && entry->version ? entry : NULL;
}

static struct ha_entry *ha_put(struct ha_store *store, const char *key, const void *value, size_t length)
{
    struct ha_entry *entry = ha_find(store, key);
    if (!entry) {
        assert_true(store->count < HA_STORE_KEYS_MAX);
        entry = &store->entries[store->count++];
        memset(entry, 0, sizeof *entry);
        strcpy(entry->key, key);
    }
    assert_true(length <= HA_STORE_VALUE_BYTES);
    if (length) memcpy(entry->value, value, length);
    entry->length = length;
    entry->version++;
    return entry;
}

static void ha_delete(struct ha_store *store, const char *key)
{
    struct ha_entry *entry = ha_find(store, key);
    if (entry) *entry = store->entries[--store->count];
}

static enum weir_store_outcome ha_check(struct ha_store *store, const struct weir_store_operation *operation)
{
    struct ha_entry *entry = ha_get(store, operation->key);
    switch (operation->kind) {
    case WEIR_STORE_CHECK:
        if (operation->version == WEIR_STORE_VERSION_NONE) return entry ? WEIR_STORE_CONFLICT : WEIR_STORE_OK;
        if (!entry) return WEIR_STORE_NOT_FOUND;
        return !operation->version || operation->version == entry->version ? WEIR_STORE_OK
                                                                           : WEIR_STORE_CONFLICT;
    case WEIR_STORE_CREATE:
    case WEIR_STORE_CREATE_EPHEMERAL: return entry ? WEIR_STORE_CONFLICT : WEIR_STORE_OK;
    case WEIR_STORE_SET:
    case WEIR_STORE_DELETE:
        if (!entry) return WEIR_STORE_NOT_FOUND;
        return operation->version == entry->version ? WEIR_STORE_OK : WEIR_STORE_CONFLICT;
    default: return WEIR_STORE_OK;
    }
}

static void ha_read(struct ha_store *store, const char *key, struct weir_store_entry *ret)
{
    struct ha_entry *entry = ha_get(store, key);
    *ret = (struct weir_store_entry){ .key = key, .found = entry != NULL };
    if (!entry) return;
    ret->version = entry->version;
    ret->value = entry->value;
    ret->length = entry->length;
}

/* Carries out one request as a whole or not at all; the answer's entries live in arena. */
static struct weir_event ha_apply(
    struct ha_store *store, const struct weir_effect *effect, struct weir_arena *arena)
{
    struct weir_event event = { .kind = WEIR_EVENT_STORE_DONE, .tag = effect->tag };
    struct weir_store_entry *entries =
        WEIR_ARENA_ARRAY(arena, struct weir_store_entry, store->count + effect->operation_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < effect->operation_count; i++) {
        event.store.outcome = ha_check(store, &effect->operations[i]);
        if (event.store.outcome != WEIR_STORE_OK) return event;
    }
    for (uint32_t i = 0; i < effect->operation_count; i++) {
        const struct weir_store_operation *operation = &effect->operations[i];
        switch (operation->kind) {
        case WEIR_STORE_READ:
        case WEIR_STORE_READ_STALE: ha_read(store, operation->key, &entries[count++]); break;
        case WEIR_STORE_LIST: {
            size_t prefix = strlen(operation->key);
            for (uint32_t j = 0; j < store->count; j++)
                if (store->entries[j].version &&
                    strncmp(store->entries[j].key, operation->key, prefix) == 0 &&
                    store->entries[j].key[prefix] == '/')
                    ha_read(store, store->entries[j].key, &entries[count++]);
            break;
        }
        case WEIR_STORE_CREATE:
        case WEIR_STORE_CREATE_EPHEMERAL:
        case WEIR_STORE_SET:
            store->writes++;
            entries[count++].version =
                ha_put(store, operation->key, operation->value, operation->length)->version;
            break;
        case WEIR_STORE_DELETE:
            store->writes++;
            ha_delete(store, operation->key);
            break;
        default: break;
        }
    }
    event.store.entries = entries;
    event.store.entry_count = count;
    return event;
}

/* The nth effect of that kind in a step's, or NULL. */
static inline const struct weir_effect *ha_effect(
    const struct weir_effects *effects, enum weir_effect_kind kind, uint32_t nth)
{
    for (uint32_t i = 0; i < effects->count; i++)
        if (effects->items[i].kind == kind && nth-- == 0) return &effects->items[i];
    return NULL;
}

#endif
