/* What clients ask: answered here, or by the job's JobMaster. Nothing is confirmed while the store is out of
 * reach (H8), and nothing by who does not lead. */
#include "control/dispatcher/internal.h"
#include "control/planted.h"
#include <string.h>

void dispatcher__reply(
    weir_node node, uint64_t request, Weir__ReplyCode code, const char *text, struct weir_effects *effects)
{
    Weir__ClientReply *reply = WEIR_PROTO_NEW(effects->arena, Weir__ClientReply, weir__client_reply);
    reply->code = code;
    reply->text = weir_arena_string(effects->arena, text);
    weir_effect_send(effects, node, WEIR_ROLE_CLIENT, NULL, request, WEIR__ENVELOPE__BODY_REPLY, reply);
}

static void reply(
    const struct weir_event *event, Weir__ReplyCode code, const char *text, struct weir_effects *effects)
{
    dispatcher__reply(event->from, event->envelope->request, code, text, effects);
}

static void reply_not_leader(
    const struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    Weir__ClientReply *message = WEIR_PROTO_NEW(effects->arena, Weir__ClientReply, weir__client_reply);
    message->code = WEIR__REPLY_CODE__REPLY_NOT_LEADER;
    message->text = weir_arena_string(
        effects->arena, dispatcher->leader ? "another JobManager leads" : "nobody leads now");
    if (dispatcher->leader)
        message->leader =
            weir_arena_string(effects->arena, weir_nodes_name(dispatcher->nodes, dispatcher->leader));
    weir_effect_send(effects, event->from, WEIR_ROLE_CLIENT, NULL, event->envelope->request,
        WEIR__ENVELOPE__BODY_REPLY, message);
}

/* ---------------------------------------------------------------- lists */

/* In which state its tasks have ended, if that is remembered. */
static void count_tasks(
    const struct weir_dispatcher *dispatcher, Weir__JobSummary *summary, struct weir_arena *arena)
{
    enum { STATES = WEIR__EXECUTION_STATE__EXECUTION_RECONCILING + 1 };
    const Weir__JobDetails *details = dispatcher__ended_find(dispatcher, &summary->job, 0, arena);
    if (!details) return;
    summary->n_tasks_in = STATES;
    summary->tasks_in = WEIR_ARENA_ARRAY(arena, uint32_t, STATES);
    for (size_t state = 0; state < STATES; state++) summary->tasks_in[state] = 0;
    for (size_t v = 0; v < details->n_vertices; v++) {
        const Weir__VertexDetails *vertex = details->vertices[v];
        summary->tasks_total += (uint32_t)vertex->n_subtasks;
        for (size_t i = 0; i < vertex->n_subtasks; i++)
            if ((uint32_t)vertex->subtasks[i]->state < STATES)
                summary->tasks_in[vertex->subtasks[i]->state]++;
    }
}

static Weir__JobSummary *finished_summary(const struct weir_dispatcher *dispatcher,
    const struct dispatcher_tombstone *tombstone, struct weir_arena *arena)
{
    Weir__JobSummary *summary = WEIR_PROTO_NEW(arena, Weir__JobSummary, weir__job_summary);
    summary->job = weir_job_id_to(arena, &tombstone->id);
    ProtobufCMessage *message = NULL;
    struct weir_error error;
    if (weir_proto_decode(&weir__tombstone__descriptor, arena, tombstone->bytes, tombstone->length,
            WEIR_RECORD_BYTES_MAX, &message, &error))
        return summary;
    const Weir__Tombstone *stone = (const Weir__Tombstone *)message;
    summary->name = stone->name;
    if (!stone->result) return summary;
    summary->state = stone->result->state;
    summary->error = stone->result->error;
    summary->started_ms = stone->result->started_ms;
    summary->ended_ms = summary->changed_ms = stone->result->ended_ms;
    summary->savepoint = stone->result->savepoint;
    summary->savepoints = stone->result->savepoints;
    summary->n_savepoints = stone->result->n_savepoints;
    count_tasks(dispatcher, summary, arena);
    return summary;
}

