/*
 * Table-driven tests of functions: a case names a function, its arguments as "TYPE:text" (text is cast to
 * TYPE; "TYPE:NULL" is NULL) and the text of the result as CAST(.. AS STRING) gives it, "NULL", or "!" with a
 * part of the error that is expected.
 *
 * Every case runs as literals, as flat columns between rows of NULLs, as constants, as dictionaries, with and
 * without a selection; all must agree, and a failing row that is not selected must not fail the batch.
 */
#ifndef WEIR_TEST_UNIT_EXPR_CASES_H
#define WEIR_TEST_UNIT_EXPR_CASES_H

#include "expr/function.h"
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { CASE_ARGUMENTS_MAX = 6, CASE_ROWS = 7 };

/* All cases of a table are run; what failed is printed and counted. */
static int case_failures;
#define CASE_FAIL(...) (case_failures++, print_error(__VA_ARGS__), print_error("\n"))

#define CASE_TABLE_TEST(name, table)                                                \
    static void name(void **state)                                                  \
    {                                                                               \
        case_failures = 0;                                                          \
        for (size_t i = 0; i < WEIR_ARRAY_COUNT(table); i++) case_run(&(table)[i]); \
        assert_int_equal(case_failures, 0);                                         \
    }

struct function_case {
    const char *function;
    const char *arguments[CASE_ARGUMENTS_MAX];
    const char *expected;
    /* Of the result as weir_type_text gives it; NULL = not tested. "=TYPE": it depends on literals behind the
     * first argument, so these do not vary. */
    const char *type;
};

static inline const struct weir_type *case_type(struct weir_arena *arena, const char **text);

static inline bool case_word(const char **text, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*text, word, length) != 0) return false;
    *text += length;
    return true;
}

static inline int case_number(const char **text, int otherwise)
{
    if (**text != '(' && **text != ',') return otherwise;
    char *end;
    int value = (int)strtol(*text + 1, &end, 10);
    *text = *end == ')' ? end + 1 : end;
    return value;
}

static inline const struct weir_type *case_plain_type(struct weir_arena *arena, const char **text)
{
    static const struct {
        const char *name;
        enum weir_type_id id;
    } simple[] = { { "BOOLEAN", WEIR_TYPE_BOOLEAN }, { "TINYINT", WEIR_TYPE_TINYINT },
        { "SMALLINT", WEIR_TYPE_SMALLINT }, { "INTERVAL DAY", WEIR_TYPE_INTERVAL_DAY_TIME },
        { "INTERVAL MONTH", WEIR_TYPE_INTERVAL_YEAR_MONTH }, { "INT", WEIR_TYPE_INT },
        { "BIGINT", WEIR_TYPE_BIGINT }, { "FLOAT", WEIR_TYPE_FLOAT }, { "DOUBLE", WEIR_TYPE_DOUBLE },
        { "DATE", WEIR_TYPE_DATE } };
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(simple); i++) {
        if (!case_word(text, simple[i].name)) continue;
        if (simple[i].id == WEIR_TYPE_INTERVAL_DAY_TIME)
            return weir_type_interval(arena, WEIR_INTERVAL_UNIT_DAY, true);
        if (simple[i].id == WEIR_TYPE_INTERVAL_YEAR_MONTH)
            return weir_type_interval(arena, WEIR_INTERVAL_UNIT_MONTH, true);
        return weir_type_of(simple[i].id);
    }
    if (case_word(text, "STRING")) return &weir_type_string;
    if (case_word(text, "BYTES")) return &weir_type_bytes;
    if (case_word(text, "DECIMAL")) {
        int precision = case_number(text, 10), scale = case_number(text, 0);
        return weir_type_decimal(arena, (uint8_t)precision, (uint8_t)scale, true);
    }
    if (case_word(text, "CHAR"))
        return weir_type_with_length(arena, WEIR_TYPE_CHAR, case_number(text, 1), true);
    if (case_word(text, "VARCHAR"))
        return weir_type_with_length(arena, WEIR_TYPE_VARCHAR, case_number(text, 1), true);
    if (case_word(text, "BINARY"))
        return weir_type_with_length(arena, WEIR_TYPE_BINARY, case_number(text, 1), true);
    if (case_word(text, "VARBINARY"))
        return weir_type_with_length(arena, WEIR_TYPE_VARBINARY, case_number(text, 1), true);
    enum weir_type_id id = WEIR_TYPE_TIME;
    if (case_word(text, "TIMESTAMP_LTZ")) {
        id = WEIR_TYPE_TIMESTAMP_LTZ;
    } else if (case_word(text, "TIMESTAMP")) {
        id = WEIR_TYPE_TIMESTAMP;
    } else if (!case_word(text, "TIME")) {
        fail_msg("unknown type in a case: %s", *text);
    }
    return weir_type_with_precision(
        arena, id, (uint8_t)case_number(text, id == WEIR_TYPE_TIME ? 0 : 6), true);
}

