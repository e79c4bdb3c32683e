/*
 * The embedded HA driver's event loop in tests, turned by the test itself: what the driver posts waits until
 * then. @thread post: any; else the test's.
 */
#ifndef WEIR_TEST_UNIT_PLUGINS_EMBEDDED_LOOP_H
#define WEIR_TEST_UNIT_PLUGINS_EMBEDDED_LOOP_H

#include "support/cmocka_all.h"
#include "support/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/file.h"
#include "spi/high_availability.h"

extern const struct weir_ha_driver weir_ha_embedded;

enum { TURNS_MAX = 100000, TURN_US = 200 }; /* after so many what is waited for has been lost */

struct posted {
    struct posted *next;
    void (*call)(void *argument);
    void *argument;
};

struct loop {
    struct weir_ha_host host;
    struct weir_ha_session *session;
    pthread_mutex_t mutex; /* guards what follows */
    struct posted *first, **last;
    char root[256];
};

static void loop_post(struct weir_ha_host *host, void (*call)(void *argument), void *argument)
{
    struct loop *loop = host->owner;
    struct posted *posted = malloc(sizeof *posted);
    assert_non_null(posted);
    *posted = (struct posted){ .call = call, .argument = argument };
    pthread_mutex_lock(&loop->mutex);
    *loop->last = posted;
    loop->last = &posted->next;
    pthread_mutex_unlock(&loop->mutex);
}

static void loop_turn(struct loop *loop)
{
    pthread_mutex_lock(&loop->mutex);
    struct posted *posted = loop->first, *next;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->mutex);
    for (; posted; posted = next) {
        next = posted->next;
        posted->call(posted->argument);
        free(posted);
    }
}

/* A session in a folder of its own. host: what the test wants to be told; owner and post are filled in. */
static void loop_open(struct loop *loop, const struct weir_ha_host *host)
{
    *loop = (struct loop){ .host = *host, .mutex = PTHREAD_MUTEX_INITIALIZER };
    loop->host.owner = loop;
    loop->host.post = loop_post;
    loop->last = &loop->first;
    const char *parent = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    snprintf(loop->root, sizeof loop->root, "%.200s/weir-embedded-XXXXXX", parent);
    assert_non_null(mkdtemp(loop->root));
    struct weir_ha_config config = {
        .memory = weir_test_memory_shared(), .host = &loop->host, .cluster = "c", .directory = loop->root
    };
    struct weir_error error = { 0 };
    assert_int_equal(weir_ha_embedded.open(&config, &loop->session, &error), WEIR_OK);
}

static void loop_close(struct loop *loop)
{
    weir_ha_embedded.close(loop->session);
    loop_turn(loop); /* what was posted gives its memory back */
    assert_int_equal(weir_directory_remove(loop->root, NULL), WEIR_OK);
}

#endif
