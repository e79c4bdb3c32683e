/*
 * Damage: one bit of a checkpoint's metadata or state, a state file's end, or a record that cannot be read
 * any more. H9: it is refused, by its checksum or its form, and costs its job alone.
 *
 * Of records only what no decoder takes: that a wrong bit is noticed is the store's promise, not the
 * record's.
 */
#include "sim/facts.h"
#include "sim/faults.h"
#include <stdio.h>
#include <string.h>

enum { CHOICES_MAX = 256 };

static struct weir_sim_facts_job *job_in(struct weir_sim *sim, const char *text)
{
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    for (uint32_t i = 0; i < facts->job_count; i++)
        if (strstr(text, facts->jobs[i]->hex)) return facts->jobs[i];
    return NULL;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* What a failover would restore. */
static bool is_in_newest(const struct weir_sim_facts_job *job, const char *path)
{
    const struct weir_sim_named *newest = weir_sim_facts_named(job, job->newest);
    uint64_t hash = weir_sim_path_hash(path);
    for (uint32_t i = 0; newest && i < newest->file_count; i++)
        if (newest->files[i] == hash) return true;
    return false;
}

/* Some file of a job's checkpoints that is called so. False: there is none. */
static bool pick_file(
    struct weir_sim *sim, struct weir_sim_random *random, const char *end, bool newest, char name[512])
{
    const char *choices[CHOICES_MAX], *path;
    uint32_t count = 0;
    for (uint32_t n = 0; (path = weir_sim_filesystem_path(sim->shared_disk, n)) && count < CHOICES_MAX; n++) {
        struct weir_sim_facts_job *job = job_in(sim, path);
        if (job && !job->terminal && strncmp(path, "/checkpoints/", 13) == 0 && ends_with(path, end) &&
            (!newest || is_in_newest(job, path)))
            choices[count++] = path;
    }
    if (count) snprintf(name, 512, "%s", choices[weir_sim_random_below(random, count)]);
    return count != 0;
}

static void damage_bit(struct weir_sim *sim, struct weir_sim_random *random, const char *name)
{
    size_t length = 0;
    const uint8_t *bytes = weir_sim_filesystem_bytes(sim->shared_disk, name, &length);
    if (!length) return;
    uint8_t *copy = (uint8_t *)weir_memory_allocate(sim->memory, length);
    memcpy(copy, bytes, length);
    uint64_t bit = weir_sim_random_below(random, length * 8);
    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    weir_sim_trace(sim, NULL, "bit %llu of %s is wrong from now on", (unsigned long long)bit, name);
    weir_sim_filesystem_write(sim->shared_disk, name, copy, length);
    weir_memory_release(sim->memory, copy, length);
    job_in(sim, name)->damaged = true;
}

static void damage_metadata(struct weir_sim *sim, struct weir_sim_random *random)
{
    char name[512];
    if (!pick_file(sim, random, "/_metadata", false, name)) return;
    damage_bit(sim, random, name);
    weir_sim_cover(sim, WEIR_SIM_COVER_FAULT, "damaged metadata");
}

static void cut_off(struct weir_sim *sim, struct weir_sim_random *random, const char *name)
{
    size_t length = 0;
    const uint8_t *bytes = weir_sim_filesystem_bytes(sim->shared_disk, name, &length);
    if (!length) return;
    size_t left = (size_t)weir_sim_random_below(random, length);
    uint8_t *copy = (uint8_t *)weir_memory_allocate(sim->memory, left + 1);
    memcpy(copy, bytes, left);
    weir_sim_trace(sim, NULL, "%s has only %zu bytes from now on", name, left);
    weir_sim_filesystem_write(sim->shared_disk, name, copy, left);
    weir_memory_release(sim->memory, copy, left + 1);
    job_in(sim, name)->damaged = true;
}

void weir_sim_damage_state(struct weir_sim *sim, struct weir_sim_random *random)
{
    char name[512];
    if (!pick_file(sim, random, ".state", weir_sim_random_permille(random, 800), name)) return;
    bool bit = weir_sim_random_permille(random, 600);
    if (bit)
        damage_bit(sim, random, name);
    else
        cut_off(sim, random, name);
    weir_sim_cover(sim, WEIR_SIM_COVER_FAULT, bit ? "damaged state" : "truncated state");
}

/* A field that says that it is longer than the record. */
static const uint8_t unreadable[] = { 0xfa, 0x3e, 0xff, 0xff, 0x7f };

static void damage_job_record(struct weir_sim *sim, struct weir_sim_random *random)
{
    const char *choices[CHOICES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim->store.entry_count && count < CHOICES_MAX; i++) {
        const char *key = sim->store.entries[i].key;
        struct weir_sim_facts_job *job = job_in(sim, key);
        if (strncmp(key, "jobs/", 5) == 0 && job && job->exists && !job->terminal) choices[count++] = key;
    }
    if (!count) return;
    char key[512];
    snprintf(key, sizeof key, "%s", choices[weir_sim_random_below(random, count)]);
    job_in(sim, key)->damaged = job_in(sim, key)->record_damaged = true;
    weir_sim_store_damage(&sim->store, key, unreadable, sizeof unreadable);
    weir_sim_cover(sim, WEIR_SIM_COVER_FAULT, "damaged job record");
}

void weir_sim_damage(struct weir_sim *sim, struct weir_sim_random *random)
{
    uint64_t what = weir_sim_random_below(random, 10);
    if (what < 7) {
        damage_metadata(sim, random);
    } else if (what < 9) {
        damage_job_record(sim, random);
    } else if (weir_sim_store_find(&sim->store, "leader")) {
        weir_sim_facts(sim)->wiped = true;
        weir_sim_store_damage(&sim->store, "leader", unreadable, sizeof unreadable);
        weir_sim_cover(sim, WEIR_SIM_COVER_FAULT, "damaged leader record");
    }
}
