/* The ZooKeeper HA driver: of whose death it knows. */
#define _GNU_SOURCE
#include "support/cmocka_all.h"
#include "support/memory.h"

#if __has_include(<zookeeper/zookeeper.h>)

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugins/ha/zookeeper/internal.h"

enum { DESCRIPTORS_MAX = 64, FREE_MAX = 4 };

static uint32_t told;

static void on_post(struct weir_ha_host *host, void (*call)(void *argument), void *argument)
{
    call(argument);
}

static void on_died(struct weir_ha_host *host, const char *key, const uint8_t *value, size_t length)
{
    told++;
}

static struct weir_ha_host host = { .post = on_post, .died = on_died };
static struct weir_ha_session session;

/* Another process of this host, which lives, and its mark. */
static pid_t begin(uint8_t mark[ZOOKEEPER_MARK_BYTES])
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t process = fork();
    assert_true(process >= 0);
    if (!process) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        zookeeper_mark_write(mark);
        if (write(ends[1], mark, ZOOKEEPER_MARK_BYTES) != ZOOKEEPER_MARK_BYTES) _exit(1);
        for (;;) pause();
    }
    assert_int_equal(read(ends[0], mark, ZOOKEEPER_MARK_BYTES), ZOOKEEPER_MARK_BYTES);
    close(ends[0]);
    close(ends[1]);
    told = 0;
    session = (struct weir_ha_session){ .config = { .memory = weir_test_memory_shared(), .host = &host } };
    atomic_store(&session.references, 1);
    pthread_mutex_init(&session.mutex, NULL);
    zookeeper_mark_write(session.mark);
    return process;
}

static void end(pid_t process)
{
    assert_int_equal(kill(process, SIGKILL), 0);
    assert_int_equal(waitpid(process, NULL, 0), process);
}

static void done(void)
{
    zookeeper_kin_done(&session);
    pthread_mutex_destroy(&session.mutex);
}

static void follow(const uint8_t mark[ZOOKEEPER_MARK_BYTES])
{
    zookeeper_kin_follow(&session, "candidates/jm-1", (const uint8_t *)"x", 1, mark);
}

static void who_has_ended_is_told(void **state)
{
    uint8_t mark[ZOOKEEPER_MARK_BYTES];
    end(begin(mark));
    follow(mark);
    assert_int_equal(told, 1);
    assert_int_equal(session.kin_count, 0);
    done();
}

/* Without descriptors nobody has died. */
static void who_cannot_be_looked_at_lives(void **state)
{
    uint8_t mark[ZOOKEEPER_MARK_BYTES];
    pid_t process = begin(mark);
    struct rlimit limits;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limits), 0);
    for (uint32_t i = 0; i < FREE_MAX; i++) {
        int filled[DESCRIPTORS_MAX];
        uint32_t count = 0;
        struct rlimit few = { .rlim_cur = DESCRIPTORS_MAX, .rlim_max = limits.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        while ((filled[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) count++;
        for (uint32_t k = 0; k < i; k++) close(filled[--count]);
        follow(mark);
        while (count) close(filled[--count]);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limits), 0);
        assert_int_equal(told, 0);
    }
    assert_int_equal(session.kin_count, 1);
    end(process);
    done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_ended_is_told),
        cmocka_unit_test(who_cannot_be_looked_at_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* the driver is not built without the library */
}

#endif
