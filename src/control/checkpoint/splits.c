/*
 * Source splits (DESIGN 4.4): which reader reads what. A split is free or given to an attempt of a reader, as
 * assignment number `sequence` of an epoch, which counts from 1 for every attempt in every epoch. `order`
 * counts the assignments of an epoch over all readers of the vertex: of two that name one split, the later
 * one holds.
 *
 * What a checkpoint says of a split follows from what the readers' snapshots show, not from when the
 * checkpoint was triggered: a split is with its reader exactly when that reader's snapshot is of the attempt
 * that got it and not older than the assignment. So an assignment that overtakes a barrier is in neither or
 * in both.
 */
#include "control/checkpoint/internal.h"
#include "control/planted.h"
#include "base/assert.h"
#include "base/buffer.h"
#include <string.h>

enum {
    SPLITS_MAX = 1 << 20, /* of one vertex, read ones included: they must not be found again */
    SPLIT_ID_BYTES_MAX = 4096,
    ENUMERATOR_FORMAT = 1,
    DISCOVERY_TIMEOUT_US = 3000000 /* a reader that has not answered by then is asked again, or another one */
};

struct split {
    const char *id;
    bool given;
    bool in_state; /* restored: some reader's state holds it, whoever that is */
    bool reported; /* while a report is looked at */
    uint32_t subtask;
    uint64_t attempt_epoch;
    uint32_t attempt_number;
    uint64_t epoch, sequence, order;
};

struct enumerator {
    uint32_t vertex;
    char *head;            /* the source, as its state is named; empty: of a plan that does not list it */
    const char *directory; /* NULL: a reader looks, when it is asked to, or the list is set from outside */
    int64_t discovery_us;  /* 0: looked at once */
    bool restored, complete, listing, full;
    int64_t list_at_us, list_back_off_us;
    struct weir_arena arena; /* ids */
    struct split *splits;
    uint32_t count, capacity, first_free; /* none is free below it */
    uint32_t *slots;
    uint32_t slot_count;
    uint64_t attempts; /* changes when an attempt of the vertex does */
    uint64_t order;    /* of the last assignment */
};

/* ---------------------------------------------------------------- the table */

static struct enumerator *enumerator_of(const struct weir_checkpoint_coordinator *c, uint32_t vertex)
{
    for (uint32_t e = 0; e < c->enumerator_count; e++) {
        if (c->enumerators[e].vertex == vertex) return &c->enumerators[e];
    }
    return NULL;
}

static uint64_t id_hash(const char *id)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *id; id++) hash = (hash ^ (uint8_t)*id) * 0x100000001b3u;
    return hash ^ (hash >> 29);
}

static uint32_t *split_slot(const struct enumerator *e, const char *id)
{
    for (uint64_t at = id_hash(id);; at++) {
        uint32_t *slot = &e->slots[at & (e->slot_count - 1)];
        if (!*slot || strcmp(e->splits[*slot - 1].id, id) == 0) return slot;
    }
}

static void table_grow(struct weir_memory *memory, struct enumerator *e)
{
    uint32_t capacity = e->capacity ? e->capacity * 2 : 32;
    e->splits = weir_memory_reallocate(
        memory, e->splits, sizeof(struct split) * e->capacity, sizeof(struct split) * capacity);
    e->capacity = capacity;
    weir_memory_release(memory, e->slots, sizeof(uint32_t) * e->slot_count);
    e->slot_count = capacity * 2;
    e->slots = weir_memory_allocate_zeroed(memory, sizeof(uint32_t) * e->slot_count);
    for (uint32_t i = 0; i < e->count; i++) *split_slot(e, e->splits[i].id) = i + 1;
}

