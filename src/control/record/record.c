#include "control/record/record.h"
#include "base/assert.h"
#include "control/planted.h"
#include <string.h>

enum {
    RETRY_FIRST_US = 20 * 1000,
    RETRY_LAST_US = 1000 * 1000,
    RETRY_DOUBLINGS_MAX = 6,
    ARENA_FIRST_BYTES = 1024, /* a thousand records are idle most of the time */
    TIMER_NUMBER = 0          /* requests are numbered from 1 */
};

/* The fields that every such message has, wherever they lie in it. */
struct header {
    uint64_t *epoch, *writer_incarnation, *write_counter;
};
struct weir_record_kind {
    struct header (*header)(ProtobufCMessage *message);
    enum weir_error_code (*decode)(struct weir_arena *arena, const void *bytes, size_t length,
        ProtobufCMessage **ret, struct weir_error *reterr);
};

static struct header job_header(ProtobufCMessage *message)
{
    Weir__JobRecord *record = (Weir__JobRecord *)message;
    return (struct header){ &record->epoch, &record->writer_incarnation, &record->write_counter };
}
static enum weir_error_code job_decode(struct weir_arena *arena, const void *bytes, size_t length,
    ProtobufCMessage **ret, struct weir_error *reterr)
{
    Weir__JobRecord *record = NULL;
    enum weir_error_code code = weir_job_record_decode(arena, bytes, length, &record, reterr);
    *ret = code ? NULL : &record->base;
    return code;
}
static struct header index_header(ProtobufCMessage *message)
{
    Weir__JobIndex *index = (Weir__JobIndex *)message;
    return (struct header){ &index->epoch, &index->writer_incarnation, &index->write_counter };
}
static enum weir_error_code index_decode(struct weir_arena *arena, const void *bytes, size_t length,
    ProtobufCMessage **ret, struct weir_error *reterr)
{
    return weir_proto_decode(
        &weir__job_index__descriptor, arena, bytes, length, WEIR_RECORD_INDEX_BYTES_MAX, ret, reterr);
}
static const struct weir_record_kind job_kind = { job_header, job_decode };
static const struct weir_record_kind index_kind = { index_header, index_decode };

/* ---------------------------------------------------------------- states */

static bool transition_is_legal(enum weir_record_state from, enum weir_record_state to)
{
    switch (from) {
    case WEIR_RECORD_IDLE: return to == WEIR_RECORD_WRITING || to == WEIR_RECORD_FENCED;
    case WEIR_RECORD_WRITING:
        return to == WEIR_RECORD_IDLE || to == WEIR_RECORD_SETTLING || to == WEIR_RECORD_READING ||
               to == WEIR_RECORD_FENCED;
    case WEIR_RECORD_SETTLING:
        return to == WEIR_RECORD_IDLE || to == WEIR_RECORD_READING || to == WEIR_RECORD_FENCED;
    case WEIR_RECORD_READING:
        return to == WEIR_RECORD_IDLE || to == WEIR_RECORD_WRITING || to == WEIR_RECORD_SETTLING ||
               to == WEIR_RECORD_FENCED;
    case WEIR_RECORD_FENCED: return false;
    }
    return false;
}

static void set_state(struct weir_record *record, enum weir_record_state state)
{
    WEIR_ASSERT(transition_is_legal(record->state, state));
    record->state = state;
}

/* ---------------------------------------------------------------- content */

static void small_arena(struct weir_arena *arena, struct weir_memory *memory)
{
    weir_arena_init(arena, memory);
    arena->block_bytes = ARENA_FIRST_BYTES;
}

static void init(struct weir_record *record, struct weir_memory *memory, const struct weir_record_kind *kind,
    const ProtobufCMessage *content)
{
    record->kind = kind;
    record->memory = memory;
    small_arena(&record->arenas[0], memory);
    small_arena(&record->arenas[1], memory);
    small_arena(&record->confirmed_arena, memory);
    record->wanted_message = weir_proto_copy(&record->arenas[0], content);
    record->write_counter = *kind->header(record->wanted_message).write_counter;
    if (!record->version) return;
    record->confirmed_message = weir_proto_copy(&record->confirmed_arena, content);
    /* Whoever hands in a record of a newer leader has not asked for a larger epoch first (H1). */
    WEIR_ASSERT(*kind->header(record->wanted_message).epoch <= record->epoch);
}

