/* Answers as Flink shapes them: JSON, errors as {"errors":["..."]}. */
#include "host/rest/internal.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

void rest__answer(struct rest_request *request, unsigned status, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(json);
    if (!text) {
        rest__fail(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "Internal server error.");
        return;
    }
    request->status = status;
    request->answer_type = NULL;
    request->answer_bytes = strlen(text);
    request->answer = weir_arena_copy(&request->arena, text, request->answer_bytes);
    free(text);
}

void rest__answer_text(struct rest_request *request, const char *type, const char *text, size_t length)
{
    request->status = MHD_HTTP_OK;
    request->answer_type = type;
    request->answer = weir_arena_copy(&request->arena, text, length);
    request->answer_bytes = length;
}

/* A message may quote bytes of a client that are no text. */
static json_t *text_of(const char *text)
{
    json_t *string = json_string(text);
    return string ? string : json_string("(not printable)");
}

void rest__fail(struct rest_request *request, unsigned status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *text = weir_arena_vformat(&request->arena, format, arguments);
    va_end(arguments);
    rest__answer(request, status, json_pack("{s:[o]}", "errors", text_of(text)));
}

void rest__refuse(struct rest_request *request, const Weir__ClientReply *reply)
{
    unsigned status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    switch (reply->code) {
    case WEIR__REPLY_CODE__REPLY_NOT_FOUND: status = MHD_HTTP_NOT_FOUND; break;
    case WEIR__REPLY_CODE__REPLY_CONFLICT: status = MHD_HTTP_CONFLICT; break;
    case WEIR__REPLY_CODE__REPLY_BAD_REQUEST: status = MHD_HTTP_BAD_REQUEST; break;
    case WEIR__REPLY_CODE__REPLY_TOO_MANY: status = MHD_HTTP_TOO_MANY_REQUESTS; break;
    default: break;
    }
    const char *job = rest__parameter(request, "jobid");
    const char *application = rest__parameter(request, "applicationid");
    if (status == MHD_HTTP_NOT_FOUND && application)
        rest__fail(request, status, "Application %s not found", application);
    else if (status == MHD_HTTP_NOT_FOUND && job)
        rest__fail(request, status, "Job %s not found", job);
    else
        rest__fail(request, status, "%s", reply->text);
}

json_t *rest__body(struct rest_request *request)
{
    if (!request->body.length) return json_object();
    json_error_t error;
    json_t *body =
        json_loadb((const char *)request->body.data, request->body.length, JSON_REJECT_DUPLICATES, &error);
    if (body && json_is_object(body)) return body;
    rest__fail(request, MHD_HTTP_BAD_REQUEST, "Request did not match expected format: %s",
        body ? "expected a JSON object" : error.text);
    json_decref(body);
    return NULL;
}

static bool is_one_of(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (const char *at = choices; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == length && strncasecmp(at, text, length) == 0) return true;
    return false;
}

bool rest__choice(struct rest_request *request, const json_t *body, const char *name, const char *choices)
{
    const json_t *value = json_object_get(body, name);
    const char *text = json_string_value(value);
    if (!value || json_is_null(value) || (text && is_one_of(choices, text))) return true;
    rest__fail(request, MHD_HTTP_BAD_REQUEST, "Request did not match expected format: %s is one of %s.", name,
        choices);
    return false;
}

static void fill_random(uint8_t id[16])
{
    while (getrandom(id, 16, 0) != 16) continue;
}

bool rest__trigger_id(struct rest_request *request, const json_t *body, uint8_t ret[16])
{
    const json_t *value = json_object_get(body, "triggerId");
    const char *text = json_string_value(value);
    if (!value || json_is_null(value) || (text && !text[0])) {
        fill_random(ret);
        return true;
    }
    if (text && rest__parse_id(text, ret)) return true;
    rest__fail(request, MHD_HTTP_BAD_REQUEST, "triggerId: expected 32 hexadecimal digits%s%s.",
        text ? ", not " : "", text ? text : "");
    return false;
}

bool rest__count(struct rest_request *request, const char *name, uint32_t otherwise, uint32_t *ret)
{
    const char *text = rest__argument(request, name);
    size_t digits = text ? strspn(text, "0123456789") : 0;
    *ret = otherwise;
    if (!text) return true;
    *ret = (uint32_t)strtoul(text, NULL, 10);
    if (digits && digits <= 9 && !text[digits]) return true;
    rest__fail(request, MHD_HTTP_BAD_REQUEST,
        "Cannot resolve query parameter (%s) from value \"%s\": expected a number.", name, text);
    return false;
}
