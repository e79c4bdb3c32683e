#include "submission.h"
#include "control/ids.h"
#include "os/clock.h"
#include "os/memory.h"
#include "os/process.h"
#include "plan/execution_plan.h"
#include "plugins/plugins.h"
#include "session/adapter.h"
#include "session/state_backend.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

enum { POLL_FIRST_MS = 20, POLL_LAST_MS = 500, BEGUN_WAIT_MS_MAX = 60000 };
#define FIXED_JOB_ID "$internal.pipeline.job-id"

/* ---------------------------------------------------------------- settings */

static Weir__RestartStrategy strategy_of(const char *text, bool checkpoints)
{
    static const struct {
        const char *name;
        Weir__RestartStrategy strategy;
    } names[] = { { "none", WEIR__RESTART_STRATEGY__RESTART_NONE },
        { "off", WEIR__RESTART_STRATEGY__RESTART_NONE }, { "disable", WEIR__RESTART_STRATEGY__RESTART_NONE },
        { "fixed-delay", WEIR__RESTART_STRATEGY__RESTART_FIXED_DELAY },
        { "fixeddelay", WEIR__RESTART_STRATEGY__RESTART_FIXED_DELAY },
        { "failure-rate", WEIR__RESTART_STRATEGY__RESTART_FAILURE_RATE },
        { "failurerate", WEIR__RESTART_STRATEGY__RESTART_FAILURE_RATE },
        { "exponential-delay", WEIR__RESTART_STRATEGY__RESTART_EXPONENTIAL_DELAY },
        { "exponentialdelay", WEIR__RESTART_STRATEGY__RESTART_EXPONENTIAL_DELAY } };
    for (size_t i = 0; text && i < WEIR_ARRAY_COUNT(names); i++)
        if (strcasecmp(text, names[i].name) == 0) return names[i].strategy;
    if (text && *text) return WEIR__RESTART_STRATEGY__RESTART_UNSPECIFIED;
    return checkpoints ? WEIR__RESTART_STRATEGY__RESTART_EXPONENTIAL_DELAY
                       : WEIR__RESTART_STRATEGY__RESTART_NONE;
}

static uint64_t milliseconds(const struct weir_config *config, const char *key, int64_t otherwise)
{
    return (uint64_t)WEIR_MAX(weir_config_get_duration_ms(config, key, otherwise), (int64_t)0);
}

static uint32_t count_of(const struct weir_config *config, const char *key, int64_t otherwise)
{
    return (uint32_t)WEIR_MAX(weir_config_get_integer(config, key, otherwise), (int64_t)0);
}

/* "infinite" is a number here. */
static uint32_t attempts_of(const struct weir_config *config, const char *key)
{
    const char *text = weir_config_get_text(config, key, "infinite");
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    return end == text || number >= UINT32_MAX ? UINT32_MAX : (uint32_t)number;
}

static enum weir_error_code set_restart(
    const struct weir_config *config, Weir__JobSettings *settings, struct weir_error *reterr)
{
    const char *text = weir_config_get_text(config, "restart-strategy.type", NULL);
    settings->restart_strategy = strategy_of(text, settings->checkpoint_interval_ms > 0);
    switch (settings->restart_strategy) {
    case WEIR__RESTART_STRATEGY__RESTART_FIXED_DELAY:
        settings->restart_attempts_max = attempts_of(config, "restart-strategy.fixed-delay.attempts");
        settings->restart_delay_ms = milliseconds(config, "restart-strategy.fixed-delay.delay", 1000);
        break;
    case WEIR__RESTART_STRATEGY__RESTART_FAILURE_RATE:
        settings->restart_failures_max =
            count_of(config, "restart-strategy.failure-rate.max-failures-per-interval", 1);
        settings->restart_interval_ms =
            milliseconds(config, "restart-strategy.failure-rate.failure-rate-interval", 60000);
        settings->restart_delay_ms = milliseconds(config, "restart-strategy.failure-rate.delay", 1000);
        break;
    case WEIR__RESTART_STRATEGY__RESTART_EXPONENTIAL_DELAY:
        settings->restart_attempts_max =
            attempts_of(config, "restart-strategy.exponential-delay.attempts-before-reset-backoff");
        settings->restart_delay_ms =
            milliseconds(config, "restart-strategy.exponential-delay.initial-backoff", 1000);
        settings->restart_delay_max_ms =
            milliseconds(config, "restart-strategy.exponential-delay.max-backoff", 60000);
        settings->restart_reset_ms =
            milliseconds(config, "restart-strategy.exponential-delay.reset-backoff-threshold", 3600000);
        settings->restart_multiplier_percent =
            (uint32_t)(weir_config_get_double(
                           config, "restart-strategy.exponential-delay.backoff-multiplier", 1.5) *
                       100);
        settings->restart_jitter_percent =
            (uint32_t)(weir_config_get_double(
                           config, "restart-strategy.exponential-delay.jitter-factor", 0.1) *
                       100);
        break;
    case WEIR__RESTART_STRATEGY__RESTART_UNSPECIFIED:
        return weir_error_set(reterr, WEIR_E_CONFIGURATION,
            "restart-strategy.type: '%s' is none of none, fixed-delay, failure-rate, exponential-delay",
            text);
    default: break;
    }
    return WEIR_OK;
}

