/*
 * Writes one durable record (a job's, the index) by compare-and-set, one write at a time, and settles unknown
 * outcomes (H4). Its owner changes `wanted` and calls weir_record_changed(); many changes go into one write.
 * What waits for a change remembers weir_record_change() and acts when weir_record_confirmed() has reached
 * it.
 *
 *   IDLE -> WRITING -> IDLE                    confirmed
 *           WRITING -> SETTLING (unknown)      the same expected version again with a new counter: wins, or
 *           SETTLING -> READING                a synced read shows whose write won: ours -> IDLE,
 *                                              a newer leader's -> FENCED
 *   any  -> FENCED                             a record of a larger epoch was met; never left
 *
 * First thing with a record that was read: weir_record_claim(), which writes the epoch (H2).
 * @thread control.
 */
#ifndef WEIR_CONTROL_RECORD_RECORD_H
#define WEIR_CONTROL_RECORD_RECORD_H

#include "control/effect.h"

enum { WEIR_RECORD_INDEX_BYTES_MAX = 16 << 20 };

enum weir_record_state {
    WEIR_RECORD_IDLE,
    WEIR_RECORD_WRITING,
    WEIR_RECORD_SETTLING,
    WEIR_RECORD_READING,
    WEIR_RECORD_FENCED
};

/* What kind of message the record is: a job's record, or the index of a store without transactions. */
struct weir_record_kind;

struct weir_record {
    enum weir_record_state state;
    const struct weir_record_kind *kind;
    const char *key;
    struct weir_tag tag; /* of its store requests: number is the record's own */
    uint64_t epoch, writer_incarnation;
    uint64_t version;        /* of the confirmed content; 0: not created yet */
    uint64_t leader_version; /* creations and deletions CHECK it when the store has transactions */
    bool transactions;
    bool leadership; /* with transactions every write CHECKs that our leadership stands. Set after init */
    union {
        Weir__JobRecord *confirmed; /* NULL before the first; stays in place until the next is confirmed */
        Weir__JobIndex *confirmed_index;
        ProtobufCMessage *confirmed_message;
    };
    union {
        Weir__JobRecord *wanted; /* the owner's to change; moves when a write is confirmed */
        Weir__JobIndex *wanted_index;
        ProtobufCMessage *wanted_message;
    };
    uint64_t change, written_change, confirmed_change;
    uint64_t write_counter;
    uint64_t
        first_counter; /* of the write in flight: that one and its settling ones carry the same content */
    uint64_t request;  /* the one that is waited for */
    bool in_flight;
    bool claimed;   /* the confirmed content is of our epoch */
    bool uncertain; /* a write of unknown outcome may still apply */
    bool relaxed;   /* the write in flight claims, and says nothing else that was not there before */
    uint32_t retries;
    int64_t retry_at_us;
    bool suspended; /* H8: no writes until resumed */
    struct weir_memory *memory;
    struct weir_arena arenas[2]; /* wanted and confirmed copies are rebuilt in turn */
    struct weir_arena confirmed_arena;
    uint32_t arena_current;
    uint8_t *written; /* content of the write in flight, encoded */
    size_t written_bytes, written_capacity;
};

/* record: as read (version > 0) or new (version 0). Copies it. */
void weir_record_init(struct weir_record *record, struct weir_memory *memory, const char *key,
    struct weir_tag tag, const Weir__JobRecord *content, uint64_t version, uint64_t epoch,
    uint64_t writer_incarnation, uint64_t leader_version, bool transactions);
/* The job index. content: as read (version > 0) or an empty one (version 0). Otherwise as above. */
void weir_record_init_index(struct weir_record *record, struct weir_memory *memory, const char *key,
    struct weir_tag tag, const Weir__JobIndex *content, uint64_t version, uint64_t epoch,
    uint64_t writer_incarnation);
void weir_record_done(struct weir_record *record);

/*
 * H2: writes the epoch into a record that was read, before anything is believed of it. Once it is confirmed,
 * no older leader can change the record, and confirmed is what it says; when another write came between,
 * wanted and confirmed are that one's content. wanted is left alone until then.
 */
uint64_t weir_record_claim(struct weir_record *record, int64_t now_us, struct weir_effects *effects);

/* wanted was changed. Returns the number of the change; writes now or after the write in flight. */
uint64_t weir_record_changed(struct weir_record *record, int64_t now_us, struct weir_effects *effects);
static inline bool weir_record_is_confirmed(const struct weir_record *record, uint64_t change)
{
    return record->confirmed_change >= change;
}
/* H8: "no region of a job while a record write of that job is unsettled". */
static inline bool weir_record_is_settled(const struct weir_record *record)
{
    return record->state == WEIR_RECORD_IDLE;
}
/* A string or bytes that wanted may point to. */
struct weir_arena *weir_record_arena(struct weir_record *record);

/* STORE_DONE and TIMER events with this record's tag kind. True when confirmed_change grew or state became
 * FENCED: the owner looks at what waited. */
bool weir_record_on_event(
    struct weir_record *record, const struct weir_event *event, struct weir_effects *effects);
void weir_record_suspend(struct weir_record *record);
void weir_record_resume(struct weir_record *record, int64_t now_us, struct weir_effects *effects);
/* The leader took a larger epoch (H1): the next write carries it, and is made now. */
void weir_record_epoch(struct weir_record *record, uint64_t epoch, uint64_t leader_version, int64_t now_us,
    struct weir_effects *effects);

#endif