/* Free when it was not known. NULL: no room, or no name. */
static struct split *split_add(struct weir_checkpoint_coordinator *c, struct enumerator *e, const char *id)
{
    if (!id || !*id || strnlen(id, SPLIT_ID_BYTES_MAX) == SPLIT_ID_BYTES_MAX) return NULL;
    if (e->count == e->capacity) table_grow(c->memory, e);
    uint32_t *slot = split_slot(e, id);
    if (*slot && !(WEIR_PLANTED(split_found_again) && e->splits[*slot - 1].in_state))
        return &e->splits[*slot - 1];
    if (e->count == SPLITS_MAX) {
        e->full = true;
        return NULL;
    }
    struct split *split = &e->splits[e->count++];
    *split = (struct split){ .id = weir_arena_string(&e->arena, id) };
    *slot = e->count;
    e->first_free = WEIR_MIN(e->first_free, e->count - 1);
    return split;
}

static bool of_attempt(const struct split *split, const struct weir_attempt_id *attempt)
{
    return split->subtask == attempt->subtask && split->attempt_epoch == attempt->epoch &&
           split->attempt_number == attempt->number;
}

static void set_free(struct enumerator *e, struct split *split)
{
    *split = (struct split){ .id = split->id };
    e->first_free = WEIR_MIN(e->first_free, (uint32_t)(split - e->splits));
}

/* ---------------------------------------------------------------- what a checkpoint covers */

static bool is_covered(const struct split *split, const Weir__VertexSnapshot *vertex)
{
    struct weir_attempt_id attempt;
    if (split->in_state) return true;
    if (!split->given || !vertex) return false;
    const Weir__SubtaskSnapshot *snapshot = checkpoint__snapshot_of(vertex, split->subtask);
    if (!snapshot || !weir_attempt_id_from(snapshot->attempt, &attempt)) return false;
    if (!of_attempt(split, &attempt)) return false;
    uint64_t sequence = snapshot->split_sequence;
    if (WEIR_PLANTED(split_state_at_trigger) && sequence) sequence--;
    return split->epoch < snapshot->split_epoch ||
           (split->epoch == snapshot->split_epoch && split->sequence <= sequence);
}

static const Weir__VertexSnapshot *vertex_of(const struct checkpoint_completed *point, uint32_t vertex)
{
    for (size_t v = 0; point && point->metadata && v < point->metadata->n_vertices; v++) {
        if (point->metadata->vertices[v]->vertex == vertex) return point->metadata->vertices[v];
    }
    return NULL;
}

static const Weir__VertexSnapshot *newest_vertex(const struct weir_checkpoint_coordinator *c, uint32_t vertex)
{
    return vertex_of(checkpoint__restore_point(c), vertex);
}

/* Of this job's own checkpoints. Attempts in the one that it was started from are another job's, or an
 * earlier life's, even where epoch and number, or the job's id too, are those of attempts that run now. */
static const Weir__VertexSnapshot *own_vertex(const struct weir_checkpoint_coordinator *c, uint32_t vertex)
{
    if (WEIR_PLANTED(split_read_by_namesake)) return newest_vertex(c, vertex);
    return vertex_of(checkpoint__newest(c), vertex);
}

void checkpoint__enumerator_write(
    const struct weir_checkpoint_coordinator *c, Weir__VertexSnapshot *vertex, struct weir_arena *arena)
{
    const struct enumerator *e = enumerator_of(c, vertex->vertex);
    if (!e) return;
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, c->memory, (size_t)1 << 31);
    weir_buffer_append_varint(&bytes, ENUMERATOR_FORMAT);
    weir_buffer_append_byte(&bytes, e->complete);
    weir_buffer_append_varint(&bytes, e->count);
    for (uint32_t i = 0; i < e->count; i++) {
        size_t length = strlen(e->splits[i].id);
        weir_buffer_append_varint(&bytes, length);
        weir_buffer_append(&bytes, e->splits[i].id, length);
        weir_buffer_append_byte(&bytes, is_covered(&e->splits[i], vertex));
    }
    vertex->enumerated = e->head;
    vertex->enumerator.len = bytes.length;
    vertex->enumerator.data = (uint8_t *)weir_arena_copy(arena, bytes.data, bytes.length);
    weir_buffer_done(&bytes);
}

