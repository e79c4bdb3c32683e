/* What columns cost: hash, gather, append, codec, texts of numbers. Beside memcpy, the floor of all of them.
 */
#include "bench.h"
#include "data/batch.h"
#include "data/decimal.h"
#include "data/number.h"
#include "data/time.h"
#include "data/utf8.h"
#include <string.h>

enum { ROWS = WEIR_BATCH_ROWS_MAX, REPETITIONS = 2000, COLUMNS = 5 };

static volatile uint64_t sink;

static const char *const names[COLUMNS] = { "BIGINT", "INT", "STRING", "DOUBLE", "DECIMAL(38, 2)" };

static void fill(struct weir_batch *b)
{
    b->row_count = ROWS;
    for (uint32_t i = 0; i < ROWS; i++) {
        char text[48];
        int length = snprintf(text, sizeof text, i % 2 ? "%d" : "a longer string %d", rand());
        ((int64_t *)b->columns[0].data)[i] = rand();
        ((int32_t *)b->columns[1].data)[i] = rand();
        ((struct weir_string *)b->columns[2].data)[i] =
            weir_heap_writer_string(&b->heap, text, (uint32_t)length);
        ((double *)b->columns[3].data)[i] = rand() % 1000000 / 100.0;
        ((weir_int128 *)b->columns[4].data)[i] = (weir_int128)rand() * rand();
    }
}

static void columns(
    struct weir_batch *b, struct weir_batch *to, const uint32_t *rows, const uint16_t *selection)
{
    static uint64_t hashes[ROWS];
    char name[64];
    for (uint32_t c = 0; c < COLUMNS; c++) {
        const struct weir_vector *v = &b->columns[c];
        double limit = c == 0 ? 1.5 : 0;
        snprintf(name, sizeof name, "hash %s", names[c]);
        BENCH(name, ROWS, REPETITIONS, limit, weir_vector_hash(v, NULL, ROWS, hashes, false));
        snprintf(name, sizeof name, "hash %s, second key column", names[c]);
        BENCH(name, ROWS, REPETITIONS, 0, weir_vector_hash(v, NULL, ROWS, hashes, true));
        snprintf(name, sizeof name, "hash %s, selection", names[c]);
        BENCH(name, ROWS, REPETITIONS, 0, weir_vector_hash(v, selection, ROWS, hashes, false));
        snprintf(name, sizeof name, "gather %s", names[c]);
        BENCH(name, ROWS, REPETITIONS, limit,
            weir_vector_gather(&to->columns[c], 0, v, rows, ROWS, &to->arena, NULL));
        sink += hashes[c];
    }
}

static void batches(struct weir_batch *b, struct weir_batch *to)
{
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, &bench_memory, 1 << 24);
    BENCH("append 5 columns", ROWS, REPETITIONS, 0, {
        weir_batch_reset(to);
        weir_batch_append(to, b, NULL, ROWS);
    });
    BENCH("encode 5 columns", ROWS, REPETITIONS, 0, {
        weir_buffer_clear(&bytes);
        weir_batch_encode(b, &bytes);
    });
    BENCH("decode 5 columns", ROWS, REPETITIONS, 0, {
        weir_batch_reset(to);
        if (weir_batch_decode(to, (const uint8_t *)bytes.data, bytes.length, NULL) != WEIR_OK) abort();
    });
    char *copy = malloc(bytes.length);
    BENCH("memcpy of the encoded bytes", ROWS, REPETITIONS, 0, {
        memcpy(copy, bytes.data, bytes.length);
        sink += (unsigned char)copy[bench_i % 64];
    });
    free(copy);
    weir_buffer_done(&bytes);
}

static void texts(const struct weir_batch *b)
{
    static char printed[ROWS][32];
    static size_t lengths[ROWS];
    const double *values = b->columns[3].data;
    const int64_t *integers = b->columns[0].data;
    double value = 0;
    int64_t integer = 0;
    weir_int128 decimal = 0;
    BENCH("print DOUBLE, two decimals", ROWS, 200, 0, {
        for (uint32_t i = 0; i < ROWS; i++) lengths[i] = weir_double_print(values[i], printed[i]);
    });
    BENCH("parse DOUBLE, two decimals", ROWS, 200, 0, {
        for (uint32_t i = 0; i < ROWS; i++) weir_double_parse(printed[i], lengths[i], &value);
    });
    BENCH("parse DECIMAL(10, 2)", ROWS, 200, 0, {
        for (uint32_t i = 0; i < ROWS; i++) weir_decimal_parse(printed[i], lengths[i], 10, 2, &decimal);
    });
    BENCH("print BIGINT", ROWS, 200, 0, {
        for (uint32_t i = 0; i < ROWS; i++) lengths[i] = weir_i64_print(integers[i], printed[i]);
    });
    BENCH("parse BIGINT", ROWS, 200, 0, {
        for (uint32_t i = 0; i < ROWS; i++)
            weir_i64_parse(printed[i], lengths[i], INT64_MIN, INT64_MAX, &integer);
    });
    BENCH("print TIMESTAMP(3)", ROWS, 200, 0, {
        for (uint32_t i = 0; i < ROWS; i++) {
            struct weir_civil civil = weir_civil_from_us(integers[i] * 1000000);
            lengths[i] = weir_timestamp_print(&civil, ' ', 3, printed[i]);
        }
    });
    struct weir_civil civil = { 0 };
    BENCH("parse TIMESTAMP(3)", ROWS, 200, 0, {
        for (uint32_t i = 0; i < ROWS; i++) {
            weir_timestamp_parse_strict(printed[i], lengths[i], ' ', false, &civil);
            sink += (uint64_t)weir_civil_us(&civil);
        }
    });
    sink += (uint64_t)integer + (uint64_t)value + (uint64_t)decimal;
}

static void utf8(void)
{
    char text[1024];
    memset(text, 'a', sizeof text);
    BENCH("validate ASCII, by byte", sizeof text, 20000, 0, sink += weir_utf8_is_valid(text, sizeof text));
    for (size_t i = 0; i < sizeof text; i += 2) memcpy(text + i, "\xc3\xa4", 2);
    BENCH("validate two-byte letters, by byte", sizeof text, 20000, 0,
        sink += weir_utf8_is_valid(text, sizeof text));
    BENCH("count code points, by byte", sizeof text, 20000, 0, sink += weir_utf8_count(text, sizeof text));
}

int main(void)
{
    struct weir_arena arena;
    struct weir_batch from, to;
    static uint32_t rows[ROWS];
    static uint16_t selection[ROWS];
    weir_arena_init(&arena, &bench_memory);
    const struct weir_type *types[COLUMNS] = { weir_type_of(WEIR_TYPE_BIGINT), weir_type_of(WEIR_TYPE_INT),
        &weir_type_string, weir_type_of(WEIR_TYPE_DOUBLE), weir_type_decimal(&arena, 38, 2, true) };
    weir_batch_init(&from, types, COLUMNS, &bench_memory);
    weir_batch_init(&to, types, COLUMNS, &bench_memory);
    fill(&from);
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i] = (uint32_t)rand() % ROWS;
        selection[i] = (uint16_t)i;
    }
    columns(&from, &to, rows, selection);
    batches(&from, &to);
    texts(&from);
    utf8();
    weir_batch_done(&from);
    weir_batch_done(&to);
    weir_arena_done(&arena);
    return 0;
}