static void list(
    const struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    struct weir_arena *arena = effects->arena;
    uint32_t finished = WEIR_MIN(dispatcher->queue_count, (uint32_t)DISPATCHER_LISTED_FINISHED_MAX);
    Weir__ClientReply *message = WEIR_PROTO_NEW(arena, Weir__ClientReply, weir__client_reply);
    message->code = WEIR__REPLY_CODE__REPLY_OK;
    message->tasks_restarted = dispatcher->tasks_restarted;
    if (event->envelope->query->none) {
        weir_effect_send(effects, event->from, WEIR_ROLE_CLIENT, NULL, event->envelope->request,
            WEIR__ENVELOPE__BODY_REPLY, message);
        return;
    }
    message->jobs = WEIR_ARENA_ARRAY(arena, Weir__JobSummary *, dispatcher->jobs.count + finished + 1);
    for (uint32_t i = 0; i < dispatcher->jobs.capacity; i++) {
        const struct dispatcher_job *job = (const struct dispatcher_job *)dispatcher->jobs.slots[i];
        /* A submission that nobody was promised is not there yet. */
        if (!job || job->state == DISPATCHER_JOB_PLANNING || job->state == DISPATCHER_JOB_CREATING) continue;
        message->jobs[message->n_jobs++] = job->summary;
    }
    for (uint32_t i = 0; i < finished; i++) {
        uint32_t at = dispatcher->queue_first + dispatcher->queue_count - 1 - i;
        message->jobs[message->n_jobs++] =
            finished_summary(dispatcher, dispatcher->tombstone_queue[at % dispatcher->queue_capacity], arena);
    }
    weir_effect_send(effects, event->from, WEIR_ROLE_CLIENT, NULL, event->envelope->request,
        WEIR__ENVELOPE__BODY_REPLY, message);
}

static bool is_of(const Weir__SavepointRequest *savepoint, const ProtobufCBinaryData *request)
{
    return savepoint && savepoint->request.len == request->len &&
           memcmp(savepoint->request.data, request->data, request->len) == 0;
}

/* NULL: not known. */
static Weir__SavepointRequest *savepoint_of(
    const Weir__JobSummary *summary, const ProtobufCBinaryData *request)
{
    if (is_of(summary->savepoint, request)) return summary->savepoint;
    for (size_t i = 0; i < summary->n_savepoints; i++)
        if (is_of(summary->savepoints[i], request)) return summary->savepoints[i];
    return NULL;
}

/* Also asked for a savepoint by its request: of a job without a JobMaster, the one that was to end it is
 * known, and the last ones that are complete. */
static void reply_summary(const struct weir_dispatcher *dispatcher, const struct weir_event *event,
    Weir__JobSummary *summary, struct weir_effects *effects)
{
    const ProtobufCBinaryData *asked = &event->envelope->query->request;
    Weir__ClientReply *message = WEIR_PROTO_NEW(effects->arena, Weir__ClientReply, weir__client_reply);
    message->code = WEIR__REPLY_CODE__REPLY_OK;
    message->jobs = WEIR_ARENA_ARRAY(effects->arena, Weir__JobSummary *, 1);
    message->jobs[message->n_jobs++] = summary;
    const Weir__QueryJobs *query = event->envelope->query;
    if (query->details)
        message->details =
            dispatcher__ended_find(dispatcher, &summary->job, query->checkpoint, effects->arena);
    if (asked->len) {
        message->savepoint = savepoint_of(summary, asked);
        if (!message->savepoint) message->code = WEIR__REPLY_CODE__REPLY_NOT_FOUND;
    }
    weir_effect_send(effects, event->from, WEIR_ROLE_CLIENT, NULL, event->envelope->request,
        WEIR__ENVELOPE__BODY_REPLY, message);
}

/* ---------------------------------------------------------------- one job */

/* NULL: the request is about no job, or all of them. */
static const ProtobufCBinaryData *job_of(const Weir__Envelope *envelope)
{
    switch (envelope->body_case) {
    case WEIR__ENVELOPE__BODY_CANCEL: return &envelope->cancel->job;
    case WEIR__ENVELOPE__BODY_STOP: return &envelope->stop->job;
    case WEIR__ENVELOPE__BODY_SAVEPOINT: return &envelope->savepoint->job;
    case WEIR__ENVELOPE__BODY_RESCALE: return &envelope->rescale->job;
    case WEIR__ENVELOPE__BODY_CHECKPOINT_JOB: return &envelope->checkpoint_job->job;
    case WEIR__ENVELOPE__BODY_QUERY: return envelope->query->job.len ? &envelope->query->job : NULL;
    default: return NULL;
    }
}

/* Its JobMaster is gone: there is a tombstone, or one is being put. */
static void about_ended(const struct weir_dispatcher *dispatcher, Weir__JobSummary *summary,
    const struct weir_event *event, struct weir_effects *effects)
{
    Weir__Envelope__BodyCase body = event->envelope->body_case;
    if (body == WEIR__ENVELOPE__BODY_QUERY)
        reply_summary(dispatcher, event, summary, effects);
    else if (body == WEIR__ENVELOPE__BODY_CANCEL && summary->state == WEIR__JOB_STATE__JOB_CANCELED)
        reply(event, WEIR__REPLY_CODE__REPLY_OK, "", effects); /* asked again */
    else if (body == WEIR__ENVELOPE__BODY_STOP && is_of(summary->savepoint, &event->envelope->stop->request))
        reply(event, WEIR__REPLY_CODE__REPLY_OK, "", effects); /* likewise */
    else if (body == WEIR__ENVELOPE__BODY_SAVEPOINT &&
             savepoint_of(summary, &event->envelope->savepoint->request))
        reply(event, WEIR__REPLY_CODE__REPLY_OK, "", effects); /* likewise */
    else
        reply(event, WEIR__REPLY_CODE__REPLY_CONFLICT, "the job has reached its end", effects);
}

