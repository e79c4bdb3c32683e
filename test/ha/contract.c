/* What src/spi/high_availability.h promises, while nothing is broken. */
#include "harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The n-th version of a key that was made once: without transactions it need not be n. */
static uint64_t nth(struct world *world, struct client *client, const char *key, uint64_t n)
{
    uint64_t version = ask_one(world, client, WEIR_HA_READ, key, 0, NULL)->entries[0].version;
    return client->driver->transactions ? n : (version & ~UINT64_C(0xffffffff)) | n;
}

static void versions_grow_by_one(struct world *world)
{
    struct client *client = client_open(world);
    const struct answer *answer = ask_one(world, client, WEIR_HA_CREATE, "leader", 0, "a");
    EXPECT_OUTCOME(answer, WEIR_HA_OK);
    EXPECT(answer->entry_count == 1);
    uint64_t first = answer->entries[0].version;
    EXPECT(first == 1 || !client->driver->transactions);
    char value[16];
    for (uint64_t version = first; version < first + 40; version++) {
        snprintf(value, sizeof value, "v%llu", (unsigned long long)(version - first + 1));
        answer = ask_one(world, client, WEIR_HA_SET, "leader", version, value);
        EXPECT_OUTCOME(answer, WEIR_HA_OK);
        EXPECT(answer->entry_count == 1 && answer->entries[0].version == version + 1);
    }
    answer = ask_one(world, client, WEIR_HA_READ, "leader", 0, NULL);
    EXPECT(answer->entry_count == 1 && answer->entries[0].version == first + 40 &&
           value_is(&answer->entries[0], "v40"));
}

/* Without transactions nothing else tells a late write that the key it means is another now. */
static void without_transactions_no_version_comes_again(struct world *world)
{
    struct client *client = client_open(world);
    if (client->driver->transactions) return;
    uint64_t before = ask_one(world, client, WEIR_HA_CREATE, "leader", 0, "a")->entries[0].version;
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_DELETE, "leader", before, NULL), WEIR_HA_OK);
    uint64_t after = ask_one(world, client, WEIR_HA_CREATE, "leader", 0, "b")->entries[0].version;
    EXPECT(after != before && after != before + 1);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_SET, "leader", before, "late"), WEIR_HA_CONFLICT);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_DELETE, "leader", before, NULL), WEIR_HA_CONFLICT);
    EXPECT(value_is(&ask_one(world, client, WEIR_HA_READ, "leader", 0, NULL)->entries[0], "b"));
}

static void what_is_not_there_reads_as_not_found(struct world *world)
{
    struct client *client = client_open(world);
    const struct answer *answer = ask_one(world, client, WEIR_HA_READ, "leader", 0, NULL);
    EXPECT_OUTCOME(answer, WEIR_HA_OK);
    EXPECT(answer->entry_count == 1 && !answer->entries[0].found);
    answer = ask_one(world, client, WEIR_HA_READ_STALE, "jobs/0123", 0, NULL);
    EXPECT_OUTCOME(answer, WEIR_HA_OK);
    EXPECT(answer->entry_count == 1 && !answer->entries[0].found);
    answer = ask_one(world, client, WEIR_HA_LIST, "jobs", 0, NULL);
    EXPECT_OUTCOME(answer, WEIR_HA_OK);
    EXPECT(answer->entry_count == 0);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_SET, "leader", 1, "x"), WEIR_HA_NOT_FOUND);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_DELETE, "leader", 1, NULL), WEIR_HA_NOT_FOUND);
}

static void a_wrong_version_changes_nothing(struct world *world)
{
    struct client *client = client_open(world);
    const struct answer *created = ask_one(world, client, WEIR_HA_CREATE, "jobs/1", 0, "one");
    EXPECT_OUTCOME(created, WEIR_HA_OK);
    uint64_t first = created->entries[0].version;
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_CREATE, "jobs/1", 0, "two"), WEIR_HA_CONFLICT);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_SET, "jobs/1", first, "three"), WEIR_HA_OK);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_SET, "jobs/1", first, "four"), WEIR_HA_CONFLICT);
    enum weir_ha_outcome outcome = ask_one(world, client, WEIR_HA_SET, "jobs/1", 700, "five")->outcome;
    EXPECT(outcome == WEIR_HA_CONFLICT || outcome == WEIR_HA_NOT_FOUND);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_DELETE, "jobs/1", first, NULL), WEIR_HA_CONFLICT);
    const struct answer *answer = ask_one(world, client, WEIR_HA_READ, "jobs/1", 0, NULL);
    EXPECT(value_is(&answer->entries[0], "three") && answer->entries[0].version == first + 1);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_DELETE, "jobs/1", first + 1, NULL), WEIR_HA_OK);
    answer = ask_one(world, client, WEIR_HA_READ, "jobs/1", 0, NULL);
    EXPECT(!answer->entries[0].found);
}