/* Damaged bytes give what could be read; the metadata was decoded whole, so this is another version's. */
static void enumerator_read(struct weir_checkpoint_coordinator *c, struct enumerator *e,
    const Weir__VertexSnapshot *vertex, struct weir_effects *effects)
{
    struct weir_reader reader = { .data = vertex->enumerator.data, .length = vertex->enumerator.len };
    if (!reader.length) return;
    uint64_t format = weir_reader_varint(&reader);
    bool complete = weir_reader_byte(&reader);
    uint64_t count = weir_reader_varint(&reader);
    for (uint64_t i = 0; i < count && !reader.failed && format == ENUMERATOR_FORMAT; i++) {
        uint64_t length = weir_reader_varint(&reader);
        const void *id = length < SPLIT_ID_BYTES_MAX ? weir_reader_bytes(&reader, length) : NULL;
        bool given = weir_reader_byte(&reader);
        struct split *split = id ? split_add(c, e, weir_arena_copy(effects->arena, id, length)) : NULL;
        if (split) split->given = split->in_state = given;
    }
    e->complete = complete;
    if (reader.failed || format != ENUMERATOR_FORMAT) {
        weir_effect_log(effects, WEIR_CONTROL_ERROR,
            "the splits of vertex %u in the checkpoint cannot be read: nothing is assigned", e->vertex);
        e->full = true;
    }
}

/* ---------------------------------------------------------------- life */

void checkpoint__splits_start(struct weir_checkpoint_coordinator *c)
{
    uint32_t count = 0;
    for (size_t v = 0; v < c->vertex_count; v++) count += c->vertices[v]->enumerated;
    c->enumerators = WEIR_ARENA_ARRAY(&c->arena, struct enumerator, count);
    for (size_t v = 0; v < c->vertex_count; v++) {
        const Weir__PlanVertex *vertex = c->vertices[v];
        if (!vertex->enumerated) continue;
        struct enumerator *e = &c->enumerators[c->enumerator_count++];
        *e = (struct enumerator){ .vertex = vertex->id,
            .head = vertex->n_operators ? vertex->operators[0] : (char *)"",
            .discovery_us = (int64_t)vertex->split_discovery_ms * 1000,
            .list_back_off_us = CHECKPOINT_BACK_OFF_FIRST_US };
        if (vertex->split_directory && vertex->split_directory[0]) e->directory = vertex->split_directory;
        weir_arena_init(&e->arena, c->memory);
    }
}

void checkpoint__splits_free(struct weir_checkpoint_coordinator *c)
{
    for (uint32_t i = 0; i < c->enumerator_count; i++) {
        struct enumerator *e = &c->enumerators[i];
        weir_memory_release(c->memory, e->splits, sizeof(struct split) * e->capacity);
        weir_memory_release(c->memory, e->slots, sizeof(uint32_t) * e->slot_count);
        weir_arena_done(&e->arena);
    }
}

/* Another source's splits are left behind with its state. */
static bool is_of_source(const struct enumerator *e, const Weir__VertexSnapshot *vertex)
{
    return !*e->head || !vertex->enumerated || !*vertex->enumerated ||
           strcmp(vertex->enumerated, e->head) == 0;
}

static bool restore(struct weir_checkpoint_coordinator *c, struct enumerator *e, struct weir_effects *effects)
{
    if (e->restored) return true;
    if (!c->newest_loaded || c->load_failure) return false;
    const Weir__VertexSnapshot *vertex = newest_vertex(c, e->vertex);
    if (vertex && is_of_source(e, vertex)) enumerator_read(c, e, vertex, effects);
    e->restored = true;
    return true;
}

/* ---------------------------------------------------------------- readers come and go */

static bool reader_known(const struct weir_checkpoint_coordinator *c, const struct weir_checkpoint_task *task)
{
    const struct task_note *note = checkpoint__note(c, task->attempt.vertex, task->attempt.subtask);
    struct weir_attempt_id named;
    if (task->attempt.epoch >= c->split_epoch) return true;
    /* Not attached (yet): a newer attempt, which has read more, may run where nobody sees it. */
    if (!task->running && !task->finished && !WEIR_PLANTED(split_before_reports)) return false;
    if (note && weir_attempt_id_equal(&note->split_reported, &task->attempt)) return true;
    if (WEIR_PLANTED(split_before_reports)) return true;
    if (!task->finished) return false;
    /* The checkpoint has all that it ever got. */
    const Weir__VertexSnapshot *vertex = newest_vertex(c, task->attempt.vertex);
    const Weir__SubtaskSnapshot *snapshot =
        vertex ? checkpoint__snapshot_of(vertex, task->attempt.subtask) : NULL;
    return snapshot && snapshot->finished && weir_attempt_id_from(snapshot->attempt, &named) &&
           weir_attempt_id_equal(&named, &task->attempt);
}

