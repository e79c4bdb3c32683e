/* The control thread: what it can be made of. */
#define _GNU_SOURCE
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <string.h>

#include "host/control_loop.h"

static enum weir_error_code make(struct weir_memory *memory, const char *host, struct weir_error *reterr)
{
    static const struct weir_control_options options;
    struct weir_control_loop *loop = NULL;
    struct weir_control_loop_config config = { .kind = WEIR_ACTOR_TASKMANAGER,
        .memory = memory,
        .cluster = "c",
        .stop_descriptor = -1,
        .host = host,
        .bind_address = "127.0.0.1",
        .slot_count = 1,
        .options = &options };
    enum weir_error_code code = weir_control_loop_new(&config, &loop, reterr);
    if (!code) weir_control_loop_free(loop);
    return code;
}

/* host:port is the name of a process; a greeting has room for 255 bytes of it, and nobody takes a longer one.
 */
static void a_name_that_is_too_long_is_refused(void **state)
{
    struct weir_test_memory memory;
    struct weir_error error = { 0 };
    weir_test_memory_init(&memory);
    char host[254];
    memset(host, 'h', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    assert_int_equal(make(&memory.base, host, &error), WEIR_E_CONFIGURATION);
    assert_non_null(strstr(error.message, "at most 255"));
    assert_int_equal(make(&memory.base, host + 10, &error), WEIR_OK);
    weir_test_memory_check(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_name_that_is_too_long_is_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