static void values_of_any_bytes_and_of_the_largest_size_come_back(struct world *world)
{
    struct client *client = client_open(world);
    uint8_t *value = malloc(WEIR_HA_VALUE_BYTES_MAX);
    for (size_t i = 0; value && i < WEIR_HA_VALUE_BYTES_MAX; i++) value[i] = (uint8_t)(i * 2654435761u >> 13);
    const size_t lengths[] = { 0, 1, 63, 64, 65, 4096, WEIR_HA_VALUE_BYTES_MAX };
    bool good = value != NULL;
    for (uint32_t i = 0; good && i < WEIR_ARRAY_COUNT(lengths); i++) {
        char key[32];
        snprintf(key, sizeof key, "jobs/%u", i);
        struct weir_ha_operation create = {
            .kind = WEIR_HA_CREATE, .key = key, .value = value, .length = lengths[i]
        };
        good = ask(world, client, &create, 1)->outcome == WEIR_HA_OK;
        const struct answer *answer = ask_one(world, client, WEIR_HA_READ, key, 0, NULL);
        good = good && answer->entry_count == 1 && answer->entries[0].found &&
               answer->entries[0].length == lengths[i] &&
               memcmp(answer->entries[0].value, value, lengths[i]) == 0;
    }
    free(value);
    EXPECT(good);
}

static bool listed(const struct answer *answer, const char *key, const char *value)
{
    for (uint32_t i = 0; i < answer->entry_count; i++)
        if (strcmp(answer->entries[i].key, key) == 0) return value_is(&answer->entries[i], value);
    return false;
}

static void a_list_has_the_children_with_their_values(struct world *world)
{
    struct client *one = client_open(world), *other = client_open(world);
    char key[32], value[32];
    for (uint32_t i = 0; i < 60; i++) {
        snprintf(key, sizeof key, "jobs/%02x", i);
        snprintf(value, sizeof value, "value %u", i);
        EXPECT_OUTCOME(ask_one(world, one, WEIR_HA_CREATE, key, 0, value), WEIR_HA_OK);
    }
    EXPECT_OUTCOME(ask_one(world, one, WEIR_HA_CREATE, "tombstones/00", 0, "x"), WEIR_HA_OK);
    EXPECT_OUTCOME(
        ask_one(world, one, WEIR_HA_DELETE, "jobs/3b", nth(world, one, "jobs/3b", 1), NULL), WEIR_HA_OK);
    const struct answer *answer = ask_one(world, other, WEIR_HA_LIST, "jobs", 0, NULL);
    EXPECT_OUTCOME(answer, WEIR_HA_OK);
    EXPECT(answer->entry_count == 59);
    for (uint32_t i = 0; i < 59; i++) {
        snprintf(key, sizeof key, "jobs/%02x", i);
        snprintf(value, sizeof value, "value %u", i);
        EXPECT(listed(answer, key, value));
    }
}

static void reads_see_what_anybody_was_told_is_written(struct world *world)
{
    struct client *writer = client_open(world), *readers[3];
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(readers); i++) readers[i] = client_open(world);
    EXPECT_OUTCOME(ask_one(world, writer, WEIR_HA_CREATE, "leader", 0, "0"), WEIR_HA_OK);
    char value[16], key[32];
    for (uint32_t i = 1; i <= 40; i++) {
        snprintf(value, sizeof value, "%u", i);
        uint64_t version = nth(world, writer, "leader", i);
        EXPECT_OUTCOME(ask_one(world, writer, WEIR_HA_SET, "leader", version, value), WEIR_HA_OK);
        const struct answer *answer =
            ask_one(world, readers[i % WEIR_ARRAY_COUNT(readers)], WEIR_HA_READ, "leader", 0, NULL);
        EXPECT(answer->entry_count == 1 && value_is(&answer->entries[0], value));
        snprintf(key, sizeof key, "jobs/%u", i);
        EXPECT_OUTCOME(ask_one(world, writer, WEIR_HA_CREATE, key, 0, value), WEIR_HA_OK);
        answer = ask_one(world, readers[(i + 1) % WEIR_ARRAY_COUNT(readers)], WEIR_HA_LIST, "jobs", 0, NULL);
        EXPECT(listed(answer, key, value));
    }
}