static bool may_assign(const struct weir_checkpoint_coordinator *c, const struct enumerator *e)
{
    if (!e->restored || e->full) return false;
    for (uint32_t i = 0; i < c->task_count; i++) {
        if (c->tasks[i].attempt.vertex == e->vertex && !reader_known(c, &c->tasks[i])) return false;
    }
    return true;
}

static bool is_newer(const struct weir_attempt_id *attempt, uint64_t epoch, uint32_t number)
{
    return attempt->epoch > epoch || (attempt->epoch == epoch && attempt->number > number);
}

/* Attempts that are gone give back what the checkpoint, from which the next ones start, does not show. */
static void give_back(struct weir_checkpoint_coordinator *c, struct enumerator *e)
{
    const Weir__VertexSnapshot *vertex = own_vertex(c, e->vertex);
    for (uint32_t i = 0; i < e->count; i++) {
        struct split *split = &e->splits[i];
        if (!split->given || split->in_state) continue;
        const struct weir_checkpoint_task *task = checkpoint__task(c, e->vertex, split->subtask);
        /* A report may be ahead of the change that names its attempt. */
        if (task && !is_newer(&task->attempt, split->attempt_epoch, split->attempt_number)) continue;
        if (is_covered(split, vertex))
            split->in_state = true;
        else if (!WEIR_PLANTED(split_lost))
            set_free(e, split);
    }
}

static uint64_t attempts_of(const struct weir_checkpoint_coordinator *c, const struct enumerator *e)
{
    uint64_t sum = 1;
    for (uint32_t i = 0; i < c->task_count; i++) {
        const struct weir_attempt_id *attempt = &c->tasks[i].attempt;
        if (attempt->vertex != e->vertex) continue;
        sum = (sum ^ attempt->subtask) * 0x100000001b3u;
        sum = (sum ^ attempt->epoch) * 0x100000001b3u;
        sum = (sum ^ attempt->number) * 0x100000001b3u;
    }
    return sum;
}

void checkpoint__splits_tasks_changed(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < c->enumerator_count; i++) {
        struct enumerator *e = &c->enumerators[i];
        if (!restore(c, e, effects)) continue;
        uint64_t attempts = attempts_of(c, e);
        if (attempts == e->attempts || !c->task_count) continue;
        e->attempts = attempts;
        give_back(c, e);
    }
}

/* The leader has taken a new epoch: assignments of the older one that are under way are refused, so every
 * reader says again what it has. Whoever hears of the epoch first says so, readers' reports among them. */
void checkpoint__splits_epoch(struct weir_checkpoint_coordinator *c)
{
    if (c->split_epoch == c->identity->epoch) return;
    c->split_epoch = c->identity->epoch;
    static const struct weir_attempt_id nobody;
    for (uint32_t i = 0; i < c->note_slots; i++) c->notes[i].split_reported = nobody;
}

static bool is_later(const struct split *split, const Weir__Split *said)
{
    if (WEIR_PLANTED(split_of_who_reports_last)) return split->epoch > said->epoch;
    return split->epoch != said->epoch ? split->epoch > said->epoch : split->order > said->order;
}

