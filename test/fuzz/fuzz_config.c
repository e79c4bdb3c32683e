/* Any bytes as config.yaml, flink-conf.yaml or a -D argument: an error or values, never more; what is printed
 * reads back. */
// fuzz-libraries: base config
#define _GNU_SOURCE
#include "base/assert.h"
#include "config/config.h"
#include "support/memory.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_printed_again(const struct weir_config *config, struct weir_memory *memory)
{
    struct weir_buffer text;
    struct weir_error error;
    weir_buffer_init(&text, memory, 64 << 20);
    weir_config_print(config, WEIR_CONFIG_CHANGED, &text);
    struct weir_config *again = weir_config_new(memory);
    enum weir_error_code code =
        weir_config_read_yaml(again, "printed", text.data ? text.data : "", text.length, &error);
    /* A value that had to be redacted may be of another type than text. */
    bool redacted = text.data && memmem(text.data, text.length, "******", 6);
    bool not_utf8 = code && strstr(error.message, "this is no YAML");
    WEIR_ASSERT(code == WEIR_OK || redacted || not_utf8);
    weir_config_free(again);
    weir_buffer_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_test_memory memory;
    struct weir_error error;
    weir_test_memory_init(&memory);
    struct weir_config *config = weir_config_new(&memory.base);
    if (size && data[0] % 3 == 0) {
        (void)weir_config_read_yaml(config, "fuzz.yaml", (const char *)data + 1, size - 1, &error);
    } else if (size && data[0] % 3 == 1) {
        (void)weir_config_read_flat(config, "fuzz-conf.yaml", (const char *)data + 1, size - 1, &error);
    } else if (size) {
        char *argument = malloc(size);
        memcpy(argument, data + 1, size - 1);
        argument[size - 1] = 0;
        (void)weir_config_read_argument(config, argument, &error);
        free(argument);
    }
    read_printed_again(config, &memory.base);
    weir_config_free(config);
    WEIR_ASSERT(atomic_load(&memory.base.used_bytes) == 0);
    return 0;
}