static void two_sessions_race_and_one_wins_each_round(struct world *world)
{
    struct client *racers[2] = { client_open(world), client_open(world) };
    const struct answer *created = ask_one(world, racers[0], WEIR_HA_CREATE, "leader", 0, "-");
    EXPECT_OUTCOME(created, WEIR_HA_OK);
    uint64_t begin = created->entries[0].version;
    uint32_t wins[2] = { 0 };
    for (uint64_t version = begin; version < begin + 80; version++) {
        uint64_t requests[2];
        for (uint32_t i = 0; i < 2; i++) {
            uint32_t first = (uint32_t)(version + i) % 2;
            struct weir_ha_operation set = { .kind = WEIR_HA_SET,
                .key = "leader",
                .version = version,
                .value = (const uint8_t *)(first ? "b" : "a"),
                .length = 1 };
            requests[first] = submit(racers[first], &set, 1);
        }
        uint32_t won = 0, winner = 0;
        for (uint32_t i = 0; i < 2; i++) {
            enum weir_ha_outcome outcome = await(world, racers[i], requests[i])->outcome;
            EXPECT(outcome == WEIR_HA_OK || outcome == WEIR_HA_CONFLICT);
            if (outcome == WEIR_HA_OK) {
                won++;
                winner = i;
            }
        }
        EXPECT(won == 1);
        wins[winner]++;
        const struct answer *answer = ask_one(world, racers[1 - winner], WEIR_HA_READ, "leader", 0, NULL);
        EXPECT(
            answer->entries[0].version == version + 1 && value_is(&answer->entries[0], winner ? "b" : "a"));
    }
    EXPECT(wins[0] + wins[1] == 80);
}

static void one_of_two_creates_wins(struct world *world)
{
    struct client *racers[2] = { client_open(world), client_open(world) };
    for (uint32_t round = 0; round < 40; round++) {
        char key[32];
        snprintf(key, sizeof key, "jobs/%u", round);
        uint64_t requests[2];
        for (uint32_t i = 0; i < 2; i++) {
            struct weir_ha_operation create = { .kind = WEIR_HA_CREATE, .key = key };
            requests[i] = submit(racers[i], &create, 1);
        }
        enum weir_ha_outcome one = await(world, racers[0], requests[0])->outcome;
        enum weir_ha_outcome other = await(world, racers[1], requests[1])->outcome;
        EXPECT((one == WEIR_HA_OK && other == WEIR_HA_CONFLICT) ||
               (one == WEIR_HA_CONFLICT && other == WEIR_HA_OK));
    }
}

static void requests_of_one_session_apply_in_order(struct world *world)
{
    struct client *client = client_open(world);
    const struct answer *created = ask_one(world, client, WEIR_HA_CREATE, "leader", 0, "0");
    EXPECT_OUTCOME(created, WEIR_HA_OK);
    uint64_t begin = created->entries[0].version, last = 0;
    for (uint64_t version = begin; version < begin + 100; version++) {
        struct weir_ha_operation set = { .kind = WEIR_HA_SET,
            .key = "leader",
            .version = version,
            .value = (const uint8_t *)"x",
            .length = 1 };
        last = submit(client, &set, 1);
    }
    const struct answer *answer = await(world, client, last);
    EXPECT_OUTCOME(answer, WEIR_HA_OK);
    EXPECT(answer->entries[0].version == begin + 100);
}

static void ephemeral_entries_are_seen_and_go_with_an_orderly_end(struct world *world)
{
    struct client *owner = client_open(world), *other = client_open(world);
    EXPECT_OUTCOME(ask_one(world, owner, WEIR_HA_CREATE_EPHEMERAL, "candidates/a:1", 0, "alive"), WEIR_HA_OK);
    const struct answer *answer = ask_one(world, other, WEIR_HA_LIST, "candidates", 0, NULL);
    EXPECT(answer->entry_count == 1 && listed(answer, "candidates/a:1", "alive"));
    answer = ask_one(world, other, WEIR_HA_READ, "candidates/a:1", 0, NULL);
    EXPECT(value_is(&answer->entries[0], "alive"));
    EXPECT_OUTCOME(
        ask_one(world, other, WEIR_HA_CREATE_EPHEMERAL, "candidates/a:1", 0, "me"), WEIR_HA_CONFLICT);
    client_close(world, owner);
    answer = ask_one(world, other, WEIR_HA_LIST, "candidates", 0, NULL);
    EXPECT(answer->entry_count == 0);
    EXPECT_OUTCOME(ask_one(world, other, WEIR_HA_CREATE_EPHEMERAL, "candidates/a:1", 0, "me"), WEIR_HA_OK);
}