void weir_record_init(struct weir_record *record, struct weir_memory *memory, const char *key,
    struct weir_tag tag, const Weir__JobRecord *content, uint64_t version, uint64_t epoch,
    uint64_t writer_incarnation, uint64_t leader_version, bool transactions)
{
    *record = (struct weir_record){ .key = key,
        .tag = tag,
        .epoch = epoch,
        .writer_incarnation = writer_incarnation,
        .version = version,
        .leader_version = leader_version,
        .transactions = transactions,
        .claimed = version == 0 };
    init(record, memory, &job_kind, &content->base);
}

void weir_record_init_index(struct weir_record *record, struct weir_memory *memory, const char *key,
    struct weir_tag tag, const Weir__JobIndex *content, uint64_t version, uint64_t epoch,
    uint64_t writer_incarnation)
{
    *record = (struct weir_record){ .key = key,
        .tag = tag,
        .epoch = epoch,
        .writer_incarnation = writer_incarnation,
        .version = version,
        .claimed = version == 0 };
    init(record, memory, &index_kind, &content->base);
}

void weir_record_done(struct weir_record *record)
{
    if (!record->memory) return;
    weir_arena_done(&record->arenas[0]);
    weir_arena_done(&record->arenas[1]);
    weir_arena_done(&record->confirmed_arena);
    weir_memory_release(record->memory, record->written, record->written_capacity);
    *record = (struct weir_record){ 0 };
}

struct weir_arena *weir_record_arena(struct weir_record *record)
{
    return &record->arenas[record->arena_current];
}

/* What was changed away is left behind in the arena; a copy into the other one is without it. */
static void rebuild_wanted(struct weir_record *record, const ProtobufCMessage *from)
{
    uint32_t next = 1 - record->arena_current;
    weir_arena_reset(&record->arenas[next]);
    record->wanted_message = weir_proto_copy(&record->arenas[next], from);
    record->arena_current = next;
}

/* The content of the write in flight, encoded: content with the header of this try. */
static void keep_written(struct weir_record *record, ProtobufCMessage *content)
{
    struct header header = record->kind->header(content);
    *header.epoch = record->epoch;
    *header.writer_incarnation = record->writer_incarnation;
    *header.write_counter = ++record->write_counter;
    size_t bytes = protobuf_c_message_get_packed_size(content);
    if (bytes > record->written_capacity) {
        size_t capacity = bytes + bytes / 2;
        weir_memory_release(record->memory, record->written, record->written_capacity);
        record->written = weir_memory_allocate(record->memory, capacity);
        record->written_capacity = capacity;
    }
    record->written_bytes = protobuf_c_message_pack(content, record->written);
}

/* A claim alone: what it differs in from what was read is who has written it. A power loss that takes it back
 * leaves the same content, and nobody of its epoch alive on the store's machine. */
static bool only_claims(const struct weir_record *record, struct weir_arena *arena)
{
    if (record->claimed || !record->version || record->kind != &job_kind) return false;
    ProtobufCMessage *read = weir_proto_copy(arena, record->confirmed_message);
    struct header header = record->kind->header(read);
    *header.epoch = record->epoch;
    *header.writer_incarnation = record->writer_incarnation;
    *header.write_counter = record->write_counter;
    if (protobuf_c_message_get_packed_size(read) != record->written_bytes) return false;
    uint8_t *bytes = weir_arena_allocate(arena, record->written_bytes + 1);
    protobuf_c_message_pack(read, bytes);
    return memcmp(bytes, record->written, record->written_bytes) == 0;
}