void weir_checkpoint_splits_reported(struct weir_checkpoint_coordinator *c, const Weir__AttemptReport *report,
    int64_t now_us, int64_t wall_us, struct weir_effects *effects)
{
    struct weir_attempt_id attempt;
    if (!c || !c->started || !weir_attempt_id_from(report->attempt, &attempt))
        return; /* no plan, no splits */
    struct enumerator *e = enumerator_of(c, attempt.vertex);
    const struct weir_checkpoint_task *task = checkpoint__task(c, attempt.vertex, attempt.subtask);
    if (!e || !restore(c, e, effects)) return;
    if (!task && c->task_count) return; /* of a width that the job does not have any more */
    if (task && is_newer(&task->attempt, attempt.epoch, attempt.number)) return; /* deposed */
    /* Nor is one that has reported later than the attempt in its place, while a new leader does not know yet
     * which of them goes on. */
    const struct task_note *note = checkpoint__note(c, attempt.vertex, attempt.subtask);
    if (note && is_newer(&note->split_reported, attempt.epoch, attempt.number)) return;
    checkpoint__enter(c, now_us, wall_us);
    checkpoint__splits_epoch(c);
    for (size_t i = 0; i < report->n_splits; i++) {
        const Weir__Split *said = report->splits[i];
        struct split *split = WEIR_PLANTED(split_assigned_twice) ? NULL : split_add(c, e, said->id);
        if (!split || (split->given && is_later(split, said))) continue; /* given to another one since */
        split->given = split->reported = true;
        split->subtask = attempt.subtask;
        split->attempt_epoch = attempt.epoch;
        split->attempt_number = attempt.number;
        split->epoch = said->epoch;
        split->sequence = said->sequence;
        split->order = said->order;
    }
    const Weir__VertexSnapshot *vertex = own_vertex(c, e->vertex);
    for (uint32_t i = 0; i < e->count; i++) {
        struct split *split = &e->splits[i];
        bool lost = split->given && !split->reported && of_attempt(split, &attempt);
        split->reported = false;
        /* It never got there and never will: it was refused. One of this epoch may be on its way. */
        if (lost && split->epoch < c->identity->epoch && !is_covered(split, vertex)) set_free(e, split);
    }
    checkpoint__note_add(c, attempt.vertex, attempt.subtask)->split_reported = attempt;
    checkpoint__leave(c, effects);
}

/* ---------------------------------------------------------------- assignment */

static void assign_send(struct weir_checkpoint_coordinator *c, const struct weir_checkpoint_task *task,
    struct split *const *splits, uint32_t count, bool no_more, struct weir_effects *effects)
{
    Weir__AssignSplits *message = WEIR_PROTO_NEW(effects->arena, Weir__AssignSplits, weir__assign_splits);
    message->attempt = weir_attempt_id_to(effects->arena, &task->attempt);
    message->no_more = no_more;
    message->splits = WEIR_ARENA_ARRAY(effects->arena, Weir__Split *, count);
    for (uint32_t i = 0; i < count; i++) {
        Weir__Split *split = WEIR_PROTO_NEW(effects->arena, Weir__Split, weir__split);
        split->vertex = task->attempt.vertex;
        split->id = weir_arena_string(effects->arena, splits[i]->id);
        split->epoch = splits[i]->epoch;
        split->sequence = splits[i]->sequence;
        split->order = splits[i]->order;
        message->splits[message->n_splits++] = split;
    }
    checkpoint__send(c, task->node, WEIR__ENVELOPE__BODY_ASSIGN_SPLITS, &message->base, effects);
}

static struct split *next_free(struct enumerator *e)
{
    while (e->first_free < e->count && e->splits[e->first_free].given) e->first_free++;
    return e->first_free < e->count ? &e->splits[e->first_free] : NULL;
}

/* True: the reader has its answer. */
static bool assign_one(struct weir_checkpoint_coordinator *c, struct enumerator *e,
    const struct weir_checkpoint_task *task, struct task_note *note, struct weir_effects *effects)
{
    struct split *split = next_free(e);
    if (!split) {
        if (e->complete) assign_send(c, task, NULL, 0, true, effects);
        return e->complete;
    }
    if (note->split_epoch != c->identity->epoch) {
        note->split_epoch = c->identity->epoch;
        note->split_sequence = 0;
    }
    *split = (struct split){ .id = split->id,
        .given = true,
        .subtask = task->attempt.subtask,
        .attempt_epoch = task->attempt.epoch,
        .attempt_number = task->attempt.number,
        .epoch = note->split_epoch,
        .sequence = ++note->split_sequence,
        .order = ++e->order };
    assign_send(c, task, &split, 1, false, effects);
    return true;
}

