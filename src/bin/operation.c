#include "operation.h"
#include "os/clock.h"
#include "os/process.h"
#include <stdio.h>
#include <string.h>

enum { POLL_FIRST_MS = 20, POLL_LAST_MS = 1000 };

json_t *operation_with_id(json_t *body)
{
    char id[33];
    for (int i = 0; i < 2; i++)
        snprintf(id + 16 * i, 17, "%016llx",
            (unsigned long long)weir_clock_monotonic_ns() * UINT64_C(0x9e3779b97f4a7c15) ^
                (unsigned long long)weir_clock_epoch_us() * UINT64_C(0xbf58476d1ce4e5b9));
    json_object_set_new(body, "triggerId", json_string(id));
    return body;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* The answer's error is one of the request. */
static enum weir_error_code answered(
    enum weir_error_code code, const struct client_response *response, struct weir_error *reterr)
{
    if (code || !response->error[0]) return code;
    return weir_error_set(
        reterr, response->status == 404 ? WEIR_E_NOT_FOUND : WEIR_E_ARGUMENT, "%s", response->error);
}

static enum weir_error_code poll(
    struct client *client, const char *path, json_t **ret, struct weir_error *reterr)
{
    for (int64_t pause_ms = POLL_FIRST_MS;; pause_ms = WEIR_MIN(pause_ms * 3 / 2, (int64_t)POLL_LAST_MS)) {
        struct client_response response;
        enum weir_error_code code = client_get(client, path, &response, reterr);
        code = answered(code, &response, reterr);
        const char *state = code ? "" : text_of(json_object_get(response.json, "status"), "id");
        bool over = strcmp(state, "COMPLETED") == 0;
        if (over) *ret = json_incref(json_object_get(response.json, "operation"));
        client_response_done(&response);
        if (code || over) return code;
        if (weir_os_stop_requested())
            return weir_error_set(reterr, WEIR_E_CANCELED, "Waiting was interrupted; the operation goes on.");
        weir_clock_sleep_ms(pause_ms);
    }
}

enum weir_error_code operation_run(struct client *client, const char *path, const char *poll_path,
    json_t *body, bool detached, char ret_id[33], json_t **ret, struct weir_error *reterr)
{
    struct client_response response;
    enum weir_error_code code = client_send(client, "POST", path, body, &response, reterr);
    code = answered(code, &response, reterr);
    snprintf(ret_id, 33, "%s", code ? "" : text_of(response.json, "request-id"));
    client_response_done(&response);
    if (code) return code;
    *ret = NULL;
    if (detached) {
        *ret = json_object();
        return WEIR_OK;
    }
    char status_path[512];
    snprintf(status_path, sizeof status_path, "%s/%s", poll_path, ret_id);
    code = poll(client, status_path, ret, reterr);
    if (code) return code;
    json_t *cause = json_object_get(*ret, "failure-cause");
    if (!cause) cause = json_object_get(*ret, "failureCause");
    if (!cause) return WEIR_OK;
    weir_error_set(reterr, WEIR_E_INTERNAL, "Caused by: %s", text_of(cause, "stack-trace"));
    json_decref(*ret);
    return WEIR_E_INTERNAL;
}