/* That there is no such job is said only by who leads at this moment: who was deposed and has not heard of it
 * knows nothing of jobs that came since. */
static void look_up(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    struct dispatcher_lookup *lookup = NULL;
    for (uint32_t i = 0; i < DISPATCHER_LOOKUPS_MAX && !lookup; i++)
        if (!dispatcher->lookups[i].number) lookup = &dispatcher->lookups[i];
    if (!lookup || dispatcher->suspended) {
        reply(event, WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
            lookup ? "the coordination store is out of reach, try again"
                   : "too many ask for jobs that are not known, try again",
            effects);
        return;
    }
    *lookup = (struct dispatcher_lookup){ ++dispatcher->requests, { event->from, event->envelope->request } };
    struct weir_store_operation operations[2] = { { .kind = WEIR_STORE_READ, .key = "leader" },
        { .kind = WEIR_STORE_READ,
            .key =
                weir_leadership_key(effects->arena, dispatcher->epoch, dispatcher->identity->incarnation) } };
    struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_LOOKUP };
    tag.number = lookup->number;
    weir_effect_store(effects, tag, operations, dispatcher->transactions ? 2 : 1);
}

void dispatcher__on_lookup(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_store_event *store = &event->store;
    for (uint32_t i = 0; i < DISPATCHER_LOOKUPS_MAX; i++) {
        struct dispatcher_lookup *lookup = &dispatcher->lookups[i];
        if (lookup->number != event->tag.number) continue;
        lookup->number = 0;
        bool leads = store->outcome == WEIR_STORE_OK && store->entry_count &&
                     store->entries[0].version == dispatcher->leader_version;
        for (uint32_t j = 0; leads && j < store->entry_count; j++) leads = store->entries[j].found;
        if (leads)
            dispatcher__reply(lookup->client.node, lookup->client.request, WEIR__REPLY_CODE__REPLY_NOT_FOUND,
                "there is no such job", effects);
        else
            dispatcher__reply(lookup->client.node, lookup->client.request,
                WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
                "this JobManager may not know all jobs any more, try again", effects);
        return;
    }
}

static void about_job(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__Envelope *envelope = event->envelope;
    struct weir_job_id id;
    if (!weir_job_id_from(job_of(envelope), &id)) {
        reply(event, WEIR__REPLY_CODE__REPLY_BAD_REQUEST, "a job id has 16 bytes", effects);
        return;
    }
    struct dispatcher_job *job = dispatcher__table_find(&dispatcher->jobs, &id);
    if (!job) {
        struct dispatcher_tombstone *tombstone = dispatcher__table_find(&dispatcher->tombstones, &id);
        if (tombstone)
            about_ended(dispatcher, finished_summary(dispatcher, tombstone, effects->arena), event, effects);
        else if (dispatcher->state == DISPATCHER_RECOVERING)
            reply(event, WEIR__REPLY_CODE__REPLY_UNAVAILABLE, "jobs are being recovered, try again", effects);
        else
            look_up(dispatcher, event, effects);
        return;
    }
    bool query = envelope->body_case == WEIR__ENVELOPE__BODY_QUERY;
    /* What a JobMaster does not know yet, or no longer, the list does. */
    bool jobmaster_knows = job->jobmaster && job->claimed && job->state == DISPATCHER_JOB_ACTIVE;
    if (query && !envelope->query->request.len && !(envelope->query->details && jobmaster_knows)) {
        reply_summary(dispatcher, event, job->summary, effects);
        return;
    }
    if (dispatcher->suspended && !query) {
        reply(event, WEIR__REPLY_CODE__REPLY_UNAVAILABLE, "the coordination store is out of reach, try again",
            effects);
        return;
    }
    if (job->state == DISPATCHER_JOB_UNREADABLE) {
        reply(event, WEIR__REPLY_CODE__REPLY_CONFLICT,
            weir_arena_format(effects->arena, "the job's record cannot be read: %s", job->summary->error),
            effects);
        return;
    }
    /* What is asked before the record is claimed could be lost with what the older leader wrote last (H2). */
    if (!job->jobmaster || !job->claimed || job->state == DISPATCHER_JOB_CREATING) {
        if (job->state == DISPATCHER_JOB_REMOVING)
            about_ended(dispatcher, job->summary, event, effects);
        else
            reply(event, WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
                "the job is being submitted or recovered, try again", effects);
        return;
    }
    struct weir_local_message message = {
        .kind = WEIR_LOCAL_CLIENT, .from = WEIR_ROLE_DISPATCHER, .job = id
    };
    message.client.from = event->from;
    message.client.envelope = envelope;
    weir_effect_local(effects, WEIR_ROLE_JOBMASTER, &id, &message);
}

