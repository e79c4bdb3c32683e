/* Identities of the control plane as plain values, and their way from and to messages. */
#ifndef WEIR_CONTROL_IDS_H
#define WEIR_CONTROL_IDS_H

#include "base/arena.h"
#include "proto/codec.h"

struct weir_job_id {
    uint8_t bytes[16];
};
struct weir_attempt_id {
    struct weir_job_id job;
    uint32_t vertex, subtask;
    uint64_t epoch;
    uint32_t number;
};
struct weir_run {
    uint64_t epoch, counter, restored_checkpoint, plan_version;
    bool commit_only; /* its tasks end as soon as what the checkpoint holds is committed */
};

#define WEIR_LEADERSHIPS "leaderships"
enum { WEIR_JOB_ID_TEXT_BYTES = 33, WEIR_ATTEMPT_TEXT_BYTES = 96 };

bool weir_job_id_equal(const struct weir_job_id *a, const struct weir_job_id *b);
bool weir_job_id_is_zero(const struct weir_job_id *id);
uint64_t weir_job_id_hash(const struct weir_job_id *id);
/* 32 hex digits and NUL. Returns text. */
const char *weir_job_id_print(const struct weir_job_id *id, char text[WEIR_JOB_ID_TEXT_BYTES]);
bool weir_job_id_parse(const char *text, struct weir_job_id *ret);
bool weir_job_id_from(const ProtobufCBinaryData *bytes, struct weir_job_id *ret); /* false: not 16 bytes */
ProtobufCBinaryData weir_job_id_to(struct weir_arena *arena, const struct weir_job_id *id);

bool weir_attempt_id_equal(const struct weir_attempt_id *a, const struct weir_attempt_id *b);
bool weir_attempt_id_from(const Weir__AttemptId *message, struct weir_attempt_id *ret); /* NULL: false */
Weir__AttemptId *weir_attempt_id_to(struct weir_arena *arena, const struct weir_attempt_id *id);
const char *weir_attempt_id_print(const struct weir_attempt_id *id, char text[WEIR_ATTEMPT_TEXT_BYTES]);

/* "leaderships/<epoch>-<incarnation>": there while that leader leads, and never again (H1). Writes that
 * depend on it check this key: unlike versions it does not come again in a store that was wiped. */
const char *weir_leadership_key(struct weir_arena *arena, uint64_t epoch, uint64_t incarnation);

bool weir_run_equal(const struct weir_run *a, const struct weir_run *b);
bool weir_run_from(const Weir__Run *message, struct weir_run *ret); /* NULL: false */
Weir__Run *weir_run_to(struct weir_arena *arena, const struct weir_run *run);

/* H9: what a task that was to restore a checkpoint met means that this checkpoint cannot be read. Other
 * errors may go away. */
bool weir_task_state_is_unreadable(const struct weir_run *run, enum weir_error_code code);

#endif
