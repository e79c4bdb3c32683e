/* Any bytes as change records of Debezium. */
// fuzz-libraries: base data spi os plugins
#include "format_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return format_run("debezium-json", FORMAT_COLUMNS, data, size);
}