/* bytes: what the store holds now, which is ours. */
static void confirm(struct weir_record *record, const uint8_t *bytes, size_t length, uint64_t version)
{
    weir_arena_reset(&record->confirmed_arena);
    ProtobufCMessage *content = NULL;
    struct weir_error error;
    enum weir_error_code code =
        record->kind->decode(&record->confirmed_arena, bytes, length, &content, &error);
    WEIR_ASSERT(!code); /* we have written it, or decoded it before */
    record->confirmed_message = content;
    record->version = version;
    record->write_counter = WEIR_MAX(record->write_counter, *record->kind->header(content).write_counter);
    record->confirmed_change = record->written_change;
    record->claimed = true;
    record->uncertain = false;
    record->retries = 0;
    rebuild_wanted(record, record->wanted_message);
    if (record->state != WEIR_RECORD_IDLE) set_state(record, WEIR_RECORD_IDLE);
}

/* ---------------------------------------------------------------- requests */

static void request(struct weir_record *record, const struct weir_store_operation *operations, uint32_t count,
    struct weir_effects *effects)
{
    struct weir_tag tag = record->tag;
    tag.number = ++record->request;
    record->in_flight = true;
    weir_effect_store(effects, tag, operations, count);
}

/* H1: versions start again in a store that was wiped, so that a late write may meet the one it expects. The
 * leadership under which it was made never comes again. */
static uint32_t add_leadership_check(
    const struct weir_record *record, struct weir_store_operation *operations, struct weir_arena *arena)
{
    if (!record->leadership || WEIR_PLANTED(claim_skipped) || WEIR_PLANTED(fenced_ignored)) return 0;
    operations[0] = (struct weir_store_operation){ .kind = WEIR_STORE_CHECK,
        .key = weir_leadership_key(arena, record->epoch, record->writer_incarnation) };
    return 1;
}

/*
 * 4.1: who creates must still be the leader when it applies; a job of a paused leader never comes up. And the
 * job must not have ended: settling a creation does not rule a lost one out for ever, for once the record is
 * deleted its key is as absent as the lost one expects it. The tombstone comes with the deletion and outlives
 * every request.
 */
static uint32_t add_creation_checks(
    const struct weir_record *record, struct weir_store_operation *operations, struct weir_arena *arena)
{
    uint32_t count = 0;
    if (!WEIR_PLANTED(create_unchecked)) {
        operations[count++] = (struct weir_store_operation){
            .kind = WEIR_STORE_CHECK, .key = "leader", .version = record->leader_version
        };
        count += add_leadership_check(record, operations + count, arena);
    }
    const char *slash = strrchr(record->key, '/');
    if (slash && !WEIR_PLANTED(create_after_end))
        operations[count++] = (struct weir_store_operation){ .kind = WEIR_STORE_CHECK,
            .key = weir_arena_format(arena, "tombstones/%s", slash + 1),
            .version = WEIR_STORE_VERSION_NONE };
    return count;
}

static void send_write(struct weir_record *record, struct weir_effects *effects)
{
    struct weir_store_operation operations[WEIR_STORE_OPERATIONS_MAX];
    uint32_t count = 0;
    if (record->transactions && record->kind == &job_kind)
        count = record->version ? add_leadership_check(record, operations, effects->arena)
                                : add_creation_checks(record, operations, effects->arena);
    operations[count++] =
        (struct weir_store_operation){ .kind = record->version ? WEIR_STORE_SET : WEIR_STORE_CREATE,
            .key = record->key,
            .version = record->version,
            .value = (const uint8_t *)weir_arena_copy(effects->arena, record->written, record->written_bytes),
            .length = record->written_bytes,
            .relaxed = record->relaxed };
    request(record, operations, count, effects);
}

/* The same content again, under a counter of its own: settling is never a no-op (4.1), and a read tells which
 * of the tries won. */
static void send_settling(struct weir_record *record, struct weir_effects *effects)
{
    ProtobufCMessage *content = NULL;
    struct weir_error error;
    enum weir_error_code code =
        record->kind->decode(effects->arena, record->written, record->written_bytes, &content, &error);
    WEIR_ASSERT(!code);
    keep_written(record, content);
    send_write(record, effects);
}

static void send_read(struct weir_record *record, struct weir_effects *effects)
{
    struct weir_store_operation operation = { .kind = WEIR_STORE_READ, .key = record->key };
    request(record, &operation, 1, effects);
}

