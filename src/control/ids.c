#include "control/ids.h"
#include <stdio.h>
#include <string.h>

bool weir_job_id_equal(const struct weir_job_id *a, const struct weir_job_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool weir_job_id_is_zero(const struct weir_job_id *id)
{
    static const struct weir_job_id zero;
    return weir_job_id_equal(id, &zero);
}

uint64_t weir_job_id_hash(const struct weir_job_id *id)
{
    uint64_t high, low;
    memcpy(&high, id->bytes, 8);
    memcpy(&low, id->bytes + 8, 8);
    uint64_t hash = (high ^ (low * 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 32);
}

const char *weir_job_id_print(const struct weir_job_id *id, char text[WEIR_JOB_ID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (uint32_t i = 0; i < 16; i++) {
        text[2 * i] = digits[id->bytes[i] >> 4];
        text[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    text[32] = '\0';
    return text;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

bool weir_job_id_parse(const char *text, struct weir_job_id *ret)
{
    struct weir_job_id id;
    if (strnlen(text, 33) != 32) return false;
    for (uint32_t i = 0; i < 16; i++) {
        int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        id.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret = id;
    return true;
}

bool weir_job_id_from(const ProtobufCBinaryData *bytes, struct weir_job_id *ret)
{
    if (bytes->len != sizeof ret->bytes) return false;
    memcpy(ret->bytes, bytes->data, sizeof ret->bytes);
    return true;
}

ProtobufCBinaryData weir_job_id_to(struct weir_arena *arena, const struct weir_job_id *id)
{
    return (ProtobufCBinaryData){ .len = sizeof id->bytes,
        .data = (uint8_t *)weir_arena_copy(arena, id->bytes, sizeof id->bytes) };
}

bool weir_attempt_id_equal(const struct weir_attempt_id *a, const struct weir_attempt_id *b)
{
    return a->vertex == b->vertex && a->subtask == b->subtask && a->epoch == b->epoch &&
           a->number == b->number && weir_job_id_equal(&a->job, &b->job);
}

bool weir_attempt_id_from(const Weir__AttemptId *message, struct weir_attempt_id *ret)
{
    struct weir_attempt_id id = { 0 };
    if (!message || !weir_job_id_from(&message->job, &id.job)) return false;
    id.vertex = message->vertex;
    id.subtask = message->subtask;
    id.epoch = message->epoch;
    id.number = message->number;
    *ret = id;
    return true;
}

Weir__AttemptId *weir_attempt_id_to(struct weir_arena *arena, const struct weir_attempt_id *id)
{
    Weir__AttemptId *message = WEIR_PROTO_NEW(arena, Weir__AttemptId, weir__attempt_id);
    message->job = weir_job_id_to(arena, &id->job);
    message->vertex = id->vertex;
    message->subtask = id->subtask;
    message->epoch = id->epoch;
    message->number = id->number;
    return message;
}

const char *weir_attempt_id_print(const struct weir_attempt_id *id, char text[WEIR_ATTEMPT_TEXT_BYTES])
{
    char job[WEIR_JOB_ID_TEXT_BYTES];
    snprintf(text, WEIR_ATTEMPT_TEXT_BYTES, "%s_v%u_s%u_e%llu.%u", weir_job_id_print(&id->job, job),
        id->vertex, id->subtask, (unsigned long long)id->epoch, id->number);
    return text;
}

const char *weir_leadership_key(struct weir_arena *arena, uint64_t epoch, uint64_t incarnation)
{
    return weir_arena_format(arena, WEIR_LEADERSHIPS "/%020llu-%016llx", (unsigned long long)epoch,
        (unsigned long long)incarnation);
}

bool weir_run_equal(const struct weir_run *a, const struct weir_run *b)
{
    return a->epoch == b->epoch && a->counter == b->counter &&
           a->restored_checkpoint == b->restored_checkpoint && a->plan_version == b->plan_version;
}

bool weir_run_from(const Weir__Run *message, struct weir_run *ret)
{
    if (!message) return false;
    *ret = (struct weir_run){ message->epoch, message->counter, message->restored_checkpoint,
        message->plan_version, message->commit_only };
    return true;
}

Weir__Run *weir_run_to(struct weir_arena *arena, const struct weir_run *run)
{
    Weir__Run *message = WEIR_PROTO_NEW(arena, Weir__Run, weir__run);
    message->epoch = run->epoch;
    message->counter = run->counter;
    message->restored_checkpoint = run->restored_checkpoint;
    message->plan_version = run->plan_version;
    message->commit_only = run->commit_only;
    return message;
}

bool weir_task_state_is_unreadable(const struct weir_run *run, enum weir_error_code code)
{
    return run->restored_checkpoint && (code == WEIR_E_STATE || code == WEIR_E_NOT_FOUND);
}
