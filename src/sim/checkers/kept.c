/* H10, 4.5: what a job leaves to be started from can be: savepoints, and what its retention keeps. All of
 * their state can be read, and the files of sinks that they name are there: a sink that restores one takes a
 * file that is gone for one that was committed, so its rows would be lost without a word. */
#include "proto/metadata.h"
#include "sim/checkers.h"
#include "sim/facts.h"
#include "task/snapshot.h"
#include <string.h>

/* Of the sink of connector filesystem (sink_snapshot.c). */
enum { SINK_VERSION = 2, PART_OPEN = 0, PART_PENDING = 1, TEXT_BYTES_MAX = 1024 };

struct look {
    struct weir_sim *sim;
    const struct weir_sim_facts_job *job;
    const struct weir_sim_named *named;
    bool finished;  /* all of the job's rows are committed, if not from these files */
    bool committed; /* it is what the job has FINISHED with: what was pending is visible */
    bool open_too; /* nothing was committed after it: what was open lies there, as long as it was or longer */
};

static bool is_savepoint(Weir__CheckpointKind kind)
{
    return kind == WEIR__CHECKPOINT_KIND__SAVEPOINT || kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT;
}

static void check_part(
    const struct look *look, uint8_t state, const char *hidden, const char *visible, uint64_t bytes)
{
    size_t length = 0;
    bool is_hidden = weir_sim_filesystem_bytes(look->sim->shared_disk, hidden, &length) != NULL,
         enough = length >= bytes;
    bool is_visible = weir_sim_filesystem_bytes(look->sim->shared_disk, visible, &length) != NULL;
    unsigned long long id = look->named->id;
    if (state == PART_PENDING && look->committed && !is_visible)
        weir_sim_fail(look->sim, "H7", "%.8s has FINISHED, and %s of checkpoint %llu was never committed",
            look->job->hex, hidden, id);
    if (state == PART_PENDING && !look->finished && !is_visible && !is_hidden)
        weir_sim_fail(look->sim, "H10", "checkpoint %llu of %.8s is kept, and %s, which it names, is gone",
            id, look->job->hex, hidden);
    if (state == PART_OPEN && bytes && look->open_too && !(is_hidden && enough))
        weir_sim_fail(look->sim, "H10",
            "checkpoint %llu of %.8s is kept, and %s, which goes on from it, is %s", id, look->job->hex,
            hidden, is_hidden ? "too short" : "gone");
}

static bool take_text(struct weir_reader *reader, char text[TEXT_BYTES_MAX])
{
    uint64_t length = weir_reader_varint(reader);
    const char *bytes = length < TEXT_BYTES_MAX ? weir_reader_bytes(reader, length) : NULL;
    if (!bytes) return false;
    memcpy(text, bytes, length);
    text[length] = 0;
    return true;
}

static void check_sink(const struct look *look, const uint8_t *bytes, size_t length)
{
    struct weir_reader reader = { .data = bytes, .length = length };
    char partition[TEXT_BYTES_MAX], hidden[TEXT_BYTES_MAX], visible[TEXT_BYTES_MAX];
    bool known = weir_reader_byte(&reader) == SINK_VERSION;
    for (uint32_t left = weir_reader_u32(&reader); known && left; left--) {
        uint8_t state = weir_reader_byte(&reader);
        known = take_text(&reader, partition) && take_text(&reader, hidden) && take_text(&reader, visible);
        uint64_t size = weir_reader_u64(&reader);
        if (known && !reader.failed) check_part(look, state, hidden, visible, size);
    }
    if (!known || reader.failed)
        weir_sim_fail(look->sim, "H10",
            "a sink of checkpoint %llu is of a form that the checker does not know",
            (unsigned long long)look->named->id);
}

static bool is_file_sink(const char *uid)
{
    const char *name = strrchr(uid, '_');
    return name && strcmp(name, "_filesystem") == 0;
}

static enum weir_error_code read_vertex(const struct look *look, struct weir_filesystem *files,
    const struct weir_snapshot_manifest *manifests, uint32_t count, const struct weir_job_vertex *vertex,
    struct weir_error *reterr)
{
    struct weir_subtask_restore restore;
    struct weir_job_vertex alone = *vertex; /* all key groups */
    alone.parallelism = 1;
    enum weir_error_code code = weir_snapshot_restore(
        files, look->named->id, manifests, count, &alone, 0, &look->sim->scratch, &restore, reterr);
    for (uint32_t i = 0; !code && i < restore.section_count; i++)
        if (restore.sections[i].is_blob && is_file_sink(restore.sections[i].uid))
            check_sink(look, restore.sections[i].bytes, restore.sections[i].length);
    return code;
}

static enum weir_error_code read_all(const struct look *look, struct weir_filesystem *files,
    const Weir__CheckpointMetadata *metadata, struct weir_error *reterr)
{
    struct weir_arena *arena = &look->sim->scratch;
    const struct weir_job_graph *graph;
    uint32_t count = 0;
    for (size_t v = 0; v < metadata->n_vertices; v++) count += (uint32_t)metadata->vertices[v]->n_subtasks;
    struct weir_snapshot_manifest *manifests =
        WEIR_ARENA_ARRAY(arena, struct weir_snapshot_manifest, count + 1);
    enum weir_error_code code =
        weir_execution_plan_graph(arena, look->job->job->plan, NULL, 0, &graph, reterr);
    count = 0;
    for (size_t v = 0; !code && v < metadata->n_vertices; v++) {
        for (size_t s = 0; !code && s < metadata->vertices[v]->n_subtasks; s++) {
            const Weir__SubtaskSnapshot *snapshot = metadata->vertices[v]->subtasks[s];
            struct weir_reader reader = { .data = snapshot->manifest.data, .length = snapshot->manifest.len };
            code = weir_snapshot_manifest_read(&reader, ".", arena, &manifests[count], reterr);
            if (!code)
                code = weir_snapshot_manifest_place(
                    &manifests[count++], snapshot->files, snapshot->n_files, reterr);
        }
    }
    for (uint32_t v = 0; !code && v < graph->vertex_count; v++)
        code = read_vertex(look, files, manifests, count, &graph->vertices[v], reterr);
    return code;
}

