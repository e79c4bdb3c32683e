#include "base/assert.h"

void (*weir_assert_hook)(const char *expression, const char *file, int line);

_Noreturn void weir_assert_failed(const char *expression, const char *file, int line)
{
    if (weir_assert_hook) weir_assert_hook(expression, file, line);
    __builtin_trap();
}
