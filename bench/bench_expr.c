/* Kernels and the evaluator: CPU time per row of 1,024-row batches. The limits are what the plan of record
 * asks for. */
#include "bench.h"

#include "expr/function.h"

#include <string.h>

enum { ROWS = 1024, REPETITIONS = 2000, TEXT_BYTES = 32 };

enum column { BIGINT_A, BIGINT_B, NULLABLE, INTEGER, REAL, SMALL_DECIMAL, WIDE_DECIMAL, TEXT, COLUMN_COUNT };

static struct weir_arena arena;
static struct weir_batch batch;
static struct weir_expr *columns[COLUMN_COUNT];

static void fill(void)
{
    static char texts[ROWS][TEXT_BYTES];
    static const struct weir_type *types[COLUMN_COUNT];
    types[BIGINT_A] = types[BIGINT_B] = types[NULLABLE] = weir_type_of(WEIR_TYPE_BIGINT);
    types[INTEGER] = weir_type_of(WEIR_TYPE_INT);
    types[REAL] = weir_type_of(WEIR_TYPE_DOUBLE);
    types[SMALL_DECIMAL] = weir_type_decimal(&arena, 10, 2, true);
    types[WIDE_DECIMAL] = weir_type_decimal(&arena, 23, 3, true);
    types[TEXT] = &weir_type_string;
    weir_batch_init(&batch, types, COLUMN_COUNT, &bench_memory);
    batch.row_count = ROWS;
    for (uint32_t i = 0; i < ROWS; i++) {
        ((int64_t *)batch.columns[BIGINT_A].data)[i] = rand() % 1000;
        ((int64_t *)batch.columns[BIGINT_B].data)[i] = rand() % 1000 + 1;
        ((int64_t *)batch.columns[NULLABLE].data)[i] = i;
        if (i % 5 == 0) weir_vector_set_null(&batch.columns[NULLABLE], i, &batch.arena);
        ((int32_t *)batch.columns[INTEGER].data)[i] = rand();
        ((double *)batch.columns[REAL].data)[i] = rand() / 7.0;
        ((int64_t *)batch.columns[SMALL_DECIMAL].data)[i] = rand() % 100000;
        ((weir_int128 *)batch.columns[WIDE_DECIMAL].data)[i] = rand() % 100000;
        uint32_t length = (uint32_t)snprintf(texts[i], TEXT_BYTES, "%d", rand());
        ((struct weir_string *)batch.columns[TEXT].data)[i] = weir_string_view(texts[i], length);
    }
    for (uint32_t c = 0; c < COLUMN_COUNT; c++) columns[c] = weir_expr_column(&arena, c, types[c]);
}

static void fail(const char *name, const struct weir_error *error)
{
    fprintf(stderr, "%s: %s\n", name, error->message);
    exit(1);
}

static struct weir_expr *call(const char *name, struct weir_expr *x, struct weir_expr *y)
{
    struct weir_expr *arguments[2] = { x, y }, *result;
    struct weir_error error;
    if (weir_expr_call(&arena, name, arguments, y ? 2 : 1, &result, &error) != WEIR_OK) fail(name, &error);
    return result;
}

static struct weir_expr *cast(struct weir_expr *of, const struct weir_type *type)
{
    struct weir_expr *result;
    struct weir_error error;
    if (weir_expr_cast(&arena, of, type, false, &result, &error) != WEIR_OK) fail("CAST", &error);
    return result;
}

static struct weir_expr *number(int64_t value)
{
    return weir_expr_literal(&arena, weir_value_bigint(&arena, value));
}

static struct weir_expr *text(const char *value)
{
    return weir_expr_literal(&arena, weir_value_string(&arena, value, strlen(value)));
}

static void run(const char *name, struct weir_expr *expr, bool filter, double limit_ns)
{
    static uint16_t selection[ROWS];
    uint32_t count;
    struct weir_evaluator *evaluator;
    struct weir_error error;
    const struct weir_vector *result;
    enum weir_error_code code = weir_evaluator_new(&arena, &bench_memory, &expr, 1, NULL, &evaluator, &error);
    if (code != WEIR_OK) fail(name, &error);
    BENCH(name, ROWS, REPETITIONS, limit_ns, {
        code = filter ? weir_evaluator_filter(evaluator, 0, &batch, selection, &count, &error)
                      : weir_evaluator_run(evaluator, 0, &batch, &result, &error);
        if (code != WEIR_OK) fail(name, &error);
        weir_evaluator_reset(evaluator);
    });
    weir_evaluator_free(evaluator);
}