static void an_ephemeral_entry_goes_when_it_is_deleted(struct world *world)
{
    struct client *owner = client_open(world), *other = client_open(world);
    EXPECT_OUTCOME(ask_one(world, owner, WEIR_HA_CREATE_EPHEMERAL, "candidates/a", 0, "x"), WEIR_HA_OK);
    const struct answer *answer = ask_one(world, owner, WEIR_HA_LIST, "candidates", 0, NULL);
    EXPECT(answer->entry_count == 1);
    uint64_t version = answer->entries[0].version;
    EXPECT_OUTCOME(ask_one(world, owner, WEIR_HA_DELETE, "candidates/a", version, NULL), WEIR_HA_OK);
    answer = ask_one(world, other, WEIR_HA_LIST, "candidates", 0, NULL);
    EXPECT(answer->entry_count == 0);
}

static bool told_of_death(struct client *client, const void *argument)
{
    return strcmp(client->died_key, argument) == 0;
}

static bool is_gone(struct world *world, struct client *client, const char *key, double seconds)
{
    for (double waited = 0; waited < seconds; waited += 0.02) {
        const struct answer *answer = ask_one(world, client, WEIR_HA_READ, key, 0, NULL);
        if (answer->outcome == WEIR_HA_OK && !answer->entries[0].found) return true;
        world_run(world, 0.02);
    }
    return false;
}

static void the_entry_of_a_killed_process_goes_and_its_death_is_told(struct world *world)
{
    struct client *client = client_open(world);
    client->driver->watch(client->session, "candidates/victim");
    const struct answer *answer = ask_one(world, client, WEIR_HA_READ, "candidates/victim", 0, NULL);
    EXPECT_OUTCOME(answer, WEIR_HA_OK);
    int process = holder_start(world, "candidates/victim", "its value");
    EXPECT(await_change(world, client, "candidates/victim", HANG_SECONDS));
    client->driver->watch(client->session, "candidates/victim");
    answer = ask_one(world, client, WEIR_HA_LIST, "candidates", 0, NULL);
    EXPECT(answer->entry_count == 1 && listed(answer, "candidates/victim", "its value"));
    client->change_count = 0;
    holder_kill(process);
    EXPECT(world_until(world, HANG_SECONDS, told_of_death, client, "candidates/victim"));
    EXPECT(client->died_length == strlen("its value") && memcmp(client->died_value, "its value", 9) == 0);
    EXPECT(is_gone(world, client, "candidates/victim", HANG_SECONDS));
    EXPECT(await_change(world, client, "candidates/victim", HANG_SECONDS));
}

static void a_watch_tells_of_coming_changing_and_going(struct world *world)
{
    struct client *watcher = client_open(world), *writer = client_open(world);
    for (uint64_t round = 0; round < 4; round++) {
        watcher->change_count = 0;
        watcher->driver->watch(watcher->session, "leader");
        /* What a read behind the watch does not show is told. */
        (void)ask_one(world, watcher, WEIR_HA_READ, "leader", 0, NULL);
        watcher->change_count = 0;
        enum weir_ha_outcome outcome;
        uint64_t version = round ? nth(world, writer, "leader", round) : 0;
        if (round == 0)
            outcome = ask_one(world, writer, WEIR_HA_CREATE, "leader", 0, "a")->outcome;
        else if (round == 3)
            outcome = ask_one(world, writer, WEIR_HA_DELETE, "leader", version, NULL)->outcome;
        else
            outcome = ask_one(world, writer, WEIR_HA_SET, "leader", version, "b")->outcome;
        EXPECT(outcome == WEIR_HA_OK);
        EXPECT(await_change(world, watcher, "leader", HANG_SECONDS));
    }
    EXPECT(!watcher->called_inside);
}

