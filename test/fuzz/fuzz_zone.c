/* Any bytes as a TZif file, and as the text of an offset; whatever was read answers for any moment. */
// fuzz-libraries: base data
#include "base/assert.h"
#include "data/zone.h"
#include "support/memory.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t moments[] = { 0, 1, -1, 1700000000, -5000000000, 4102444800, 253402300799,
        -62135596800 };
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_error error;
    int32_t seconds = 0;
    weir_test_memory_init(&memory);
    weir_arena_init(&arena, &memory.base);
    if (weir_zone_parse_offset((const char *)data, size, &seconds)) {
        WEIR_ASSERT(seconds > -24 * 3600 && seconds < 24 * 3600);
    }
    const struct weir_zone *zone = weir_zone_parse_tzif(&arena, "fuzz", data, size, &error);
    for (size_t i = 0; zone && i < WEIR_ARRAY_COUNT(moments); i++) {
        int32_t offset = weir_zone_offset_at_utc(zone, moments[i]);
        WEIR_ASSERT(offset >= -26 * 3600 && offset <= 26 * 3600);
        (void)weir_zone_offset_at_local(zone, moments[i]);
        (void)weir_zone_local_to_utc_us(zone, weir_zone_utc_to_local_us(zone, moments[i] * 1000000));
    }
    weir_arena_done(&arena);
    WEIR_ASSERT(atomic_load(&memory.base.used_bytes) == 0);
    return 0;
}
