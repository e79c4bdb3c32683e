/* The JobMasters of this process by job id. */
#include "actor/internal.h"
#include "base/assert.h"

enum { JOBS_CAPACITY_FIRST = 16 };

void actor__jobs_init(struct actor__jobs *jobs, struct weir_memory *memory)
{
    *jobs = (struct actor__jobs){ .memory = memory, .capacity = JOBS_CAPACITY_FIRST };
    jobs->slots = weir_memory_allocate_zeroed(memory, sizeof *jobs->slots * jobs->capacity);
}

void actor__jobs_done(struct actor__jobs *jobs)
{
    for (uint32_t i = 0; i < jobs->capacity; i++) weir_jobmaster_free(jobs->slots[i].machine);
    weir_memory_release(jobs->memory, jobs->slots, sizeof *jobs->slots * jobs->capacity);
}

static uint32_t home(const struct actor__jobs *jobs, const struct weir_job_id *id)
{
    return (uint32_t)weir_job_id_hash(id) & (jobs->capacity - 1);
}

/* The job's place, or the free one where it would be put. */
static struct actor__job *probe(const struct actor__jobs *jobs, const struct weir_job_id *id)
{
    uint32_t at = home(jobs, id);
    while (jobs->slots[at].machine && !weir_job_id_equal(&jobs->slots[at].id, id))
        at = (at + 1) & (jobs->capacity - 1);
    return &jobs->slots[at];
}

struct actor__job *actor__jobs_find(const struct actor__jobs *jobs, const struct weir_job_id *id)
{
    struct actor__job *job = probe(jobs, id);
    return job->machine ? job : NULL;
}

static void grow(struct actor__jobs *jobs)
{
    struct actor__jobs old = *jobs;
    jobs->capacity *= 2;
    jobs->slots = weir_memory_allocate_zeroed(jobs->memory, sizeof *jobs->slots * jobs->capacity);
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.slots[i].machine) *probe(jobs, &old.slots[i].id) = old.slots[i];
    weir_memory_release(jobs->memory, old.slots, sizeof *old.slots * old.capacity);
}

void actor__jobs_add(struct actor__jobs *jobs, const struct actor__job *job)
{
    if ((jobs->count + 1) * 2 > jobs->capacity) grow(jobs);
    struct actor__job *at = probe(jobs, &job->id);
    WEIR_ASSERT(!at->machine);
    *at = *job;
    jobs->count++;
}

/* Moves back what was pushed past the gap, so that no marks of removed jobs are needed. */
void actor__jobs_remove(struct actor__jobs *jobs, struct actor__job *job)
{
    uint32_t mask = jobs->capacity - 1, gap = (uint32_t)(job - jobs->slots);
    for (uint32_t at = (gap + 1) & mask; jobs->slots[at].machine; at = (at + 1) & mask) {
        uint32_t wanted = home(jobs, &jobs->slots[at].id);
        if (((at - wanted) & mask) < ((at - gap) & mask)) continue;
        jobs->slots[gap] = jobs->slots[at];
        gap = at;
    }
    jobs->slots[gap] = (struct actor__job){ 0 };
    jobs->count--;
}
