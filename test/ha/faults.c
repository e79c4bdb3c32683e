/* Drivers with servers: what holds while these are killed, stopped and started, and what their options do. */
#include "harness.h"
#include "os/clock.h"
#include <stdio.h>
#include <string.h>

#define PREFIX "high-availability.zookeeper."

static int obey(struct world *world, const char *verb, uint32_t server)
{
    char line[32];
    snprintf(line, sizeof line, "%s %u", verb, server);
    return servers_obey(world, line);
}

static void all(struct world *world, const char *verb)
{
    for (uint32_t i = 1; i <= world->server_count; i++) obey(world, verb, i);
}

/* The server's address in world->quorum, from 1. */
static const char *address_of(const struct world *world, uint32_t server, char address[64])
{
    const char *at = world->quorum;
    while (--server) at = strchr(at, ',') + 1;
    snprintf(address, 64, "%.*s", (int)strcspn(at, ","), at);
    return address;
}

static struct client *open_at(struct world *world, uint32_t server)
{
    char address[64];
    struct weir_option_value quorum = { PREFIX "quorum", address_of(world, server, address) };
    struct weir_error error = { 0 };
    struct client *client = client_open_with(world, &quorum, 1, &error);
    return client && await_state(world, client, WEIR_HA_CONNECTED, HANG_SECONDS) ? client : NULL;
}

static bool was_in(const struct client *client, enum weir_ha_state state)
{
    for (uint32_t i = 0; i < client->state_count; i++)
        if (client->states[i] == state) return true;
    return false;
}

static void reads_on_followers_see_what_was_written_through_the_leader(struct world *world)
{
    uint32_t leader = (uint32_t)servers_obey(world, "leader");
    EXPECT(leader);
    struct client *writer = open_at(world, leader), *readers[SERVERS];
    for (uint32_t i = 0; i < SERVERS; i++) readers[i] = open_at(world, i + 1);
    EXPECT(writer && readers[0] && readers[1] && readers[2]);
    char key[32];
    for (uint32_t i = 0; i < 120; i++) {
        snprintf(key, sizeof key, "jobs/%u", i);
        EXPECT_OUTCOME(ask_one(world, writer, WEIR_HA_CREATE, key, 0, "x"), WEIR_HA_OK);
        /* On a crowded machine a server may be silent for longer than its clients wait. */
        const struct answer *answer =
            ask_until_answered(world, readers[i % SERVERS], WEIR_HA_READ, key, 0, NULL);
        EXPECT_OUTCOME(answer, WEIR_HA_OK);
        EXPECT(answer->entries[0].found);
    }
}

static void a_write_without_an_answer_is_unknown_and_can_be_settled(struct world *world)
{
    struct client *client = client_open(world);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_CREATE, "jobs/1", 0, "first"), WEIR_HA_OK);
    all(world, "pause");
    struct weir_ha_operation set = {
        .kind = WEIR_HA_SET, .key = "jobs/1", .version = 1, .value = (const uint8_t *)"maybe", .length = 5
    };
    struct weir_ha_operation read = { .kind = WEIR_HA_READ, .key = "jobs/1" };
    uint64_t writing = submit(client, &set, 1), reading = submit(client, &read, 1);
    enum weir_ha_outcome write = await(world, client, writing)->outcome;
    enum weir_ha_outcome look = await(world, client, reading)->outcome;
    bool told = await_state(world, client, WEIR_HA_SUSPENDED, HANG_SECONDS);
    /* Nothing is sent to nobody: that is known. */
    enum weir_ha_outcome refused = ask_one(world, client, WEIR_HA_CREATE, "jobs/2", 0, "x")->outcome;
    all(world, "resume");
    EXPECT(told && write == WEIR_HA_UNKNOWN && look == WEIR_HA_UNAVAILABLE && refused == WEIR_HA_UNAVAILABLE);
    EXPECT(await_state(world, client, WEIR_HA_CONNECTED, HANG_SECONDS));
    enum weir_ha_outcome settled;
    do {
        const struct answer *answer = ask_until_answered(world, client, WEIR_HA_SET, "jobs/1", 1, "settled");
        settled = answer->outcome;
    } while (settled == WEIR_HA_UNKNOWN);
    EXPECT(settled == WEIR_HA_OK || settled == WEIR_HA_CONFLICT);
    for (uint32_t i = 0; i < 5; i++) {
        const struct answer *answer = ask_until_answered(world, client, WEIR_HA_READ, "jobs/1", 0, NULL);
        EXPECT_OUTCOME(answer, WEIR_HA_OK);
        EXPECT(answer->entries[0].version == 2);
        EXPECT(value_is(&answer->entries[0], "settled") || value_is(&answer->entries[0], "maybe"));
        EXPECT(value_is(&answer->entries[0], "settled") || settled == WEIR_HA_CONFLICT);
        world_run(world, 0.1);
    }
    EXPECT(!ask_until_answered(world, client, WEIR_HA_READ, "jobs/2", 0, NULL)->entries[0].found);
}