static bool may_send(const struct weir_record *record)
{
    return !record->in_flight && !record->suspended;
}

/* Sends what is due, unless something is on its way or the store is out of reach. */
static void pump(struct weir_record *record, struct weir_effects *effects)
{
    if (!may_send(record)) return;
    switch (record->state) {
    case WEIR_RECORD_IDLE:
        if (record->change == record->confirmed_change || record->retry_at_us) return;
        keep_written(record, record->wanted_message);
        record->relaxed = only_claims(record, effects->arena);
        record->written_change = record->change;
        record->first_counter = record->write_counter;
        set_state(record, WEIR_RECORD_WRITING);
        send_write(record, effects);
        return;
    case WEIR_RECORD_WRITING: return; /* in flight */
    case WEIR_RECORD_SETTLING:
        if (!record->retry_at_us) send_settling(record, effects);
        return;
    case WEIR_RECORD_READING:
        if (!record->retry_at_us) send_read(record, effects);
        return;
    case WEIR_RECORD_FENCED: return;
    }
}

static void retry_later(struct weir_record *record, int64_t now_us, struct weir_effects *effects)
{
    int64_t delay_us = (int64_t)RETRY_FIRST_US << WEIR_MIN(record->retries, (uint32_t)RETRY_DOUBLINGS_MAX);
    record->retries++;
    record->retry_at_us = now_us + WEIR_MIN(delay_us, (int64_t)RETRY_LAST_US);
    struct weir_tag tag = record->tag;
    tag.number = TIMER_NUMBER;
    weir_effect_timer(effects, tag, record->retry_at_us);
}

/* The write in flight has not been applied by anybody: it is made again, with all that was changed since
 * unless an earlier try of it may still apply. */
static void write_again(struct weir_record *record, int64_t now_us, struct weir_effects *effects)
{
    if (record->uncertain) {
        if (record->state != WEIR_RECORD_SETTLING) set_state(record, WEIR_RECORD_SETTLING);
    } else {
        if (record->state != WEIR_RECORD_IDLE) set_state(record, WEIR_RECORD_IDLE);
    }
    retry_later(record, now_us, effects);
}

/* ---------------------------------------------------------------- answers */

static bool fence(struct weir_record *record)
{
    set_state(record, WEIR_RECORD_FENCED);
    return true;
}

/* The record is not there although we have written it, or we could not create it. */
static bool on_absent(struct weir_record *record, int64_t now_us, struct weir_effects *effects)
{
    /* Without transactions nothing would hinder a deposed leader from creating it anew. */
    if (record->version && !record->transactions) return fence(record);
    /* Removed by a newer leader, or the store was wiped (H1), or the leader record is being rewritten: only
     * who leads can create it, so trying is safe, and the leader machine finds out which it was. */
    record->version = 0;
    write_again(record, now_us, effects);
    return false;
}

/* H2: between our read and our claim the older leader wrote: its content is what counts. */
static void rebase(struct weir_record *record, ProtobufCMessage *content, uint64_t version)
{
    weir_arena_reset(&record->confirmed_arena);
    record->confirmed_message = weir_proto_copy(&record->confirmed_arena, content);
    rebuild_wanted(record, content);
    record->version = version;
    record->uncertain = false;
    record->write_counter = WEIR_MAX(record->write_counter, *record->kind->header(content).write_counter);
}