static inline const struct weir_type *case_type(struct weir_arena *arena, const char **text)
{
    if (case_word(text, "ARRAY<")) {
        const struct weir_type *element = case_type(arena, text);
        ++*text;
        return weir_type_array(arena, element, true);
    }
    return case_plain_type(arena, text);
}

static inline struct weir_expr *case_cast(
    struct weir_arena *arena, const char *text, const struct weir_type *type)
{
    struct weir_error error;
    struct weir_expr *cast, *string = weir_expr_literal(arena, weir_value_string(arena, text, strlen(text)));
    struct weir_vector *value;
    if (weir_type_is_interval(type)) {
        string = weir_expr_literal(arena, weir_value_bigint(arena, strtoll(text, NULL, 10)));
    }
    if (weir_expr_cast(arena, string, type, false, &cast, &error) != WEIR_OK ||
        weir_expr_fold(arena, arena->memory, cast, NULL, &value, &error) != WEIR_OK) {
        fail_msg("case value %s: %s", text, error.message);
    }
    value->type = weir_type_nullable(arena, value->type, true);
    return weir_expr_literal(arena, value);
}

static inline struct weir_expr *case_literal(struct weir_arena *arena, const char *argument);

/* "@FUNCTION|argument|argument": a call, folded. */
static inline struct weir_expr *case_call(struct weir_arena *arena, const char *text)
{
    struct weir_expr *arguments[8], *call;
    struct weir_vector *value;
    struct weir_error error;
    uint32_t count = 0;
    char *state = NULL;
    const char *name = strtok_r(weir_arena_string(arena, text), "|", &state);
    for (char *item; count < 8 && (item = strtok_r(NULL, "|", &state));) {
        arguments[count++] = case_literal(arena, item);
    }
    if (weir_expr_call(arena, name, arguments, count, &call, &error) != WEIR_OK ||
        weir_expr_fold(arena, arena->memory, call, NULL, &value, &error) != WEIR_OK) {
        fail_msg("case value %s: %s", text, error.message);
    }
    value->type = weir_type_nullable(arena, value->type, true);
    return weir_expr_literal(arena, value);
}