/* One writer of a counter that believes only what it is told. */
struct ledger {
    uint64_t version, number, written, unknown;
    uint64_t request;
    bool settling, wrong;
    char value[32];
};

static void ledger_step(struct client *client, struct ledger *ledger)
{
    struct answer *answer = &client->answers[ledger->request % REQUESTS_MAX];
    if (ledger->request && !answer->done) return;
    if (ledger->request && ledger->settling) {
        if (answer->outcome == WEIR_HA_OK && answer->entry_count == 1) {
            const struct weir_ha_entry *entry = &answer->entries[0];
            bool mine = entry->version == ledger->version + 1 && value_is(entry, ledger->value);
            if (!mine && entry->version != ledger->version) ledger->wrong = true;
            ledger->settling = false;
            if (mine) ledger->version++, ledger->written++;
        }
    } else if (ledger->request) {
        if (answer->outcome == WEIR_HA_OK) {
            if (answer->entries[0].version != ++ledger->version) ledger->wrong = true;
            ledger->written++;
        } else if (answer->outcome == WEIR_HA_UNKNOWN || answer->outcome == WEIR_HA_CONFLICT) {
            /* A try of unknown outcome that was applied late. */
            ledger->unknown += answer->outcome == WEIR_HA_UNKNOWN;
            ledger->settling = true;
        } else if (answer->outcome == WEIR_HA_NOT_FOUND) {
            ledger->wrong = true;
        }
    }
    struct weir_ha_operation operation = { .kind = WEIR_HA_READ, .key = "jobs/ledger" };
    if (!ledger->settling) {
        snprintf(ledger->value, sizeof ledger->value, "%llu", (unsigned long long)++ledger->number);
        operation = (struct weir_ha_operation){ .kind = WEIR_HA_SET,
            .key = "jobs/ledger",
            .version = ledger->version,
            .value = (const uint8_t *)ledger->value,
            .length = strlen(ledger->value) };
    }
    ledger->request = submit(client, &operation, 1);
}

static bool write_until(struct world *world, struct client *client, struct ledger *ledger, uint64_t written)
{
    int64_t end_ms = weir_clock_monotonic_ms() + HANG_SECONDS * 1000;
    while (!ledger->wrong && ledger->written < written && weir_clock_monotonic_ms() < end_ms) {
        ledger_step(client, ledger);
        world_turn(world);
    }
    return !ledger->wrong && ledger->written >= written;
}

