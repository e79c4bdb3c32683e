/* Logs and threads: of this JobManager, and of TaskManagers, which are asked for theirs. */
#include "host/rest/internal.h"
#include "os/clock.h"
#include <curl/curl.h>
#include <string.h>

enum { CONNECT_TIMEOUT_MS = 500, LIST_TIMEOUT_MS = 3000 };
static const char plain_text[] = "text/plain; charset=UTF-8";

/* ---------------------------------------------------------------- this process */

static void answer_printed(struct rest_request *request, const struct weir_buffer *json)
{
    request->status = MHD_HTTP_OK;
    request->answer_type = NULL;
    request->answer_bytes = json->length;
    request->answer =
        weir_arena_copy(&request->arena, json->data ? (const char *)json->data : "", json->length);
}

void rest__get_jobmanager_logs(struct rest_request *request)
{
    struct weir_buffer json;
    weir_buffer_init(&json, request->server->memory, WEIR_REST_RESPONSE_BYTES_MAX);
    weir_log_files_print_json(&request->server->logs, &json);
    answer_printed(request, &json);
    weir_buffer_done(&json);
}

void rest__get_thread_dump(struct rest_request *request)
{
    struct weir_buffer json;
    weir_buffer_init(&json, request->server->memory, WEIR_REST_RESPONSE_BYTES_MAX);
    weir_threads_print_json(&json);
    answer_printed(request, &json);
    weir_buffer_done(&json);
}

static enum weir_log_kind kind_of(const struct rest_request *request)
{
    const char *slash = strrchr(request->route->pattern, '/');
    if (rest__parameter(request, "name")) return WEIR_LOG_KIND_NAMED;
    return strcmp(slash, "/stdout") == 0 ? WEIR_LOG_KIND_OUT : WEIR_LOG_KIND_LOG;
}

void rest__get_jobmanager_log(struct rest_request *request)
{
    uint64_t bytes;
    int file = weir_log_files_open(&request->server->logs, kind_of(request), rest__parameter(request, "name"),
        &request->answer_offset, &bytes);
    if (file < 0) {
        rest__fail(request, MHD_HTTP_NOT_FOUND, "This file does not exist in JobManager log dir.");
        return;
    }
    request->status = MHD_HTTP_OK;
    request->answer_type = plain_text;
    request->answer_is_file = true;
    request->answer_file = file;
    request->answer_bytes = bytes;
}

/* ---------------------------------------------------------------- TaskManagers */

/* 0: it has not answered whole, and the request is answered. */
static long fetch(struct rest_request *request, const Weir__TaskManagerSummary *summary, const char *path,
    int64_t most_ms, struct rest_spool *ret)
{
    rest__init_curl();
    CURL *curl = summary->node->rest_address[0] ? curl_easy_init() : NULL;
    int64_t left_ms = WEIR_MAX(request->deadline_ms - weir_clock_monotonic_ms(), (int64_t)1);
    left_ms = WEIR_MIN(left_ms, most_ms);
    CURLcode code = CURLE_COULDNT_CONNECT;
    long status = 0;
    if (curl) {
        curl_easy_setopt(curl, CURLOPT_URL,
            weir_arena_format(&request->arena, "http://%s%s", summary->node->rest_address, path));
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(
            curl, CURLOPT_CONNECTTIMEOUT_MS, (long)WEIR_MIN(left_ms, (int64_t)CONNECT_TIMEOUT_MS));
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, rest__spool_append);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret);
        code = curl_easy_perform(curl);
        if (code == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_cleanup(curl);
    }
    if (code != CURLE_OK)
        rest__fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "TaskManager %s did not answer: %s",
            summary->node->name, curl_easy_strerror(code));
    return status;
}

static void answer_fetched(struct rest_request *request, const char *path)
{
    const Weir__TaskManagerSummary *summary = rest__find_taskmanager(request);
    if (!summary) return;
    struct rest_spool spool;
    rest__spool_init(&spool, request->server);
    long status = fetch(request, summary, path, LIST_TIMEOUT_MS, &spool);
    if (status) rest__answer_spool(request, (unsigned)status, NULL, &spool);
    rest__spool_done(&spool);
}

void rest__get_taskmanager_logs(struct rest_request *request)
{
    answer_fetched(request, "/logs");
}

void rest__get_taskmanager_thread_dump(struct rest_request *request)
{
    answer_fetched(request, "/threads");
}

static const char *log_path_of(struct rest_request *request, enum weir_log_kind kind)
{
    if (kind == WEIR_LOG_KIND_OUT) return "/stdout";
    if (kind == WEIR_LOG_KIND_LOG) return "/log";
    char *name = curl_easy_escape(NULL, rest__parameter(request, "name"), 0);
    const char *path = weir_arena_format(&request->arena, "/log?name=%s", name ? name : "");
    curl_free(name);
    return path;
}

void rest__get_taskmanager_log(struct rest_request *request)
{
    const Weir__TaskManagerSummary *summary = rest__find_taskmanager(request);
    if (!summary) return;
    enum weir_log_kind kind = kind_of(request);
    struct rest_spool spool;
    rest__spool_init(&spool, request->server);
    long status = fetch(request, summary, log_path_of(request, kind), WEIR_REST_REQUEST_TIMEOUT_MS, &spool);
    if (status == MHD_HTTP_OK)
        rest__answer_spool(request, MHD_HTTP_OK, plain_text, &spool);
    else if (status)
        rest__fail(request, MHD_HTTP_NOT_FOUND, "The file %s does not exist on the TaskExecutor.",
            kind == WEIR_LOG_KIND_NAMED ? rest__parameter(request, "name")
            : kind == WEIR_LOG_KIND_OUT ? "STDOUT"
                                        : "LOG");
    rest__spool_done(&spool);
}
