/*
 * One-shot watches. A key is watched for coming, changing and going; one that looks like a directory (an
 * empty, lasting node) for its children, too. The library sets them again by itself when it reconnects within
 * the session.
 */
#include "internal.h"
#include <stdio.h>
#include <string.h>

static void tell(struct zookeeper_watch *watch)
{
    if (!watch->armed) return;
    watch->armed = watch->set = false;
    zookeeper_tell_changed(watch->session, watch->key);
}

static void on_event(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    struct zookeeper_watch *watch = context;
    if (type == ZOO_SESSION_EVENT || handle != watch->session->handle) return;
    tell(watch);
}

/* What could not be set is told at once when there is contact, else with the next one. */
static void on_set(struct zookeeper_watch *watch, int rc)
{
    if (rc == ZOK || rc == ZNONODE)
        watch->set = true;
    else if (watch->session->handle && zoo_state(watch->session->handle) == ZOO_CONNECTED_STATE)
        tell(watch);
}

static void on_children(int rc, const struct String_vector *names, const void *data)
{
    /* A node that went meanwhile has told by the other watch. */
}

static void on_exists(int rc, const struct Stat *stat, const void *data)
{
    struct zookeeper_watch *watch = (struct zookeeper_watch *)(uintptr_t)data;
    on_set(watch, rc);
    if (rc != ZOK || stat->ephemeralOwner || stat->dataLength || !watch->armed) return;
    char path[ZOOKEEPER_PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/%s", watch->session->settings.base, watch->key);
    if (zoo_awget_children(watch->session->handle, path, on_event, watch, on_children, watch) != ZOK)
        on_set(watch, ZCONNECTIONLOSS);
}

static struct zookeeper_watch *find(struct weir_ha_session *session, const char *key)
{
    for (uint32_t i = 0; i < session->watch_count; i++)
        if (strcmp(session->watches[i]->key, key) == 0) return session->watches[i];
    struct weir_memory *memory = session->config.memory;
    if (!session->watches)
        session->watches =
            weir_memory_allocate_zeroed(memory, sizeof *session->watches * ZOOKEEPER_WATCHES_MAX);
    if (session->watch_count == ZOOKEEPER_WATCHES_MAX) return NULL;
    struct zookeeper_watch *watch = weir_memory_allocate_zeroed(memory, sizeof *watch);
    watch->session = session;
    snprintf(watch->key, sizeof watch->key, "%s", key);
    session->watches[session->watch_count++] = watch;
    return watch;
}

void zookeeper_watch_arm(struct weir_ha_session *session, const char *key)
{
    struct zookeeper_watch *watch = find(session, key);
    if (!watch) { /* past the maximum: who asks is told to look for itself */
        zookeeper_tell_changed(session, key);
        return;
    }
    if (watch->armed && watch->set) return;
    watch->armed = true;
    watch->set = false;
    char path[ZOOKEEPER_PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/%s", session->settings.base, key);
    if (session->handle && session->told == WEIR_HA_CONNECTED)
        (void)zoo_awexists(session->handle, path, on_event, watch, on_exists, watch);
}

void zookeeper_watches_connected(struct weir_ha_session *session)
{
    for (uint32_t i = 0; i < session->watch_count; i++)
        if (!session->watches[i]->set) tell(session->watches[i]);
}

void zookeeper_watches_session_over(struct weir_ha_session *session)
{
    for (uint32_t i = 0; i < session->watch_count; i++) session->watches[i]->set = false;
}