static void no_write_is_lost_or_doubled_through_a_rolling_restart(struct world *world)
{
    struct weir_option_value tolerate[2] = { { PREFIX "client.tolerate-suspended-connections", "true" },
        { PREFIX "client.session-timeout", "45000" } };
    struct weir_error error = { 0 };
    struct client *client = client_open(world), *tolerant = client_open_with(world, tolerate, 2, &error);
    EXPECT(tolerant && await_state(world, tolerant, WEIR_HA_CONNECTED, HANG_SECONDS));
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_CREATE, "jobs/ledger", 0, "0"), WEIR_HA_OK);
    struct ledger ledger = { .version = 1 };
    EXPECT(write_until(world, client, &ledger, 50));
    for (uint32_t i = 1; i <= world->server_count; i++) {
        obey(world, "kill", i);
        EXPECT(write_until(world, client, &ledger, ledger.written + 50));
        obey(world, "start", i);
        servers_obey(world, "wait");
        EXPECT(write_until(world, client, &ledger, ledger.written + 50));
    }
    struct client *other = client_open(world);
    while (!client->answers[ledger.request % REQUESTS_MAX].done) world_turn(world);
    const struct answer *answer = ask_until_answered(world, other, WEIR_HA_READ, "jobs/ledger", 0, NULL);
    EXPECT_OUTCOME(answer, WEIR_HA_OK);
    EXPECT(answer->entries[0].version == ledger.version || answer->entries[0].version == ledger.version + 1);
    /* The server that each was connected to has gone once. */
    EXPECT(was_in(client, WEIR_HA_SUSPENDED));
    EXPECT(!was_in(client, WEIR_HA_LOST));
    EXPECT(!was_in(tolerant, WEIR_HA_SUSPENDED));
}

static void a_lost_quorum_is_told_and_work_goes_on_when_it_is_back(struct world *world)
{
    struct client *client = client_open(world), *other = client_open(world);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_CREATE, "leader", 0, "a"), WEIR_HA_OK);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_CREATE_EPHEMERAL, "candidates/me", 0, "m"), WEIR_HA_OK);
    client->driver->watch(client->session, "leader");
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_READ, "leader", 0, NULL), WEIR_HA_OK);
    client->state_count = 0;
    obey(world, "kill", 1);
    obey(world, "kill", 2);
    EXPECT(await_state(world, client, WEIR_HA_SUSPENDED, HANG_SECONDS));
    /* The server that is left may take it, and not say that it has no quorum before that. */
    enum weir_ha_outcome alone = ask_one(world, client, WEIR_HA_SET, "leader", 1, "b")->outcome;
    EXPECT(alone == WEIR_HA_UNAVAILABLE || alone == WEIR_HA_UNKNOWN);
    obey(world, "start", 1);
    servers_obey(world, "wait");
    EXPECT(await_state(world, client, WEIR_HA_CONNECTED, HANG_SECONDS));
    enum weir_ha_outcome outcome;
    do {
        outcome = ask_until_answered(world, other, WEIR_HA_SET, "leader", 1, "c")->outcome;
    } while (outcome == WEIR_HA_UNKNOWN);
    EXPECT(outcome == WEIR_HA_OK || outcome == WEIR_HA_CONFLICT);
    /* A watch outlives the break. */
    EXPECT(await_change(world, client, "leader", HANG_SECONDS));
    const struct answer *answer = ask_until_answered(world, other, WEIR_HA_READ, "candidates/me", 0, NULL);
    EXPECT_OUTCOME(answer, WEIR_HA_OK);
    EXPECT(answer->entries[0].found || was_in(client, WEIR_HA_LOST));
}

static void ten_thousand_entries_are_listed(struct world *world)
{
    enum { ENTRIES = 10000, BATCH = 250 };
    struct client *client = client_open(world);
    uint64_t requests[BATCH];
    char key[64];
    for (uint32_t i = 0; i < ENTRIES; i += BATCH) {
        for (uint32_t k = 0; k < BATCH; k++) {
            snprintf(key, sizeof key, "jobs/%032x", i + k);
            struct weir_ha_operation create = {
                .kind = WEIR_HA_CREATE, .key = key, .value = (const uint8_t *)key, .length = strlen(key)
            };
            requests[k] = submit(client, &create, 1);
        }
        for (uint32_t k = 0; k < BATCH; k++) EXPECT_OUTCOME(await(world, client, requests[k]), WEIR_HA_OK);
    }
    const struct answer *answer = ask_one(world, client, WEIR_HA_LIST, "jobs", 0, NULL);
    EXPECT_OUTCOME(answer, WEIR_HA_OK);
    EXPECT(answer->entry_count == ENTRIES);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        EXPECT(value_is(&answer->entries[i], answer->entries[i].key));
        sum += answer->entries[i].version;
    }
    EXPECT(sum == ENTRIES);
}

