#include "control/rest/rest.h"

enum weir_rest_decision weir_rest_decide(
    const struct weir_identity *identity, enum weir_rest_request request, bool proxied)
{
    if (request == WEIR_REST_OWN) return WEIR_REST_ANSWER;
    if (identity->epoch) {
        /* H8: no client's write is confirmed; looking is allowed, and says what was known last. */
        return identity->suspended && request == WEIR_REST_WRITE ? WEIR_REST_LATER : WEIR_REST_ANSWER;
    }
    if (proxied || !identity->leader || identity->leader == identity->self) return WEIR_REST_LATER;
    return WEIR_REST_PROXY;
}

enum weir_rest_outcome weir_rest_on_reply(Weir__ReplyCode code, enum weir_rest_request request,
    int64_t first_asked_us, uint32_t tries, int64_t now_us, int64_t *ret_at_us)
{
    if (code != WEIR__REPLY_CODE__REPLY_NOT_LEADER && code != WEIR__REPLY_CODE__REPLY_UNAVAILABLE)
        return WEIR_REST_FINAL;
    int64_t delay_us = WEIR_REST_RETRY_FIRST_US;
    for (uint32_t i = 1; i < tries && delay_us < WEIR_REST_RETRY_LAST_US; i++) delay_us *= 2;
    delay_us = WEIR_MIN(delay_us, (int64_t)WEIR_REST_RETRY_LAST_US);
    if (now_us + delay_us - first_asked_us > WEIR_REST_RETRY_MAX_US) return WEIR_REST_GIVE_UP;
    *ret_at_us = now_us + delay_us;
    return WEIR_REST_ASK_AGAIN;
}

uint32_t weir_rest_status(Weir__ReplyCode code, bool accepted)
{
    switch (code) {
    case WEIR__REPLY_CODE__REPLY_OK: return accepted ? 202 : 200;
    case WEIR__REPLY_CODE__REPLY_NOT_FOUND: return 404;
    case WEIR__REPLY_CODE__REPLY_CONFLICT: return 409;
    case WEIR__REPLY_CODE__REPLY_BAD_REQUEST: return 400;
    case WEIR__REPLY_CODE__REPLY_TOO_MANY: return 429;
    case WEIR__REPLY_CODE__REPLY_NOT_LEADER:
    case WEIR__REPLY_CODE__REPLY_UNAVAILABLE: return 503;
    default: return 500;
    }
}