/* "TYPE:text"; arrays as "ARRAY<TYPE>:a|b|NULL". */
static inline struct weir_expr *case_literal(struct weir_arena *arena, const char *argument)
{
    const char *text = argument;
    if (*text == '@') return case_call(arena, text + 1);
    const struct weir_type *type = case_type(arena, &text);
    assert_int_equal(*text, ':');
    text++;
    if (strcmp(text, "NULL") == 0) return weir_expr_null(arena, type);
    if (type->id != WEIR_TYPE_ARRAY) return case_cast(arena, text, type);
    struct weir_vector *v = WEIR_ARENA_NEW(arena, struct weir_vector);
    weir_vector_init(v, type, 1, arena);
    char *copy = weir_arena_string(arena, text), *state = NULL;
    for (char *item = strtok_r(copy, "|", &state); item; item = strtok_r(NULL, "|", &state)) {
        weir_vector_reserve_children(v, 1, arena);
        uint32_t row = v->child_rows++;
        if (strcmp(item, "NULL") == 0) {
            weir_vector_set_null(&v->children[0], row, arena);
        } else {
            weir_vector_gather(&v->children[0], row, case_cast(arena, item, type->children[0])->literal, NULL,
                1, arena, NULL);
        }
    }
    ((struct weir_list *)v->data)[0] = (struct weir_list){ 0, v->child_rows };
    v->encoding = WEIR_ENCODING_CONSTANT;
    return weir_expr_literal(arena, v);
}

static inline char *case_text(struct weir_arena *arena, const struct weir_vector *v, uint32_t row)
{
    struct weir_buffer buffer;
    weir_buffer_init(&buffer, arena->memory, 1 << 20);
    weir_value_print(v, row, WEIR_TEXT_CAST, NULL, &buffer);
    char *text = weir_arena_string(arena, weir_buffer_text(&buffer));
    weir_buffer_done(&buffer);
    return text;
}

/* Rows 1, 3 and 5 hold the value, the others NULL. */
static inline struct weir_vector case_column(
    struct weir_arena *arena, const struct weir_vector *value, enum weir_encoding encoding)
{
    struct weir_vector flat;
    if (encoding == WEIR_ENCODING_CONSTANT) return *value;
    bool dictionary = encoding == WEIR_ENCODING_DICTIONARY;
    const struct weir_type *type = weir_type_nullable(arena, value->type, true);
    weir_vector_init(&flat, type, dictionary ? 2 : CASE_ROWS, arena);
    for (uint32_t row = 0; row < (dictionary ? 2 : CASE_ROWS); row++) {
        if (row % 2) {
            weir_vector_gather(&flat, row, value, NULL, 1, arena, NULL);
        } else {
            weir_vector_set_null(&flat, row, arena);
        }
    }
    if (!dictionary) return flat;
    struct weir_vector *entries = WEIR_ARENA_NEW(arena, struct weir_vector);
    *entries = flat;
    uint32_t *indices = WEIR_ARENA_ARRAY(arena, uint32_t, CASE_ROWS);
    for (uint32_t row = 0; row < CASE_ROWS; row++) indices[row] = row % 2;
    return (struct weir_vector){
        .type = type, .encoding = encoding, .capacity = CASE_ROWS, .indices = indices, .dictionary = entries
    };
}

static inline void case_check(struct weir_arena *arena, const struct function_case *c,
    enum weir_error_code code, const struct weir_vector *result, uint32_t row, const struct weir_error *error,
    const char *form)
{
    char title[256];
    snprintf(title, sizeof title, "%s(%s, %s ..) %s", c->function, c->arguments[0] ? c->arguments[0] : "",
        c->arguments[0] && c->arguments[1] ? c->arguments[1] : "", form);
    bool wants_error = c->expected[0] == '!';
    if (code != WEIR_OK) {
        if (!wants_error || !strstr(error->message, c->expected + 1))
            CASE_FAIL("%s: %s", title, error->message);
        return;
    }
    const char *text = case_text(arena, result, row);
    if (wants_error || strcmp(text, c->expected) != 0)
        CASE_FAIL("%s: is %s, not %s", title, text, c->expected);
}