static void a_request_past_the_servers_limit_is_refused(struct world *world)
{
    struct client *client = client_open(world);
    static uint8_t value[WEIR_HA_VALUE_BYTES_MAX + 1];
    struct weir_ha_operation creates[2] = {
        { .kind = WEIR_HA_CREATE, .key = "jobs/1", .value = value, .length = WEIR_HA_VALUE_BYTES_MAX },
        { .kind = WEIR_HA_CREATE, .key = "jobs/2", .value = value, .length = WEIR_HA_VALUE_BYTES_MAX },
    };
    EXPECT_OUTCOME(ask(world, client, creates, 2), WEIR_HA_UNAVAILABLE);
    creates[0].length++;
    EXPECT_OUTCOME(ask(world, client, creates, 1), WEIR_HA_UNAVAILABLE);
    EXPECT(!ask_one(world, client, WEIR_HA_READ, "jobs/1", 0, NULL)->entries[0].found);
    EXPECT(!was_in(client, WEIR_HA_SUSPENDED));
}

static void the_chroot_and_the_root_are_part_of_the_path(struct world *world)
{
    char quorum[300];
    snprintf(quorum, sizeof quorum, "%.250s/some/chroot", world->quorum);
    struct weir_option_value below[2] = { { PREFIX "quorum", quorum }, { PREFIX "path.root", "/weir" } };
    struct weir_option_value whole = { PREFIX "path.root", "/some/chroot/weir" };
    struct weir_error error = { 0 };
    struct client *one = client_open_with(world, below, 2, &error);
    struct client *other = client_open_with(world, &whole, 1, &error), *elsewhere = client_open(world);
    EXPECT(one && await_state(world, one, WEIR_HA_CONNECTED, HANG_SECONDS));
    EXPECT(other && await_state(world, other, WEIR_HA_CONNECTED, HANG_SECONDS));
    EXPECT_OUTCOME(ask_one(world, one, WEIR_HA_CREATE, "leader", 0, "x"), WEIR_HA_OK);
    EXPECT(value_is(&ask_one(world, other, WEIR_HA_READ, "leader", 0, NULL)->entries[0], "x"));
    EXPECT(!ask_one(world, elsewhere, WEIR_HA_READ, "leader", 0, NULL)->entries[0].found);
}

static void what_a_creator_made_is_for_who_has_its_authorization(struct world *world)
{
    struct weir_option_value good[2] = { { PREFIX "client.acl", "creator" },
        { PREFIX "client.authorization", "digest:weir:secret" } };
    struct weir_option_value bad[2] = { { PREFIX "client.acl", "creator" },
        { PREFIX "client.authorization", "'digest:weir:guessed'" } };
    struct weir_error error = { 0 };
    struct client *one = client_open_with(world, good, 2, &error),
                  *same = client_open_with(world, good, 2, &error);
    struct client *stranger = client_open_with(world, bad, 2, &error);
    EXPECT(one && await_state(world, one, WEIR_HA_CONNECTED, HANG_SECONDS));
    EXPECT(same && await_state(world, same, WEIR_HA_CONNECTED, HANG_SECONDS));
    EXPECT(stranger && await_state(world, stranger, WEIR_HA_CONNECTED, HANG_SECONDS));
    EXPECT_OUTCOME(ask_one(world, one, WEIR_HA_CREATE, "leader", 0, "x"), WEIR_HA_OK);
    EXPECT(value_is(&ask_one(world, same, WEIR_HA_READ, "leader", 0, NULL)->entries[0], "x"));
    EXPECT_OUTCOME(ask_one(world, stranger, WEIR_HA_READ, "leader", 0, NULL), WEIR_HA_UNAVAILABLE);
    EXPECT_OUTCOME(ask_one(world, stranger, WEIR_HA_SET, "leader", 1, "y"), WEIR_HA_UNAVAILABLE);
    EXPECT_OUTCOME(ask_one(world, same, WEIR_HA_SET, "leader", 1, "z"), WEIR_HA_OK);
}