static enum weir_error_code make_settings(struct weir_arena *arena,
    const struct weir_session_submission *submission, Weir__JobSettings **ret, struct weir_error *reterr)
{
    static const Weir__ExternalizedRetention retentions[] = {
        WEIR__EXTERNALIZED_RETENTION__DELETE_ON_CANCELLATION,
        WEIR__EXTERNALIZED_RETENTION__RETAIN_ON_CANCELLATION,
        WEIR__EXTERNALIZED_RETENTION__NO_EXTERNALIZED_CHECKPOINTS
    };
    const struct weir_config *config = submission->config;
    Weir__JobSettings *settings = WEIR_PROTO_NEW(arena, Weir__JobSettings, weir__job_settings);
    settings->checkpoint_interval_ms = milliseconds(config, "execution.checkpointing.interval", 0);
    settings->checkpoint_timeout_ms = milliseconds(config, "execution.checkpointing.timeout", 600000);
    settings->checkpoint_min_pause_ms = milliseconds(config, "execution.checkpointing.min-pause", 0);
    settings->checkpoint_max_concurrent =
        count_of(config, "execution.checkpointing.max-concurrent-checkpoints", 1);
    settings->checkpoint_tolerable_failures =
        count_of(config, "execution.checkpointing.tolerable-failed-checkpoints", 0);
    settings->compress_snapshots =
        weir_config_get_boolean(config, "execution.checkpointing.snapshot-compression", false);
    settings->checkpoint_retained = count_of(config, "execution.checkpointing.num-retained", 1);
    settings->externalized_retention = retentions[weir_config_get_enum(
        config, "execution.checkpointing.externalized-checkpoint-retention", 2)];
    /* Empty: the cluster's own. */
    settings->checkpoint_directory =
        client_absolute(arena, weir_config_get_text(config, "execution.checkpointing.dir", ""));
    settings->savepoint_directory =
        client_absolute(arena, weir_config_get_text(config, "execution.checkpointing.savepoint-dir", ""));
    settings->reattach_timeout_ms = milliseconds(config, "weir.jobmanager.reattach-timeout", 10000);
    settings->final_commit_timeout_ms = milliseconds(config, "weir.jobmanager.final-commit-timeout", 60000);
    settings->bounded = submission->batch;
    settings->exactly_once_sinks = true;
    *ret = settings;
    return set_restart(config, settings, reterr);
}

static enum weir_error_code make_restore(struct weir_arena *arena, const struct weir_config *config,
    Weir__RestoreOrigin **ret, struct weir_error *reterr)
{
    enum { CLAIM_MODE_CLAIM, CLAIM_MODE_NO_CLAIM, CLAIM_MODE_LEGACY };
    const char *path = weir_config_get_text(config, "execution.state-recovery.path", NULL);
    *ret = NULL;
    if (!path || !*path) return WEIR_OK;
    size_t mode = weir_config_get_enum(config, "execution.state-recovery.claim-mode", CLAIM_MODE_NO_CLAIM);
    if (mode == CLAIM_MODE_LEGACY)
        return weir_error_set(reterr, WEIR_E_UNSUPPORTED,
            "the claim mode LEGACY is not implemented; expected CLAIM or NO_CLAIM");
    Weir__RestoreOrigin *restore = WEIR_PROTO_NEW(arena, Weir__RestoreOrigin, weir__restore_origin);
    restore->path = client_absolute(arena, path);
    restore->claim_mode = mode == CLAIM_MODE_CLAIM ? WEIR__CLAIM_MODE__CLAIM : WEIR__CLAIM_MODE__NO_CLAIM;
    restore->allow_non_restored_state =
        weir_config_get_boolean(config, "execution.state-recovery.ignore-unclaimed-state", false);
    *ret = restore;
    return WEIR_OK;
}