static void arithmetic(void)
{
    struct weir_expr *a = columns[BIGINT_A], *b = columns[BIGINT_B];
    struct weir_vector *rate;
    struct weir_expr *rate_cast = cast(text("0.908"), weir_type_decimal(&arena, 3, 3, true));
    weir_expr_fold(&arena, &bench_memory, rate_cast, NULL, &rate, NULL);
    run("BIGINT + BIGINT", call("+", a, b), false, 0.7);
    run("BIGINT + constant", call("+", a, number(7)), false, 0.7);
    run("BIGINT + BIGINT with NULLs", call("+", a, columns[NULLABLE]), false, 0.7);
    run("BIGINT * BIGINT", call("*", a, b), false, 0.7);
    run("BIGINT / BIGINT", call("/", a, b), false, 0);
    run("DOUBLE * DOUBLE", call("*", columns[REAL], columns[REAL]), false, 0.7);
    run("DECIMAL(10,2) + DECIMAL(10,2)", call("+", columns[SMALL_DECIMAL], columns[SMALL_DECIMAL]), false, 0);
    run("DECIMAL(23,3) * DECIMAL(10,2)", call("*", columns[WIDE_DECIMAL], columns[SMALL_DECIMAL]), false, 0);
    run("0.908 * BIGINT", call("*", weir_expr_literal(&arena, rate), a), false, 0);
}

static void conditions(void)
{
    struct weir_expr *a = columns[BIGINT_A], *b = columns[BIGINT_B], *k = number(500), *result;
    struct weir_expr *both[2] = { call(">", a, k), call("<", b, k) };
    struct weir_expr *when_then[2] = { both[0], a }, *values[2] = { columns[NULLABLE], a };
    struct weir_expr *one_of[50];
    for (int i = 0; i < 50; i++) one_of[i] = call("=", a, number(i * 20));
    run("BIGINT = BIGINT", call("=", a, b), false, 0.7);
    run("BIGINT > constant", both[0], false, 0.7);
    run("filter: BIGINT > constant", both[0], true, 0);
    run("filter: BIGINT with NULLs > constant", call(">", columns[NULLABLE], k), true, 0);
    run("filter: a > k AND b < k", weir_expr_and(&arena, both, 2), true, 0);
    run("a > k AND b < k", weir_expr_and(&arena, both, 2), false, 0);
    run("a IN (50 constants)", weir_expr_or(&arena, one_of, 50), false, 0);
    run("string = string", call("=", columns[TEXT], columns[TEXT]), false, 0);
    run("string = constant", call("=", columns[TEXT], text("hello")), false, 0);
    weir_expr_case(&arena, when_then, 1, b, &result, NULL);
    run("CASE WHEN a > k THEN a ELSE b END", result, false, 0);
    weir_expr_coalesce(&arena, values, 2, &result, NULL);
    run("COALESCE(with NULLs, a)", result, false, 0);
    run("IS NULL", call("IS NULL", columns[NULLABLE], NULL), false, 0);
}

static void casts_and_strings(void)
{
    run("CAST(INT AS BIGINT)", cast(columns[INTEGER], weir_type_of(WEIR_TYPE_BIGINT)), false, 0);
    run("CAST(BIGINT AS DECIMAL(10,2))", cast(columns[BIGINT_A], weir_type_decimal(&arena, 10, 2, true)),
        false, 0);
    run("CAST(INT AS STRING)", cast(columns[INTEGER], &weir_type_string), false, 0);
    run("CAST(DOUBLE AS STRING)", cast(columns[REAL], &weir_type_string), false, 0);
    run("CAST(STRING AS INT)", cast(columns[TEXT], weir_type_of(WEIR_TYPE_INT)), false, 0);
    run("CAST(STRING AS DOUBLE)", cast(columns[TEXT], weir_type_of(WEIR_TYPE_DOUBLE)), false, 0);
    run("s LIKE '%77%'", call("LIKE", columns[TEXT], text("%77%")), false, 20);
    run("LOWER(s)", call("LOWER", columns[TEXT], NULL), false, 20);
    run("SUBSTRING(s FROM 3)",
        call("SUBSTRING", columns[TEXT], weir_expr_literal(&arena, weir_value_int(&arena, 3))), false, 20);
    run("SQRT(DOUBLE)", call("SQRT", columns[REAL], NULL), false, 0);
    run("ROUND(DOUBLE)", call("ROUND", columns[REAL], NULL), false, 0);
}

int main(void)
{
    weir_arena_init(&arena, &bench_memory);
    fill();
    arithmetic();
    conditions();
    casts_and_strings();
    weir_batch_done(&batch);
    weir_arena_done(&arena);
    return 0;
}