/* Assignments after (epoch, sequence) that this attempt was sent and maybe never got, in their order. */
static bool resend_after(struct weir_checkpoint_coordinator *c, struct enumerator *e,
    const struct weir_checkpoint_task *task, uint64_t sequence, struct weir_effects *effects)
{
    uint32_t count = 0;
    const struct task_note *note = checkpoint__note(c, task->attempt.vertex, task->attempt.subtask);
    if (note->split_epoch != c->identity->epoch || note->split_sequence <= sequence) return false;
    uint64_t most = WEIR_MIN(note->split_sequence - sequence, (uint64_t)e->count);
    struct split **found = WEIR_ARENA_ARRAY(effects->arena, struct split *, most);
    for (uint32_t i = 0; i < e->count; i++) {
        struct split *split = &e->splits[i];
        if (!split->given || split->in_state || !of_attempt(split, &task->attempt)) continue;
        if (split->epoch != note->split_epoch || split->sequence <= sequence) continue;
        if (split->sequence - sequence <= most) found[split->sequence - sequence - 1] = split;
    }
    while (count < most && found[count]) count++;
    assign_send(c, task, found, count, false, effects);
    return true;
}

void checkpoint__splits_resend(
    struct weir_checkpoint_coordinator *c, uint32_t vertex, uint32_t subtask, struct weir_effects *effects)
{
    struct enumerator *e = enumerator_of(c, vertex);
    const struct weir_checkpoint_task *task = checkpoint__task(c, vertex, subtask);
    if (!e || !task || !task->running) return;
    /* What the newest checkpoint shows it had for certain; what it knows already it passes over. */
    const Weir__VertexSnapshot *newest = own_vertex(c, vertex);
    const Weir__SubtaskSnapshot *snapshot = newest ? checkpoint__snapshot_of(newest, subtask) : NULL;
    struct weir_attempt_id attempt;
    bool of_it = snapshot && weir_attempt_id_from(snapshot->attempt, &attempt) &&
                 weir_attempt_id_equal(&attempt, &task->attempt) &&
                 snapshot->split_epoch == c->identity->epoch;
    resend_after(c, e, task, of_it ? snapshot->split_sequence : 0, effects);
}

void checkpoint__splits_requested(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__RequestSplits *message = event->envelope->request_splits;
    struct weir_attempt_id attempt;
    if (!weir_attempt_id_from(message->attempt, &attempt)) return;
    struct enumerator *e = enumerator_of(c, attempt.vertex);
    const struct weir_checkpoint_task *task = checkpoint__task(c, attempt.vertex, attempt.subtask);
    struct task_note *note = checkpoint__note(c, attempt.vertex, attempt.subtask);
    if (!e || !task || !task->running || !weir_attempt_id_equal(&task->attempt, &attempt) ||
        task->node != event->from)
        return;
    uint64_t received = message->epoch == c->identity->epoch ? message->sequence : 0;
    note->split_waiting = !resend_after(c, e, task, received, effects);
}

static void list_done(
    struct weir_checkpoint_coordinator *c, struct enumerator *e, bool complete, struct weir_effects *effects)
{
    e->list_at_us = c->now_us + WEIR_MAX(e->discovery_us, (int64_t)CHECKPOINT_BACK_OFF_FIRST_US);
    e->complete |= complete;
    if (e->full)
        weir_effect_log(effects, WEIR_CONTROL_ERROR,
            "vertex %u has more than %d splits: nothing is assigned any more", e->vertex, SPLITS_MAX);
}

static void list(struct weir_checkpoint_coordinator *c, uint32_t at, struct weir_effects *effects)
{
    struct enumerator *e = &c->enumerators[at];
    e->listing = true;
    weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_SPLITS, at),
        (struct weir_blob_effect){
            .operation = WEIR_BLOB_LIST, .path = weir_arena_string(effects->arena, e->directory) });
}

