/*
 * struct weir_env: the world as an actor sees it. host/ has the real one, sim/ the simulated one. It takes
 * effects (control/effect.h) and, later, answers with events through weir_actor_event(). Nothing fails where
 * it is asked for.
 */
#ifndef WEIR_ENV_ENV_H
#define WEIR_ENV_ENV_H

#include "control/effect.h"

struct weir_env {
    int64_t (*now_us)(struct weir_env *env);  /* monotonic */
    int64_t (*wall_us)(struct weir_env *env); /* UTC */
    uint64_t (*random)(struct weir_env *env);
    /* Every kind but SEND, LOCAL, JOB_START and JOB_STOP. The effect is valid during the call only. */
    void (*execute)(struct weir_env *env, const struct weir_effect *effect);
    /* An encoded envelope for the standing connection to node; lost when there is none. */
    void (*send)(struct weir_env *env, weir_node node, const uint8_t *bytes, size_t length);
    /* False: this process is dead (the simulator killed it between two effects): stop at once, touch nothing.
     */
    bool (*alive)(struct weir_env *env);
};

#endif