/* Whoever watches, reads, and watches again when told, ends with the newest value. */
static void nothing_is_missed_between_watch_and_read(struct world *world)
{
    struct client *watcher = client_open(world), *writer = client_open(world);
    EXPECT_OUTCOME(ask_one(world, writer, WEIR_HA_CREATE, "leader", 0, "0"), WEIR_HA_OK);
    uint64_t seen = 0, written = 1, base = nth(world, writer, "leader", 0);
    struct weir_ha_operation read = { .kind = WEIR_HA_READ, .key = "leader" };
    struct weir_ha_operation set = {
        .kind = WEIR_HA_SET, .key = "leader", .value = (const uint8_t *)"x", .length = 1
    };
    watcher->driver->watch(watcher->session, "leader");
    uint64_t reading = submit(watcher, &read, 1), writing = 0;
    bool look = false;
    for (uint32_t turns = 0; turns < 200000 && (seen < 120 || written < 120); turns++) {
        if (reading && watcher->answers[reading % REQUESTS_MAX].done) {
            seen = watcher->answers[reading % REQUESTS_MAX].entries[0].version - base;
            reading = 0;
        }
        if (writing && writer->answers[writing % REQUESTS_MAX].done) {
            EXPECT(writer->answers[writing % REQUESTS_MAX].outcome == WEIR_HA_OK);
            written++;
            writing = 0;
        }
        if (!writing && written < 120) {
            set.version = base + written;
            writing = submit(writer, &set, 1);
        }
        if (watcher->change_count) look = true;
        watcher->change_count = 0;
        if (look && !reading) {
            look = false;
            watcher->driver->watch(watcher->session, "leader");
            reading = submit(watcher, &read, 1);
        }
        world_turn(world);
    }
    EXPECT(written == 120);
    EXPECT(seen == 120);
}

static void transactions_apply_whole_or_not_at_all(struct world *world)
{
    struct client *client = client_open(world), *other = client_open(world);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_CREATE, "leader", 0, "l"), WEIR_HA_OK);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_CREATE_EPHEMERAL, "candidates/me", 0, "m"), WEIR_HA_OK);
    struct weir_ha_operation operations[4] = { { .kind = WEIR_HA_CHECK, .key = "candidates/me" },
        { .kind = WEIR_HA_CHECK, .key = "candidates/other", .version = WEIR_HA_VERSION_NONE },
        { .kind = WEIR_HA_CREATE, .key = "jobs/1", .value = (const uint8_t *)"j", .length = 1 },
        { .kind = WEIR_HA_SET, .key = "leader", .version = 1, .value = (const uint8_t *)"L", .length = 1 } };
    const struct answer *answer = ask(world, client, operations, 4);
    EXPECT_OUTCOME(answer, WEIR_HA_OK);
    EXPECT(answer->entry_count == 2 && answer->entries[0].version == 1 && answer->entries[1].version == 2);
    EXPECT(!ask_one(world, other, WEIR_HA_READ, "candidates/other", 0, NULL)->entries[0].found);
    /* The version of the last has passed: the create before it does not happen. */
    operations[2].key = "jobs/2";
    EXPECT_OUTCOME(ask(world, client, operations, 4), WEIR_HA_CONFLICT);
    EXPECT(!ask_one(world, other, WEIR_HA_READ, "jobs/2", 0, NULL)->entries[0].found);
    /* What must not be there is there. */
    EXPECT_OUTCOME(ask_one(world, other, WEIR_HA_CREATE_EPHEMERAL, "candidates/other", 0, "o"), WEIR_HA_OK);
    operations[3].version = 2;
    EXPECT_OUTCOME(ask(world, client, operations, 4), WEIR_HA_CONFLICT);
    EXPECT(!ask_one(world, other, WEIR_HA_READ, "jobs/2", 0, NULL)->entries[0].found);
    answer = ask_one(world, other, WEIR_HA_READ, "leader", 0, NULL);
    EXPECT(answer->entries[0].version == 2 && value_is(&answer->entries[0], "L"));
}

static void a_takeover_removes_the_dead_holder_in_one_transaction(struct world *world)
{
    struct client *client = client_open(world);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_CREATE, "leader", 0, "old"), WEIR_HA_OK);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_CREATE_EPHEMERAL, "candidates/me", 0, "m"), WEIR_HA_OK);
    int process = holder_start(world, "candidates/holder", "h");
    const struct answer *answer = ask_one(world, client, WEIR_HA_READ, "candidates/holder", 0, NULL);
    struct weir_ha_operation operations[3] = {
        { .kind = WEIR_HA_CHECK, .key = "candidates/me" },
        { .kind = WEIR_HA_DELETE, .key = "candidates/holder", .version = answer->entries[0].version },
        { .kind = WEIR_HA_SET, .key = "leader", .version = 1, .value = (const uint8_t *)"new", .length = 3 }
    };
    holder_kill(process);
    EXPECT_OUTCOME(ask(world, client, operations, 3), WEIR_HA_OK);
    EXPECT(!ask_one(world, client, WEIR_HA_READ, "candidates/holder", 0, NULL)->entries[0].found);
    struct weir_ha_operation reads[2] = { { .kind = WEIR_HA_READ, .key = "leader" },
        { .kind = WEIR_HA_READ, .key = "candidates/holder" } };
    answer = ask(world, client, reads, 2);
    EXPECT(answer->entry_count == 2 && value_is(&answer->entries[0], "new") && !answer->entries[1].found);
}