static void a_name_that_cannot_be_resolved_keeps_nobody_from_the_others(struct world *world)
{
    char quorum[400];
    snprintf(quorum, sizeof quorum, "no-such-host.invalid:2181,%.250s", world->quorum);
    struct weir_option_value option = { PREFIX "quorum", quorum };
    struct weir_error error = { 0 };
    struct client *client = client_open_with(world, &option, 1, &error);
    EXPECT(client && await_state(world, client, WEIR_HA_CONNECTED, HANG_SECONDS));
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_CREATE, "leader", 0, "x"), WEIR_HA_OK);
}

static void without_a_server_nothing_waits(struct world *world)
{
    struct weir_option_value option = { PREFIX "quorum", "127.0.0.1:9" };
    struct weir_error error = { 0 };
    struct client *client = client_open_with(world, &option, 1, &error);
    EXPECT(client);
    client->driver->watch(client->session, "leader");
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_CREATE, "leader", 0, "x"), WEIR_HA_UNAVAILABLE);
    EXPECT_OUTCOME(ask_one(world, client, WEIR_HA_READ, "leader", 0, NULL), WEIR_HA_UNAVAILABLE);
    EXPECT(client->state_count == 0);
}

static void what_is_wrong_with_the_options_is_said(struct world *world)
{
    static const struct {
        const char *key, *value, *said;
    } wrong[] = {
        { PREFIX "quorum", "", "needs " PREFIX "quorum" },
        { PREFIX "quorum", "/chroot", "needs " PREFIX "quorum" },
        { PREFIX "quorum", "host:", "'host:' is no server" },
        { PREFIX "quorum", "host:99999", "'host:99999' is no server" },
        { PREFIX "quorum", "a:1,,b:2", "'' is no server" },
        { PREFIX "quorum", ":2181", "':2181' is no server" },
        { PREFIX "path.root", "/a/../b", "is no path" },
        { PREFIX "client.acl", "everybody", "expected open or creator" },
        { PREFIX "client.acl", "creator", "needs " PREFIX "client.authorization" },
        { PREFIX "client.authorization", "digest", "expected at most" },
    };
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(wrong); i++) {
        struct weir_option_value option = { wrong[i].key, wrong[i].value };
        struct weir_error error = { 0 };
        EXPECT(!client_open_with(world, &option, 1, &error));
        if (!strstr(error.message, wrong[i].said)) fprintf(stderr, "%s: %s\n", wrong[i].value, error.message);
        EXPECT(strstr(error.message, wrong[i].said));
    }
}

#define CASE(name)               \
    {                            \
#name, name, true, false \
    }
const struct ha_case fault_cases[] = {
    CASE(reads_on_followers_see_what_was_written_through_the_leader),
    CASE(ten_thousand_entries_are_listed),
    CASE(a_request_past_the_servers_limit_is_refused),
    CASE(the_chroot_and_the_root_are_part_of_the_path),
    CASE(what_a_creator_made_is_for_who_has_its_authorization),
    CASE(a_name_that_cannot_be_resolved_keeps_nobody_from_the_others),
    CASE(without_a_server_nothing_waits),
    CASE(what_is_wrong_with_the_options_is_said),
    CASE(a_write_without_an_answer_is_unknown_and_can_be_settled),
    CASE(a_lost_quorum_is_told_and_work_goes_on_when_it_is_back),
    CASE(no_write_is_lost_or_doubled_through_a_rolling_restart),
};
const uint32_t fault_case_count = WEIR_ARRAY_COUNT(fault_cases);