void checkpoint__splits_listed(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->tag.number >= c->enumerator_count) return;
    struct enumerator *e = &c->enumerators[event->tag.number];
    if (!e->listing) return;
    e->listing = false;
    if (event->blob.outcome == WEIR_BLOB_ERROR) {
        e->list_at_us = c->now_us + checkpoint__back_off(&e->list_back_off_us);
        return;
    }
    e->list_back_off_us = CHECKPOINT_BACK_OFF_FIRST_US;
    for (uint32_t i = 0; i < event->blob.name_count; i++) split_add(c, e, event->blob.names[i]);
    list_done(c, e, !e->discovery_us, effects);
}

/* The first reader that runs. */
static const struct weir_checkpoint_task *discoverer(
    const struct weir_checkpoint_coordinator *c, const struct enumerator *e)
{
    for (uint32_t t = 0; t < c->task_count; t++)
        if (c->tasks[t].attempt.vertex == e->vertex && c->tasks[t].running) return &c->tasks[t];
    return NULL;
}

static void discover(
    struct weir_checkpoint_coordinator *c, struct enumerator *e, struct weir_effects *effects)
{
    const struct weir_checkpoint_task *task = discoverer(c, e);
    if (!task) return;
    Weir__DiscoverSplits *message =
        WEIR_PROTO_NEW(effects->arena, Weir__DiscoverSplits, weir__discover_splits);
    message->attempt = weir_attempt_id_to(effects->arena, &task->attempt);
    checkpoint__send(c, task->node, WEIR__ENVELOPE__BODY_DISCOVER_SPLITS, &message->base, effects);
    e->list_at_us = c->now_us + DISCOVERY_TIMEOUT_US;
}

/* Whoever says it, and however late: what there is is there, and known ones are known by their names. */
void checkpoint__splits_found(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__SplitsFound *message = event->envelope->splits_found;
    struct weir_attempt_id attempt;
    if (!weir_attempt_id_from(message->attempt, &attempt)) return;
    struct enumerator *e = enumerator_of(c, attempt.vertex);
    if (!e || !restore(c, e, effects)) return;
    for (size_t i = 0; i < message->n_ids; i++) split_add(c, e, message->ids[i]);
    if (!message->more) list_done(c, e, message->complete, effects);
}

void weir_checkpoint_splits_set(struct weir_checkpoint_coordinator *c, uint32_t vertex,
    const char *const *ids, uint32_t id_count, bool complete, int64_t now_us, int64_t wall_us,
    struct weir_effects *effects)
{
    struct enumerator *e = enumerator_of(c, vertex);
    if (!e || !restore(c, e, effects)) return;
    checkpoint__enter(c, now_us, wall_us);
    for (uint32_t i = 0; i < id_count; i++) split_add(c, e, ids[i]);
    e->complete |= complete;
    checkpoint__leave(c, effects);
}

/* Bounded by the readers that wait: each gets one answer. */
void checkpoint__splits_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    if (!checkpoint__may_act(c)) return;
    for (uint32_t i = 0; i < c->enumerator_count; i++) {
        struct enumerator *e = &c->enumerators[i];
        if (!restore(c, e, effects)) continue;
        if (!e->complete && !e->listing && c->now_us >= e->list_at_us) {
            if (e->directory)
                list(c, i, effects);
            else
                discover(c, e, effects);
        }
        if (!may_assign(c, e)) continue;
        for (uint32_t t = 0; t < c->task_count; t++) {
            const struct weir_checkpoint_task *task = &c->tasks[t];
            if (task->attempt.vertex != e->vertex || !task->running) continue;
            struct task_note *note = checkpoint__note(c, task->attempt.vertex, task->attempt.subtask);
            if (note->split_waiting) note->split_waiting = !assign_one(c, e, task, note, effects);
        }
    }
}

int64_t checkpoint__splits_due(const struct weir_checkpoint_coordinator *c)
{
    int64_t due_us = INT64_MAX;
    for (uint32_t i = 0; i < c->enumerator_count; i++) {
        const struct enumerator *e = &c->enumerators[i];
        if (e->complete || e->listing || (!e->directory && !discoverer(c, e))) continue;
        due_us = WEIR_MIN(due_us, e->list_at_us);
    }
    return due_us;
}