static void check_named(const struct look *look)
{
    struct weir_sim *sim = look->sim;
    size_t length = 0;
    const uint8_t *bytes = weir_sim_filesystem_bytes(sim->shared_disk, look->named->pointer, &length);
    Weir__CheckpointMetadata *metadata;
    struct weir_error error = { 0 };
    enum weir_error_code code = WEIR_E_NOT_FOUND;
    weir_arena_reset(&sim->scratch);
    if (bytes) code = weir_checkpoint_metadata_decode(&sim->scratch, bytes, length, &metadata, &error);
    if (!code) code = weir_checkpoint_metadata_place(&sim->scratch, metadata, look->named->pointer, &error);
    struct weir_filesystem *files = weir_sim_filesystem_view(sim->shared_disk);
    if (!code) code = read_all(look, files, metadata, &error);
    weir_sim_filesystem_view_free(files);
    if (code)
        weir_sim_fail(sim, "H10", "%s of %.8s is kept, and cannot be restored: %s", look->named->pointer,
            look->job->hex, bytes ? error.message : "it is gone");
}

/* What the user has said is to be there when the job has ended so. */
static bool retains(const struct weir_sim_facts_job *job)
{
    switch (job->job->settings.externalized_retention) {
    case WEIR__EXTERNALIZED_RETENTION__RETAIN_ON_CANCELLATION:
        return job->result == WEIR__JOB_STATE__JOB_CANCELED || job->result == WEIR__JOB_STATE__JOB_FAILED;
    case WEIR__EXTERNALIZED_RETENTION__DELETE_ON_CANCELLATION:
        return job->result == WEIR__JOB_STATE__JOB_FAILED;
    default: return false;
    }
}

/* Who claims it has it gone as soon as he has a checkpoint of his own. */
static const struct weir_sim_facts_job *owner_of(struct weir_sim *sim, const struct weir_sim_named *named)
{
    for (uint32_t i = 0; i < sim->clients->job_count; i++) {
        const struct weir_sim_job *job = &sim->clients->jobs[i];
        if (!job->origin || job->claim_mode != WEIR__CLAIM_MODE__CLAIM) continue;
        size_t length = strlen(job->origin);
        if (strncmp(named->pointer, job->origin, length) == 0 && named->pointer[length] == '/')
            return weir_sim_facts_job(sim, &job->id);
    }
    return NULL;
}

/* Checkpoints share files: who owns one of a job owns them. */
static bool is_claimed(struct weir_sim *sim, const struct weir_sim_facts_job *job)
{
    for (uint32_t n = 0; n < job->named_count; n++)
        if (!is_savepoint(job->named[n].kind) && owner_of(sim, &job->named[n])) return true;
    return false;
}

static bool has_own(const struct weir_sim_facts_job *job)
{
    for (uint32_t n = 0; n < job->named_count; n++)
        if (job->named[n].kind != WEIR__CHECKPOINT_KIND__SAVEPOINT) return true;
    return false;
}

static void check_job(struct weir_sim *sim, const struct weir_sim_facts_job *job)
{
    bool finished = job->result == WEIR__JOB_STATE__JOB_FINISHED;
    struct look look = { .sim = sim, .job = job, .finished = finished };
    uint64_t committed = 0; /* the newest that sinks were told of */
    for (uint32_t n = 0; n < job->named_count; n++)
        if (job->named[n].kind != WEIR__CHECKPOINT_KIND__SAVEPOINT)
            committed = WEIR_MAX(committed, job->named[n].id);
    for (uint32_t n = 0; n < job->named_count; n++) {
        look.named = &job->named[n];
        look.open_too = look.named->id == committed && !finished;
        look.committed = look.named->id == committed && finished;
        const struct weir_sim_facts_job *owner = owner_of(sim, look.named);
        bool retained = look.named->current && retains(job) && (owner || !is_claimed(sim, job));
        bool kept = is_savepoint(look.named->kind) || retained;
        size_t length;
        if (kept && !(owner && has_own(owner))) check_named(&look);
        if (kept && owner && has_own(owner) && !job->came_back &&
            weir_sim_filesystem_bytes(sim->shared_disk, look.named->pointer, &length))
            weir_sim_fail(
                sim, "H10", "%s was claimed by %.8s, and is still there", look.named->pointer, owner->hex);
    }
}

static void finish(struct weir_sim *sim, void *self)
{
    const struct weir_sim_facts *facts = weir_sim_facts(sim);
    for (uint32_t i = 0; i < facts->job_count; i++) {
        const struct weir_sim_facts_job *job = facts->jobs[i];
        if (job->terminal && job->job && job->job->plan && !job->damaged) check_job(sim, job);
    }
}

const struct weir_sim_checker weir_sim_checker_kept = {
    .name = "H10", .text = "what a job leaves to be started from can be restored", .finish = finish
};