static void keys_that_are_none_are_refused(struct world *world)
{
    struct client *client = client_open(world);
    const char *const keys[] = { "", "/leader", "jobs/", "jobs//1", "../other", "jobs/../leader" };
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(keys); i++)
        EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_CREATE, keys[i], 0, "x"), WEIR_HA_UNAVAILABLE);
}

/* A process whose loop hangs loses its session, though threads of its driver live on; woken, it is told. */
static void a_loop_that_hangs_loses_its_session(struct world *world)
{
    struct client *owner = client_open(world), *other = client_open(world);
    EXPECT_OUTCOME(ask_one(world, owner, WEIR_HA_CREATE_EPHEMERAL, "candidates/a", 0, "x"), WEIR_HA_OK);
    owner->silent = true;
    EXPECT(is_gone(world, other, "candidates/a", HANG_SECONDS));
    owner->state_count = 0;
    owner->silent = false;
    EXPECT(await_state(world, owner, WEIR_HA_CONNECTED, HANG_SECONDS));
    bool lost = false;
    for (uint32_t i = 0; i < owner->state_count; i++) lost = lost || owner->states[i] == WEIR_HA_LOST;
    EXPECT(lost);
    EXPECT_OUTCOME(
        ask_until_answered(world, owner, WEIR_HA_CREATE_EPHEMERAL, "candidates/a", 0, "y"), WEIR_HA_OK);
}

static void clusters_do_not_see_each_other(struct world *world)
{
    struct client *client = client_open(world);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_CREATE, "leader", 0, "mine"), WEIR_HA_OK);
    size_t length = strlen(world->cluster);
    snprintf(world->cluster + length, sizeof world->cluster - length, "-other");
    struct client *other = client_open(world);
    EXPECT(!ask_one(world, other, WEIR_HA_READ, "leader", 0, NULL)->entries[0].found);
}

static void after_a_close_nothing_is_told(struct world *world)
{
    struct client *client = client_open(world), *other = client_open(world);
    client->driver->watch(client->session, "leader");
    struct weir_ha_operation create = { .kind = WEIR_HA_CREATE, .key = "leader" };
    for (uint32_t i = 0; i < 20; i++) (void)submit(client, &create, 1);
    client_close(world, client); /* a callback afterwards would use what is freed */
    EXPECT(ask_one(world, other, WEIR_HA_READ, "leader", 0, NULL)->outcome == WEIR_HA_OK);
}

#define CASE(name)                \
    {                             \
#name, name, false, false \
    }
#define TRANSACTION(name)        \
    {                            \
#name, name, false, true \
    }
const struct ha_case contract_cases[] = {
    CASE(versions_grow_by_one),
    CASE(without_transactions_no_version_comes_again),
    CASE(what_is_not_there_reads_as_not_found),
    CASE(a_wrong_version_changes_nothing),
    CASE(values_of_any_bytes_and_of_the_largest_size_come_back),
    CASE(a_list_has_the_children_with_their_values),
    CASE(reads_see_what_anybody_was_told_is_written),
    CASE(two_sessions_race_and_one_wins_each_round),
    CASE(one_of_two_creates_wins),
    CASE(requests_of_one_session_apply_in_order),
    CASE(ephemeral_entries_are_seen_and_go_with_an_orderly_end),
    CASE(an_ephemeral_entry_goes_when_it_is_deleted),
    CASE(the_entry_of_a_killed_process_goes_and_its_death_is_told),
    CASE(a_watch_tells_of_coming_changing_and_going),
    CASE(nothing_is_missed_between_watch_and_read),
    CASE(keys_that_are_none_are_refused),
    CASE(a_loop_that_hangs_loses_its_session),
    CASE(clusters_do_not_see_each_other),
    CASE(after_a_close_nothing_is_told),
    TRANSACTION(transactions_apply_whole_or_not_at_all),
    TRANSACTION(a_takeover_removes_the_dead_holder_in_one_transaction),
};
const uint32_t contract_case_count = WEIR_ARRAY_COUNT(contract_cases);