/* ---------------------------------------------------------------- sending */

/* What its sinks leave behind when they are killed: the end of the job removes it. */
static void note_uncommitted(struct weir_arena *arena, const struct weir_session_submission *submission,
    const uint8_t id[16], Weir__ExecutionPlan *plan)
{
    char job[33];
    for (int i = 0; i < 16; i++) snprintf(job + 2 * i, 3, "%02x", id[i]);
    for (uint32_t i = 0; i < submission->graph->node_count; i++) {
        const struct weir_plan_node *node = &submission->graph->nodes[i];
        if (node->kind != WEIR_PLAN_SINK) continue;
        const struct weir_connector *connector =
            weir_session_find_connector(&weir_plugins, node->operator_name);
        struct weir_uncommitted_description found = { .directory = NULL };
        const char *uid = weir_plan_node_uid(arena, node);
        if (connector && connector->describe_uncommitted)
            connector->describe_uncommitted(node->spec, job, uid, arena, &found);
        if (found.directory) weir_execution_plan_uncommitted_add(arena, plan, found.directory, found.prefix);
    }
}

static enum weir_error_code make_message(struct weir_arena *arena,
    const struct weir_session_submission *submission, const uint8_t id[16], struct weir_buffer *to,
    struct weir_error *reterr)
{
    Weir__JobSettings *settings;
    Weir__SubmitJob *message = WEIR_PROTO_NEW(arena, Weir__SubmitJob, weir__submit_job);
    enum weir_error_code code = weir_session_state_backend_check(submission->config, reterr);
    if (!code) code = make_settings(arena, submission, &settings, reterr);
    if (!code) code = make_restore(arena, submission->config, &message->restore, reterr);
    if (!code)
        code = weir_execution_plan_make(arena, weir_os_memory(), id, submission->name, submission->graph,
            submission->parallelism, submission->max_parallelism, submission->chaining, settings,
            &message->plan, reterr);
    if (code) return code;
    note_uncommitted(arena, submission, id, message->plan);
    message->job.len = 16;
    message->job.data = (uint8_t *)weir_arena_copy(arena, id, 16);
    weir_proto_encode(&message->base, to);
    if (!to->overflowed) return WEIR_OK;
    return weir_error_set(
        reterr, WEIR_E_ARGUMENT, "the plan of job '%s' is too large to be submitted", submission->name);
}

/* An earlier try whose answer was lost has arrived, and the job has ended since: nobody else could have made
 * its id. */
static bool was_submitted(struct client *client, const char *job, const struct client_response *response)
{
    enum { CONFLICT = 409, FOUND = 200 };
    char path[64];
    struct client_response status;
    struct weir_error ignored;
    if (response->status != CONFLICT) return false;
    snprintf(path, sizeof path, "/jobs/%s/status", job);
    if (client_get(client, path, &status, &ignored)) return false;
    client_response_done(&status);
    return status.status == FOUND;
}

enum weir_error_code submission_send(struct client *client, const struct weir_session_submission *submission,
    char job[33], struct weir_error *reterr)
{
    uint8_t id[16];
    struct weir_job_id fixed;
    while (getrandom(id, sizeof id, 0) != sizeof id) continue;
    bool named = weir_job_id_parse(weir_config_get_text(submission->config, FIXED_JOB_ID, ""), &fixed);
    if (named) memcpy(id, fixed.bytes, sizeof id);
    for (int i = 0; i < 16; i++) snprintf(job + 2 * i, 3, "%02x", id[i]);
    struct weir_arena arena;
    struct weir_buffer bytes;
    struct client_response response = { .status = 0 };
    weir_arena_init(&arena, weir_os_memory());
    weir_buffer_init(&bytes, weir_os_memory(), WEIR_PLAN_BYTES_MAX);
    enum weir_error_code code = make_message(&arena, submission, id, &bytes, reterr);
    if (!code)
        code = client_request(client, "POST", "/weir/jobs", "application/x-protobuf", bytes.data,
            bytes.length, &response, reterr);
    if (!code && response.error[0] && (named || !was_submitted(client, job, &response)))
        code = weir_error_set(
            reterr, WEIR_E_ARGUMENT, "Failed to submit job '%s': %s", submission->name, response.error);
    client_response_done(&response);
    weir_buffer_done(&bytes);
    weir_arena_done(&arena);
    return code;
}

