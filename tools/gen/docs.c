/* Prints the pages of docs/ that come from tables: weir_docs --list names them, weir_docs PAGE prints one. */
#include "config/config.h"
#include "expr/aggregate.h"
#include "expr/function.h"
#include "os/memory.h"
#include <stdio.h>
#include <string.h>

enum { PAGE_BYTES_MAX = 16 << 20, FAMILIES_MAX = 64 };

/* A cell of a table: '|' would end it, '<' would be a tag. */
static void append_cell(struct weir_buffer *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            weir_buffer_append_text(to, "\\|");
        else if (*text == '<')
            weir_buffer_append_text(to, "&lt;");
        else
            weir_buffer_append_byte(to, *text);
    }
}

static void append_row(struct weir_buffer *to, const char *signature, const char *description)
{
    weir_buffer_append_text(to, "| `");
    for (const char *at = signature; *at; at++) {
        if (*at == '|') weir_buffer_append_byte(to, '\\');
        weir_buffer_append_byte(to, *at);
    }
    weir_buffer_append_text(to, "` | ");
    append_cell(to, description);
    weir_buffer_append_text(to, " |\n");
}

static bool is_shown(const struct weir_function *function)
{
    return function->name[0] != '$' && function->signature && function->signature[0];
}

static void print_family(struct weir_buffer *to, const char *family)
{
    weir_buffer_format(to, "\n## %s\n\n| function | result |\n|---|---|\n", family);
    for (uint32_t i = 0; i < weir_function_count; i++) {
        const struct weir_function *function = &weir_functions[i];
        if (is_shown(function) && strcmp(function->family, family) == 0) {
            append_row(to, function->signature, function->description);
        }
    }
}

static void print_functions(struct weir_buffer *to)
{
    weir_buffer_append_text(to, "# Functions\n"
                                "\n"
                                "This page is generated from `src/expr/functions.def` and "
                                "`src/expr/aggregates.def`; change it there.\n"
                                "\n"
                                "Unless a function says otherwise, a NULL argument gives NULL.\n");
    const char *families[FAMILIES_MAX];
    uint32_t family_count = 0;
    for (uint32_t i = 0; i < weir_function_count; i++) {
        const char *family = weir_functions[i].family;
        bool known = !is_shown(&weir_functions[i]);
        for (uint32_t j = 0; j < family_count && !known; j++) known = strcmp(families[j], family) == 0;
        if (!known && family_count < FAMILIES_MAX) families[family_count++] = family;
    }
    for (uint32_t i = 0; i < family_count; i++) print_family(to, families[i]);
    weir_buffer_append_text(to, "\n## Aggregates\n\n| function | result |\n|---|---|\n");
    for (uint32_t i = 0; i < weir_aggregate_function_count; i++) {
        const struct weir_aggregate_function *function = &weir_aggregate_functions[i];
        if (function->name[0] != '$') append_row(to, function->signature, function->description);
    }
}

static const struct {
    const char *name;
    void (*print)(struct weir_buffer *to);
} pages[] = {
    { "configuration.md", weir_config_print_markdown },
    { "functions.md", print_functions },
};

int main(int argument_count, char **arguments)
{
    if (argument_count == 2 && strcmp(arguments[1], "--list") == 0) {
        for (size_t i = 0; i < WEIR_ARRAY_COUNT(pages); i++) puts(pages[i].name);
        return 0;
    }
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(pages) && argument_count == 2; i++) {
        if (strcmp(arguments[1], pages[i].name) != 0) continue;
        struct weir_buffer text;
        weir_buffer_init(&text, weir_os_memory(), PAGE_BYTES_MAX);
        pages[i].print(&text);
        bool written = !text.overflowed && fwrite(text.data, 1, text.length, stdout) == text.length &&
                       fflush(stdout) == 0;
        weir_buffer_done(&text);
        return written ? 0 : 1;
    }
    fputs("usage: weir_docs --list | PAGE\n", stderr);
    return 2;
}