/* A synced read after a write that may have lost: whose write won? */
static bool on_read(struct weir_record *record, const struct weir_store_entry *entry, int64_t now_us,
    struct weir_effects *effects)
{
    if (!entry || !entry->found) return on_absent(record, now_us, effects);
    if (entry->version == record->version) {
        /* Nobody's: ours goes again, from the same expected version. */
        write_again(record, now_us, effects);
        return false;
    }
    ProtobufCMessage *content = NULL;
    struct weir_error error;
    /* What a newer version of Weir wrote was written by a newer leader. */
    if (record->kind->decode(effects->arena, entry->value, entry->length, &content, &error))
        return fence(record);
    struct header header = record->kind->header(content);
    bool ours = *header.writer_incarnation == record->writer_incarnation;
    /* Somebody has led since we last wrote, though by now our epoch may be the larger one (H1). */
    uint64_t written = record->claimed && record->version
                           ? *record->kind->header(record->confirmed_message).epoch
                           : record->epoch;
    if (!ours && *header.epoch >= written && !WEIR_PLANTED(fenced_ignored)) return fence(record);
    if (ours && *header.write_counter >= record->first_counter && record->first_counter) {
        confirm(record, entry->value, entry->length, entry->version);
        pump(record, effects);
        return true;
    }
    if (!record->claimed) {
        rebase(record, content, entry->version);
    } else if (!record->version && !ours) {
        return fence(record); /* we were to create it: somebody else has */
    } else {
        /* An older content, ours or a predecessor's, under another version: the store was set back (H1). What
         * we hold is the truth, and nobody else may write while we lead. */
        record->version = entry->version;
        record->uncertain = false;
    }
    write_again(record, now_us, effects);
    return false;
}

static bool on_write_done(
    struct weir_record *record, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_store_event *store = &event->store;
    switch (store->outcome) {
    case WEIR_STORE_OK:
        WEIR_ASSERT(store->entry_count);
        confirm(
            record, record->written, record->written_bytes, store->entries[store->entry_count - 1].version);
        pump(record, effects);
        return true;
    case WEIR_STORE_CONFLICT:
    case WEIR_STORE_NOT_FOUND:
        set_state(record, WEIR_RECORD_READING);
        pump(record, effects);
        return false;
    case WEIR_STORE_UNAVAILABLE: write_again(record, event->now_us, effects); return false;
    case WEIR_STORE_UNKNOWN:
        if (WEIR_PLANTED(settle_guessed_won)) {
            confirm(record, record->written, record->written_bytes, record->version + 1);
            return true;
        }
        record->uncertain = true;
        write_again(record, event->now_us, effects);
        return false;
    }
    return false;
}

bool weir_record_on_event(
    struct weir_record *record, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->tag.kind != record->tag.kind || record->state == WEIR_RECORD_FENCED) return false;
    if (event->kind == WEIR_EVENT_TIMER) {
        if (event->tag.number != TIMER_NUMBER || !record->retry_at_us) return false;
        record->retry_at_us = 0;
        pump(record, effects);
        return false;
    }
    if (event->kind != WEIR_EVENT_STORE_DONE || !record->in_flight || event->tag.number != record->request)
        return false;
    record->in_flight = false;
    if (record->state != WEIR_RECORD_READING) return on_write_done(record, event, effects);
    const struct weir_store_event *store = &event->store;
    if (store->outcome == WEIR_STORE_UNAVAILABLE || store->outcome == WEIR_STORE_UNKNOWN) {
        retry_later(record, event->now_us, effects);
        return false;
    }
    return on_read(record, store->entry_count ? &store->entries[0] : NULL, event->now_us, effects);
}

/* ---------------------------------------------------------------- the owner */

uint64_t weir_record_changed(struct weir_record *record, int64_t now_us, struct weir_effects *effects)
{
    uint64_t change = ++record->change;
    if (!record->claimed && WEIR_PLANTED(claim_skipped)) {
        record->claimed = true;
        record->confirmed_change = change;
        return change;
    }
    if (record->state == WEIR_RECORD_IDLE) pump(record, effects);
    return change;
}

uint64_t weir_record_claim(struct weir_record *record, int64_t now_us, struct weir_effects *effects)
{
    return weir_record_changed(record, now_us, effects);
}

void weir_record_suspend(struct weir_record *record)
{
    record->suspended = true;
}

void weir_record_resume(struct weir_record *record, int64_t now_us, struct weir_effects *effects)
{
    record->suspended = false;
    record->retries = 0;
    if (!record->retry_at_us) pump(record, effects);
}

void weir_record_epoch(struct weir_record *record, uint64_t epoch, uint64_t leader_version, int64_t now_us,
    struct weir_effects *effects)
{
    record->leader_version = leader_version;
    if (epoch <= record->epoch) return;
    record->epoch = epoch;
    if (record->state != WEIR_RECORD_FENCED) weir_record_changed(record, now_us, effects);
}