/* ---------------------------------------------------------------- the end of the cluster */

/* Node 0: nobody waits for the answer. */
void dispatcher__cancel_all(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < dispatcher->jobs.capacity; i++) {
        struct dispatcher_job *job = (struct dispatcher_job *)dispatcher->jobs.slots[i];
        if (!job || job->cancel_asked || job->state != DISPATCHER_JOB_ACTIVE || !job->claimed) continue;
        if (effects->count >= DISPATCHER_EFFECTS_PER_STEP_MAX) {
            effects->more = true;
            return;
        }
        job->cancel_asked = true;
        Weir__Envelope *envelope = WEIR_PROTO_NEW(effects->arena, Weir__Envelope, weir__envelope);
        envelope->body_case = WEIR__ENVELOPE__BODY_CANCEL;
        envelope->cancel = WEIR_PROTO_NEW(effects->arena, Weir__CancelJob, weir__cancel_job);
        envelope->cancel->job = weir_job_id_to(effects->arena, &job->id);
        struct weir_local_message message = {
            .kind = WEIR_LOCAL_CLIENT, .from = WEIR_ROLE_DISPATCHER, .job = job->id
        };
        message.client.envelope = envelope;
        weir_effect_local(effects, WEIR_ROLE_JOBMASTER, &job->id, &message);
    }
}

void dispatcher__answer_ending(
    struct weir_dispatcher *dispatcher, Weir__ReplyCode code, const char *text, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < dispatcher->ending_count; i++)
        dispatcher__reply(dispatcher->ending[i].node, dispatcher->ending[i].request, code, text, effects);
    dispatcher->ending_count = 0;
}

void dispatcher__end_recorded(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    if (dispatcher->state == DISPATCHER_STANDBY) return;
    if (!dispatcher->shutting_down)
        weir_effect_log(effects, WEIR_CONTROL_INFO, "the cluster ends: all jobs are cancelled first");
    dispatcher->shutting_down = true;
    dispatcher__answer_ending(dispatcher, WEIR__REPLY_CODE__REPLY_OK, "", effects);
    dispatcher__cancel_all(dispatcher, effects);
    dispatcher__check_end(dispatcher, effects);
}

/* Answered when the leader record says so: a takeover does not forget it. */
static void shut_down(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    if (dispatcher->shutting_down) {
        reply(event, WEIR__REPLY_CODE__REPLY_OK, "", effects);
        return;
    }
    if (dispatcher->ending_count == DISPATCHER_WAITING_MAX) {
        reply(event, WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
            "others wait for the end of the cluster to be recorded, try again", effects);
        return;
    }
    if (WEIR_PLANTED(end_unrecorded)) {
        reply(event, WEIR__REPLY_CODE__REPLY_OK, "", effects);
        dispatcher__end_recorded(dispatcher, effects);
        return;
    }
    dispatcher->ending[dispatcher->ending_count++] =
        (struct dispatcher_client){ event->from, event->envelope->request };
    struct weir_local_message message = { .kind = WEIR_LOCAL_END_WANTED, .from = WEIR_ROLE_DISPATCHER };
    weir_effect_local(effects, WEIR_ROLE_LEADER, NULL, &message);
}

void dispatcher__on_client(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->envelope->body_case == WEIR__ENVELOPE__BODY_REPLY) return; /* nothing was asked of others */
    if (dispatcher->state == DISPATCHER_STANDBY) {
        reply_not_leader(dispatcher, event, effects);
        return;
    }
    if (job_of(event->envelope)) {
        about_job(dispatcher, event, effects);
        return;
    }
    bool query = event->envelope->body_case == WEIR__ENVELOPE__BODY_QUERY;
    if (dispatcher->state == DISPATCHER_RECOVERING || (dispatcher->suspended && !query)) {
        reply(event, WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
            dispatcher->suspended ? "the coordination store is out of reach, try again"
                                  : "jobs are being recovered, try again",
            effects);
        return;
    }
    switch (event->envelope->body_case) {
    case WEIR__ENVELOPE__BODY_SUBMIT: dispatcher__submit(dispatcher, event, effects); break;
    case WEIR__ENVELOPE__BODY_QUERY: list(dispatcher, event, effects); break;
    case WEIR__ENVELOPE__BODY_COLLECT_GARBAGE: dispatcher__collect_garbage(dispatcher, event, effects); break;
    case WEIR__ENVELOPE__BODY_SHUTDOWN: shut_down(dispatcher, event, effects); break;
    default:
        reply(event, WEIR__REPLY_CODE__REPLY_BAD_REQUEST, "nothing that a JobManager does", effects);
        break;
    }
}
