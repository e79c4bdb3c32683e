#include "base/buffer.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <string.h>

static void appends_and_formats(void **state)
{
    struct weir_test_memory memory;
    weir_test_memory_init(&memory);
    struct weir_buffer buffer;
    weir_buffer_init(&buffer, &memory.base, 1 << 20);
    assert_string_equal(weir_buffer_text(&buffer), "");
    for (int i = 0; i < 1000; i++) weir_buffer_format(&buffer, "%d,", i);
    weir_buffer_append_text(&buffer, "end");
    weir_buffer_append_byte(&buffer, '.');
    assert_int_equal(buffer.length, 10 * 2 + 90 * 3 + 900 * 4 + 4);
    assert_string_equal(weir_buffer_text(&buffer) + buffer.length - 8, "999,end.");
    uint64_t warm = atomic_load(&memory.base.allocation_count);
    weir_buffer_clear(&buffer);
    weir_buffer_append_text(&buffer, "again");
    assert_string_equal(weir_buffer_text(&buffer), "again");
    assert_int_equal(atomic_load(&memory.base.allocation_count), warm);
    weir_buffer_done(&buffer);
    weir_test_memory_check(&memory);
}

static void past_its_maximum_nothing_is_kept(void **state)
{
    struct weir_test_memory memory;
    weir_test_memory_init(&memory);
    struct weir_buffer buffer;
    weir_buffer_init(&buffer, &memory.base, 10);
    weir_buffer_append(&buffer, "0123456789", 10);
    assert_false(buffer.overflowed);
    weir_buffer_append_byte(&buffer, 'x');
    assert_true(buffer.overflowed);
    weir_buffer_append(&buffer, "", 0);
    assert_null(weir_buffer_reserve(&buffer, 0)); /* dropped until it is cleared */
    assert_string_equal(weir_buffer_text(&buffer), "0123456789");
    weir_buffer_clear(&buffer);
    weir_buffer_append_text(&buffer, "ok");
    assert_false(buffer.overflowed);
    assert_string_equal(weir_buffer_text(&buffer), "ok");
    weir_buffer_done(&buffer);
    weir_test_memory_check(&memory);
}

static void what_is_written_is_read(void **state)
{
    static const uint64_t numbers[] = { 0, 1, 127, 128, 300, 1ull << 35, UINT64_MAX };
    struct weir_buffer buffer;
    weir_buffer_init(&buffer, weir_test_memory_shared(), 1000);
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(numbers); i++) weir_buffer_append_varint(&buffer, numbers[i]);
    weir_buffer_append_u32(&buffer, 0xdeadbeef);
    weir_buffer_append_u64(&buffer, 0x0123456789abcdef);
    struct weir_reader reader = { .data = (const uint8_t *)buffer.data, .length = buffer.length };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(numbers); i++)
        assert_true(weir_reader_varint(&reader) == numbers[i]);
    assert_int_equal(weir_reader_u32(&reader), 0xdeadbeef);
    assert_true(weir_reader_u64(&reader) == 0x0123456789abcdef);
    assert_false(reader.failed);
    assert_int_equal(weir_reader_byte(&reader), 0);
    assert_true(reader.failed);
    weir_buffer_done(&buffer);
}

/* Cut anywhere, the reader fails; it never reads on. */
static void truncated_bytes_fail(void **state)
{
    static const uint8_t endless[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    struct weir_reader reader = { .data = endless, .length = sizeof endless };
    weir_reader_varint(&reader);
    assert_true(reader.failed);
    for (size_t length = 0; length < 8; length++) {
        reader = (struct weir_reader){ .data = endless, .length = length };
        assert_true(weir_reader_u64(&reader) == 0 && reader.failed);
        assert_null(weir_reader_bytes(&reader, 0));
        reader = (struct weir_reader){ .data = endless, .length = length };
        assert_true(weir_reader_varint(&reader) == 0 && reader.failed);
    }
    reader = (struct weir_reader){ .data = endless, .length = 4, .offset = 2 };
    assert_null(weir_reader_bytes(&reader, SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_and_formats),
        cmocka_unit_test(past_its_maximum_nothing_is_kept),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(truncated_bytes_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
