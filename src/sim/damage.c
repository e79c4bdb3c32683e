/*
 * Damage: one bit of a checkpoint's metadata, or a record that cannot be read any more. H9: it is refused, by
 * its checksum or its form, and costs its job alone.
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

static void damage_metadata(struct weir_sim *sim, struct weir_sim_random *random)
{
    const char *choices[CHOICES_MAX], *path;
    uint32_t count = 0;
    for (uint32_t n = 0; (path = weir_sim_filesystem_path(sim->shared_disk, n)) && count < CHOICES_MAX; n++) {
        struct weir_sim_facts_job *job = job_in(sim, path);
        if (job && !job->terminal && strncmp(path, "/checkpoints/", 13) == 0 && ends_with(path, "/_metadata"))
            choices[count++] = path;
    }
    if (!count) return;
    char name[512];
    snprintf(name, sizeof name, "%s", choices[weir_sim_random_below(random, count)]);
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
    weir_sim_cover(sim, WEIR_SIM_COVER_FAULT, "damaged metadata");
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