static inline enum weir_error_code case_run_columns(struct weir_arena *arena, const struct function_case *c,
    struct weir_expr *const *literals, uint32_t count, enum weir_encoding encoding, uint16_t *selection,
    uint32_t selected)
{
    struct weir_error error = { .code = WEIR_OK };
    struct weir_expr *columns[CASE_ARGUMENTS_MAX], *call;
    struct weir_vector vectors[CASE_ARGUMENTS_MAX];
    /* The first argument alone is a column, and then all of them: patterns and formats may be constant or
     * vary. */
    for (uint32_t varying = 1; varying <= count; varying += count > 1 ? count - 1 : 1) {
        for (uint32_t i = 0; i < count; i++) {
            vectors[i] = case_column(arena, literals[i]->literal, encoding);
            columns[i] = i < varying
                             ? weir_expr_column(arena, i, weir_type_nullable(arena, literals[i]->type, true))
                             : literals[i];
        }
        enum weir_error_code code = weir_expr_call(arena, c->function, columns, count, &call, &error);
        struct weir_batch batch = { .row_count = CASE_ROWS,
            .column_count = count,
            .columns = vectors,
            .selection = selection,
            .selected = selected };
        struct weir_evaluator *evaluator = NULL;
        const struct weir_vector *result = NULL;
        if (code == WEIR_OK)
            code = weir_evaluator_new(arena, arena->memory, &call, 1, NULL, &evaluator, &error);
        if (code == WEIR_OK) code = weir_evaluator_run(evaluator, 0, &batch, &result, &error);
        char form[64];
        snprintf(form, sizeof form, "encoding %d, %u varying, %s", encoding, varying,
            selection ? "selection" : "all rows");
        bool selects_value = !selection || selection[0] % 2 || encoding == WEIR_ENCODING_CONSTANT;
        if (selects_value) {
            for (uint32_t row = 1; row < CASE_ROWS; row += 2) {
                if (selection && row != selection[0]) continue;
                case_check(arena, c, code, result, row, &error, form);
            }
        } else if (code != WEIR_OK) {
            CASE_FAIL("%s: a row that is not selected or NULL fails: %s", c->function, error.message);
        }
        weir_evaluator_free(evaluator);
        if (count == 1 || (c->type && c->type[0] == '=')) break;
    }
    return WEIR_OK;
}

static inline void case_run(const struct function_case *c)
{
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_error error = { .code = WEIR_OK };
    weir_test_memory_init(&memory);
    weir_arena_init(&arena, &memory.base);
    struct weir_expr *literals[CASE_ARGUMENTS_MAX], *call;
    struct weir_vector *value = NULL;
    uint32_t count = 0;
    bool any_null = false;
    while (count < CASE_ARGUMENTS_MAX && c->arguments[count]) {
        literals[count] = case_literal(&arena, c->arguments[count]);
        any_null |= weir_vector_is_null(literals[count]->literal, 0);
        count++;
    }
    enum weir_error_code code = weir_expr_call(&arena, c->function, literals, count, &call, &error);
    bool typed = code == WEIR_OK;
    if (typed) code = weir_expr_fold(&arena, &memory.base, call, NULL, &value, &error);
    case_check(&arena, c, code, value, 0, &error, "literals");
    const char *type = typed ? weir_type_text(&arena, call->type) : "";
    if (typed && c->type && strcmp(type, c->type + (c->type[0] == '=')) != 0) {
        CASE_FAIL(
            "%s(%s ..): type %s, not %s", c->function, c->arguments[0] ? c->arguments[0] : "", type, c->type);
    }
    bool deterministic = typed && weir_expr_is_deterministic(call);
    if (typed && count && deterministic) {
        uint16_t value_row[1] = { 3 }, null_row[1] = { 4 };
        for (int encoding = WEIR_ENCODING_FLAT; encoding <= WEIR_ENCODING_DICTIONARY; encoding++) {
            case_run_columns(&arena, c, literals, count, (enum weir_encoding)encoding, NULL, 0);
            case_run_columns(&arena, c, literals, count, (enum weir_encoding)encoding, value_row, 1);
            if (!any_null)
                case_run_columns(&arena, c, literals, count, (enum weir_encoding)encoding, null_row, 1);
        }
    }
    weir_arena_done(&arena);
    weir_test_memory_check(&memory);
}

#endif
