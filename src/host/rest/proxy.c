/* A standby asks the leader in its client's place. */
#include "host/rest/internal.h"
#include "os/clock.h"
#include <curl/curl.h>
#include <string.h>

/* A leader that hangs is soon not the leader any more: who leads then is asked again. */
enum { CONNECT_TIMEOUT_MS = 500, ANSWER_TIMEOUT_MS = 3000 };

struct proxied {
    struct rest_spool body;
    bool not_leader;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *owner)
{
    struct proxied *proxied = owner;
    return rest__spool_append(bytes, size, count, &proxied->body);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *owner)
{
    static const char name[] = "weir-not-leader:";
    struct proxied *proxied = owner;
    if (size * count >= sizeof name - 1 && strncasecmp(bytes, name, sizeof name - 1) == 0)
        proxied->not_leader = true;
    return size * count;
}

static const char *escaped(CURL *curl, struct rest_request *request, const char *text, bool path)
{
    struct weir_buffer buffer;
    weir_buffer_init(&buffer, request->server->memory, 1 << 16);
    for (const char *at = text; *at;) {
        size_t length = path ? strcspn(at, "/") : strlen(at);
        char *piece = length ? curl_easy_escape(curl, at, (int)length) : NULL;
        if (piece) weir_buffer_append_text(&buffer, piece);
        curl_free(piece);
        at += length;
        if (*at) weir_buffer_append_byte(&buffer, (uint8_t)*at++);
    }
    const char *result = weir_arena_string(&request->arena, weir_buffer_text(&buffer));
    weir_buffer_done(&buffer);
    return result;
}

static const char *url_of(CURL *curl, struct rest_request *request, const char *address)
{
    struct weir_arena *arena = &request->arena;
    const char *url =
        weir_arena_format(arena, "http://%s%s", address, escaped(curl, request, request->url, true));
    for (uint32_t i = 0; i < request->argument_count; i++)
        url = weir_arena_format(arena, "%s%c%s=%s", url, i ? '&' : '?',
            escaped(curl, request, request->arguments[i].name, false),
            escaped(curl, request, request->arguments[i].value, false));
    return url;
}

/* Sent twice it does what it does once: ids of requests see to it, or there is nothing to do twice. */
static bool may_be_repeated(const struct rest_request *request)
{
    return request->method != REST_POST || strcmp(request->route->pattern, "/weir/jobs") == 0;
}

/* A log is sent for as long as it comes. */
static bool may_be_long(const struct rest_request *request)
{
    return strstr(request->route->pattern, "/log") || strstr(request->route->pattern, "/stdout");
}

static CURLcode perform(CURL *curl, struct rest_request *request, const char *url,
    const struct curl_slist *headers, struct proxied *proxied)
{
    static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
    int64_t left_ms = WEIR_MAX(request->deadline_ms - weir_clock_monotonic_ms(), (int64_t)1);
    if (may_be_repeated(request) && !may_be_long(request))
        left_ms = WEIR_MIN(left_ms, (int64_t)ANSWER_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* what "/../" means is the leader's */
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, methods[request->method]);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)WEIR_MIN(left_ms, (int64_t)CONNECT_TIMEOUT_MS));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, proxied);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, proxied);
    if (request->body.length) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.data);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length);
    } else if (request->method == REST_POST) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    }
    return curl_easy_perform(curl);
}

static bool never_arrived(CURLcode code)
{
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

/* Without TLS, which nobody speaks here: its set-up takes megabytes. */
static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_NOTHING);
}

void rest__init_curl(void)
{
    pthread_once(&curl_once, init_curl);
}

bool rest__proxy(struct rest_request *request, const char *address)
{
    rest__init_curl();
    CURL *curl = curl_easy_init();
    if (!curl) return false;
    struct proxied proxied = { .not_leader = false };
    rest__spool_init(&proxied.body, request->server);
    struct curl_slist *headers = curl_slist_append(NULL, "Weir-Proxied: 1");
    headers = curl_slist_append(headers, "Expect:");
    headers =
        curl_slist_append(headers, weir_arena_format(&request->arena, "Content-Type: %s",
                                       request->content_type ? request->content_type : "application/json"));
    CURLcode code = perform(curl, request, url_of(curl, request, address), headers, &proxied);
    bool answered = code == CURLE_OK && !proxied.not_leader;
    if (answered) {
        long status = 0;
        char *type = NULL;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
        rest__answer_spool(request, (unsigned)status, type, &proxied.body);
    } else if (code != CURLE_OK && !never_arrived(code) && !may_be_repeated(request)) {
        answered = true;
        rest__fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "the leader at %s did not answer: %s", address,
            curl_easy_strerror(code));
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    rest__spool_done(&proxied.body);
    return answered;
}
