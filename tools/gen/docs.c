/* Prints the pages of docs/ that come from tables: weir_docs --list names them, weir_docs PAGE prints one. */
#include "config/config.h"
#include "expr/function.h"
#include "os/memory.h"
#include <stdio.h>
#include <string.h>

enum { PAGE_BYTES_MAX = 16 << 20 };

static const struct {
    const char *name;
    void (*print)(struct weir_buffer *to);
} pages[] = {
    { "configuration.md", weir_config_print_markdown },
    { "functions.md", weir_functions_markdown },
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
