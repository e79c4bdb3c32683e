/*
 * Functions that read a language of their own - patterns, formats, dates, URLs, Base64, JSON - over any
 * bytes: an answer, NULL or an error. Input: the function (one byte), then up to three arguments with a NUL
 * between. Arguments run as literals, which prepares patterns once, and as columns, which does not: but for
 * regular expressions (their bound on steps counts machine code and interpreter differently) both ways must
 * agree where they give the same type.
 */
// fuzz-libraries: base data expr
#include "base/assert.h"
#include "expr/function.h"
#include "support/memory.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *name;
    uint32_t count;
    bool bounded; /* both ways need not agree */
} functions[] = { { "LIKE", 2, false }, { "LIKE", 3, false }, { "SIMILAR TO", 2, true },
    { "SIMILAR TO", 3, true }, { "REGEXP", 2, true }, { "REGEXP_EXTRACT_ALL", 2, true },
    { "REGEXP_REPLACE", 3, true }, { "REGEXP_COUNT", 2, true }, { "STR_TO_MAP", 3, true },
    { "STR_TO_MAP", 1, false }, { "DATE_FORMAT", 2, false }, { "TO_TIMESTAMP", 1, false },
    { "TO_TIMESTAMP", 2, false }, { "TO_DATE", 1, false }, { "TO_DATE", 2, false },
    { "UNIX_TIMESTAMP", 2, false }, { "TO_TIMESTAMP_LTZ", 2, false }, { "CONVERT_TZ", 3, false },
    { "PRINTF", 2, false }, { "PRINTF", 3, false }, { "PARSE_URL", 2, false }, { "PARSE_URL", 3, false },
    { "URL_DECODE", 1, false }, { "FROM_BASE64", 1, false }, { "INET_ATON", 1, false },
    { "JSON_QUOTE", 1, false }, { "JSON_UNQUOTE", 1, false }, { "SPLIT", 2, false }, { "REPLACE", 3, false },
    { "TRANSLATE", 3, false }, { "INSTR", 2, false }, { "UPPER", 1, false }, { "LOWER", 1, false } };

enum { ARGUMENTS_MAX = 3 };

/* false: an error; else the answer as text. */
static bool run(struct weir_arena *arena, const char *name, struct weir_expr *const *arguments,
    uint32_t count, struct weir_vector *columns, const struct weir_type **type, struct weir_buffer *text)
{
    struct weir_error error;
    struct weir_expr *call;
    struct weir_evaluator *evaluator;
    const struct weir_vector *result;
    struct weir_batch batch = { .row_count = 1, .column_count = count, .columns = columns };
    if (weir_expr_call(arena, name, arguments, count, &call, &error) != WEIR_OK) return false;
    *type = call->type;
    if (weir_evaluator_new(arena, arena->memory, &call, 1, NULL, &evaluator, &error) != WEIR_OK) return false;
    bool good = weir_evaluator_run(evaluator, 0, &batch, &result, &error) == WEIR_OK;
    if (good) weir_value_print(result, 0, WEIR_TEXT_CAST, NULL, text);
    weir_evaluator_free(evaluator);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_buffer as_literals, as_columns;
    weir_test_memory_init(&memory);
    weir_arena_init(&arena, &memory.base);
    weir_buffer_init(&as_literals, &memory.base, 64 << 20);
    weir_buffer_init(&as_columns, &memory.base, 64 << 20);
    uint32_t which = data[0] % WEIR_ARRAY_COUNT(functions), count = functions[which].count;
    const char *at = (const char *)data + 1, *end = (const char *)data + size;
    struct weir_expr *literals[ARGUMENTS_MAX], *references[ARGUMENTS_MAX];
    struct weir_vector columns[ARGUMENTS_MAX];
    for (uint32_t k = 0; k < count; k++) {
        const char *stop = at < end && k + 1 < count ? memchr(at, 0, (size_t)(end - at)) : NULL;
        if (!stop) stop = end;
        struct weir_vector *value = weir_value_string(&arena, at, (size_t)(stop - at));
        literals[k] = weir_expr_literal(&arena, value);
        columns[k] = *value;
        columns[k].encoding = WEIR_ENCODING_FLAT;
        references[k] = weir_expr_column(&arena, k, value->type);
        at = stop < end ? stop + 1 : end;
    }
    const struct weir_type *type, *type_again;
    bool good = run(&arena, functions[which].name, literals, count, columns, &type, &as_literals);
    bool again = run(&arena, functions[which].name, references, count, columns, &type_again, &as_columns);
    /* A literal pattern that is wrong is told before the first argument is looked at, so only answers are
     * compared; and a literal pattern can give the result a precision of its own. */
    if (good && again && !functions[which].bounded && weir_type_equal(type, type_again)) {
        WEIR_ASSERT(as_literals.length == as_columns.length);
        WEIR_ASSERT(memcmp(as_literals.data, as_columns.data, as_literals.length) == 0);
    }
    weir_buffer_done(&as_literals);
    weir_buffer_done(&as_columns);
    weir_arena_done(&arena);
    weir_test_memory_check(&memory);
    return 0;
}