/* ---------------------------------------------------------------- waiting */

static bool read_result(json_t *json, char ret_state[32], int64_t *ret_runtime_ms, struct weir_error *reterr)
{
    json_t *status = json_object_get(json_object_get(json, "status"), "id");
    const char *text = json_string_value(status);
    if (!text || strcmp(text, "COMPLETED") != 0) return false;
    json_t *result = json_object_get(json, "job-execution-result");
    const char *outcome = json_string_value(json_object_get(result, "application-status"));
    const char *cause =
        json_string_value(json_object_get(json_object_get(result, "failure-cause"), "stack-trace"));
    snprintf(ret_state, 32, "%s", !outcome || strcmp(outcome, "SUCCEEDED") == 0 ? "FINISHED" : outcome);
    *ret_runtime_ms = json_integer_value(json_object_get(result, "net-runtime"));
    weir_error_set(reterr, WEIR_E_INTERNAL, "%s", cause ? cause : "");
    return true;
}

enum weir_error_code submission_wait_begun(struct client *client, const char *job, struct weir_error *reterr)
{
    char path[128], state[32];
    int64_t runtime_ms, end_ms = weir_clock_monotonic_ms() + BEGUN_WAIT_MS_MAX;
    snprintf(path, sizeof path, "/jobs/%s/status", job);
    for (int64_t pause_ms = POLL_FIRST_MS;; pause_ms = WEIR_MIN(pause_ms * 3 / 2, (int64_t)POLL_LAST_MS)) {
        struct client_response response;
        enum weir_error_code code = client_get(client, path, &response, reterr);
        const char *now = code ? NULL : json_string_value(json_object_get(response.json, "status"));
        bool waits = now && strcmp(now, "INITIALIZING") == 0;
        bool failed = now && (strcmp(now, "FAILING") == 0 || strcmp(now, "FAILED") == 0);
        client_response_done(&response);
        if (code) return code;
        if (failed) break;
        if (!waits || weir_os_stop_requested() || weir_clock_monotonic_ms() >= end_ms) return WEIR_OK;
        weir_clock_sleep_ms(pause_ms);
    }
    struct weir_error reason = { 0 };
    enum weir_error_code code = submission_wait(client, job, state, &runtime_ms, &reason);
    if (code) return weir_error_set(reterr, code, "%s", reason.message);
    return weir_error_set(
        reterr, WEIR_E_ARGUMENT, "Job with JobID %s has failed.\nCaused by: %s", job, reason.message);
}

bool submission_cancel(struct client *client, const char *job, struct weir_error *reterr)
{
    char path[128];
    struct client_response response;
    snprintf(path, sizeof path, "/jobs/%s?mode=cancel", job);
    if (client_send(client, "PATCH", path, json_object(), &response, reterr)) return false;
    /* 404: it has ended, and is forgotten; 409: it has ended. */
    bool done = !response.error[0] || response.status == 404 || response.status == 409;
    if (!done) weir_error_set(reterr, WEIR_E_IO, "%s", response.error);
    client_response_done(&response);
    return done;
}

enum weir_error_code submission_wait(struct client *client, const char *job, char ret_state[32],
    int64_t *ret_runtime_ms, struct weir_error *reterr)
{
    char path[128];
    snprintf(path, sizeof path, "/jobs/%s/execution-result", job);
    for (int64_t pause_ms = POLL_FIRST_MS;; pause_ms = WEIR_MIN(pause_ms * 3 / 2, (int64_t)POLL_LAST_MS)) {
        struct client_response response;
        enum weir_error_code code = client_get(client, path, &response, reterr);
        if (!code && response.error[0]) code = weir_error_set(reterr, WEIR_E_NOT_FOUND, "%s", response.error);
        bool over = !code && read_result(response.json, ret_state, ret_runtime_ms, reterr);
        client_response_done(&response);
        if (over) return code;
        /* Also when nobody answers just now: who interrupts this wants that carried out, not the reason. */
        if (weir_os_stop_requested())
            return weir_error_set(reterr, WEIR_E_CANCELED, "waiting for job %s was interrupted", job);
        if (code) return code;
        weir_clock_sleep_ms(pause_ms);
    }
}
