/* What was ever seen, by kind and name, over many histories. */
#include "base/assert.h"
#include "sim/world.h"
#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 512, NAME_BYTES_MAX = 64 };

struct row {
    enum weir_sim_coverage_kind kind;
    char name[NAME_BYTES_MAX];
    uint64_t count;
};

struct weir_sim_coverage {
    struct weir_memory *memory;
    struct row rows[ROWS_MAX];
    uint32_t count;
    /* By address of the name: names are literals, and a miss only costs the search. */
    struct {
        const char *name;
        uint32_t row;
    } recent[256];
};

struct weir_sim_coverage *weir_sim_coverage_new(struct weir_memory *memory)
{
    struct weir_sim_coverage *coverage =
        (struct weir_sim_coverage *)weir_memory_allocate_zeroed(memory, sizeof *coverage);
    coverage->memory = memory;
    return coverage;
}

void weir_sim_coverage_free(struct weir_sim_coverage *coverage)
{
    if (coverage) weir_memory_release(coverage->memory, coverage, sizeof *coverage);
}

static void count(
    struct weir_sim_coverage *coverage, enum weir_sim_coverage_kind kind, const char *name, uint64_t times)
{
    uint32_t slot = (uint32_t)((uintptr_t)name >> 2) % WEIR_ARRAY_COUNT(coverage->recent);
    uint32_t row = coverage->recent[slot].row;
    if (coverage->recent[slot].name == name && row < coverage->count && coverage->rows[row].kind == kind &&
        strncmp(coverage->rows[row].name, name, NAME_BYTES_MAX - 1) == 0) {
        coverage->rows[row].count += times;
        return;
    }
    for (row = 0; row < coverage->count; row++)
        if (coverage->rows[row].kind == kind &&
            strncmp(coverage->rows[row].name, name, NAME_BYTES_MAX - 1) == 0)
            break;
    if (row == coverage->count) {
        if (row == ROWS_MAX) return;
        coverage->rows[row].kind = kind;
        snprintf(coverage->rows[row].name, NAME_BYTES_MAX, "%s", name);
        coverage->count++;
    }
    coverage->rows[row].count += times;
    coverage->recent[slot].name = name;
    coverage->recent[slot].row = row;
}

void weir_sim_cover(struct weir_sim *sim, enum weir_sim_coverage_kind kind, const char *name)
{
    if (sim->coverage) count(sim->coverage, kind, name, 1);
}

void weir_sim_coverage_add(struct weir_sim_coverage *to, const struct weir_sim_coverage *from)
{
    for (uint32_t i = 0; i < from->count; i++)
        count(to, from->rows[i].kind, from->rows[i].name, from->rows[i].count);
}

size_t weir_sim_coverage_bytes(void)
{
    return sizeof(struct weir_sim_coverage);
}

void weir_sim_coverage_take(struct weir_sim_coverage *coverage, const void *bytes)
{
    struct weir_memory *memory = coverage->memory;
    memcpy(coverage, bytes, sizeof *coverage);
    memset(coverage->recent, 0, sizeof coverage->recent);
    coverage->memory = memory;
}

static bool follows(const struct row *a, const struct row *b)
{
    return a->kind != b->kind ? a->kind > b->kind : strcmp(a->name, b->name) > 0;
}

static const char *const kinds[] = { "fault", "effect", "task event", "message", "transition", "reply" };

static const struct {
    enum weir_sim_coverage_kind kind;
    const char *name;
} wanted[] = {
#define X(kind, name) { WEIR_SIM_COVER_##kind, name },
#include "sim/coverage.def"
#undef X
};

static bool is_met(
    const struct weir_sim_coverage *coverage, enum weir_sim_coverage_kind kind, const char *name)
{
    for (uint32_t i = 0; i < coverage->count; i++)
        if (coverage->rows[i].kind == kind && strcmp(coverage->rows[i].name, name) == 0) return true;
    return false;
}

static void report_missing(const struct weir_sim_coverage *coverage, struct weir_buffer *to)
{
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(wanted); i++)
        if (!is_met(coverage, wanted[i].kind, wanted[i].name))
            weir_buffer_format(to, "never met   %s %s\n", kinds[wanted[i].kind], wanted[i].name);
}

void weir_sim_coverage_report(const struct weir_sim_coverage *coverage, struct weir_buffer *to)
{
    uint32_t order[ROWS_MAX];
    for (uint32_t i = 0; i < coverage->count; i++) {
        uint32_t at = i;
        for (; at > 0 && follows(&coverage->rows[order[at - 1]], &coverage->rows[i]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (uint32_t i = 0; i < coverage->count; i++) {
        const struct row *row = &coverage->rows[order[i]];
        weir_buffer_format(
            to, "%-11s %-44s %12llu\n", kinds[row->kind], row->name, (unsigned long long)row->count);
    }
    report_missing(coverage, to);
}
