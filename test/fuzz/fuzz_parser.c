/* Any bytes as a script: statements or an error with a place in the text, never more; what is printed parses
 * and prints the same; splitting agrees with parsing. */
// fuzz-libraries: base data expr plan sql
#include "base/assert.h"
#include "sql/parser.h"
#include "support/memory.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct weir_sql_statement *statement, struct weir_buffer *to)
{
    weir_buffer_clear(to);
    weir_sql_print_statement(statement, to);
    WEIR_ASSERT(!to->overflowed);
}

/* Printing puts parentheses around and words between: what came near a limit may pass it then. */
static bool near_a_limit(const struct weir_error *error)
{
    return strstr(error->message, "at most") != NULL;
}

static void check_round_trip(
    struct weir_arena *arena, const struct weir_sql_statement *statement, struct weir_memory *memory)
{
    struct weir_buffer first, second;
    struct weir_error error;
    const struct weir_sql_statement *again;
    size_t offset = 0;
    weir_buffer_init(&first, memory, 64 << 20);
    weir_buffer_init(&second, memory, 64 << 20);
    print(statement, &first);
    enum weir_error_code code =
        weir_sql_parse_statement(arena, first.data, first.length, &offset, &again, &error);
    WEIR_ASSERT(code == WEIR_OK || near_a_limit(&error));
    if (code == WEIR_OK) {
        WEIR_ASSERT(again && offset == first.length && again->kind == statement->kind);
        print(again, &second);
        WEIR_ASSERT(first.length == second.length && memcmp(first.data, second.data, first.length) == 0);
    }
    weir_buffer_done(&first);
    weir_buffer_done(&second);
}

static void check_error(
    const struct weir_error *error, const char *text, size_t size, struct weir_memory *memory)
{
    struct weir_buffer rendered;
    weir_buffer_init(&rendered, memory, 1 << 20);
    WEIR_ASSERT(error->code == WEIR_E_SQL_SYNTAX || error->code == WEIR_E_UNSUPPORTED);
    WEIR_ASSERT(error->line >= 1 && error->column >= 1 && error->message[0]);
    weir_sql_error_render(error, text, size, &rendered);
    WEIR_ASSERT(!rendered.overflowed);
    weir_buffer_done(&rendered);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_test_memory memory;
    struct weir_arena arena;
    const char *text = (const char *)data;
    size_t offset = 0;
    weir_test_memory_init(&memory);
    weir_arena_init(&arena, &memory.base);
    struct weir_sql_script script;
    weir_sql_script_init(&script, text, size);
    for (;;) {
        const struct weir_sql_statement *statement, *same;
        struct weir_error error = { 0 }, same_error = { 0 };
        size_t before = offset, end = offset;
        enum weir_error_code code = weir_sql_parse_statement(&arena, text, size, &offset, &statement, &error);
        WEIR_ASSERT(weir_sql_script_next(&script, &arena, &same, &same_error) == code);
        WEIR_ASSERT(script.offset == offset);
        WEIR_ASSERT(!code || (error.line == same_error.line && error.column == same_error.column));
        WEIR_ASSERT(offset <= size);
        if (code == WEIR_OK && !statement) break;
        WEIR_ASSERT(offset > before);
        enum weir_sql_end found = weir_sql_find_end(text, size, &end);
        WEIR_ASSERT(end == offset);
        WEIR_ASSERT(code || found == WEIR_SQL_END_STATEMENT || found == WEIR_SQL_END_UNFINISHED);
        if (code)
            check_error(&error, text, size, &memory.base);
        else
            check_round_trip(&arena, statement, &memory.base);
    }
    weir_arena_done(&arena);
    WEIR_ASSERT(atomic_load(&memory.base.used_bytes) == 0);
    return 0;
}
