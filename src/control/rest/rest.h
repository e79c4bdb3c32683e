/*
 * Who answers a client's request: any JobManager takes it, the leader alone knows. Pure decisions for whoever
 * listens (HTTP, the RPC of clients); nothing here remembers anything.
 *
 * A standby asks the leader in the client's name, because Flink's clients follow no redirect. What was
 * proxied once is not proxied again: two that take each other for the leader would send it to and fro. All
 * requests that change something carry an id of the client's (job or trigger), so asking again is always
 * safe; it is done for at most WEIR_REST_RETRY_MAX_US, which is less than a tombstone lives (4.1).
 */
#ifndef WEIR_CONTROL_REST_REST_H
#define WEIR_CONTROL_REST_REST_H

#include "control/effect.h"

#define WEIR_REST_RETRY_MAX_US (INT64_C(600) * 1000 * 1000)
enum { WEIR_REST_RETRY_FIRST_US = 50 * 1000, WEIR_REST_RETRY_LAST_US = 2000 * 1000 };

enum weir_rest_request {
    WEIR_REST_OWN,  /* about this process: its configuration, log, static files */
    WEIR_REST_READ, /* about the cluster or its jobs */
    WEIR_REST_WRITE /* submit, cancel, stop, savepoint, rescale, shutdown */
};

enum weir_rest_decision {
    WEIR_REST_ANSWER, /* the machines of this process */
    WEIR_REST_PROXY,  /* ask the leader, hand back what it says */
    WEIR_REST_LATER   /* 503: nobody who could answer is known, or nothing may be confirmed now (H8) */
};

/* identity: of a JobManager. proxied: it came from another JobManager. */
enum weir_rest_decision weir_rest_decide(
    const struct weir_identity *identity, enum weir_rest_request request, bool proxied);

/* What becomes of a reply of the one that was asked. */
enum weir_rest_outcome {
    WEIR_REST_FINAL,     /* hand it to the client */
    WEIR_REST_ASK_AGAIN, /* at *ret_at_us, whoever leads then */
    WEIR_REST_GIVE_UP    /* 503 with its text: the client asks again, under the same id */
};
/* code UNAVAILABLE also stands for "no answer, the connection broke". tries: those made, at least 1. */
enum weir_rest_outcome weir_rest_on_reply(Weir__ReplyCode code, enum weir_rest_request request,
    int64_t first_asked_us, uint32_t tries, int64_t now_us, int64_t *ret_at_us);

/* The status of HTTP for it; accepted: what asks for something that happens later (202). */
uint32_t weir_rest_status(Weir__ReplyCode code, bool accepted);

#endif
