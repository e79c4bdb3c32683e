/* Any bytes as CSV records. */
// fuzz-libraries: base data spi os plugins
#include "format_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return format_run("csv", FORMAT_FLAT_COLUMNS, data, size);
}
