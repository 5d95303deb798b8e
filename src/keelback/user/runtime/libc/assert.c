/* What assert calls where it does not hold. */
#include <assert.h>
#include <stdlib.h>

#include "keelback.h"

_Noreturn void __assert_fail(const char *condition, const char *file, int line, const char *function)
{
    print_flush();
    __print(__program);
    __print(": ");
    __print(file);
    __print(":");
    __print_decimal((uint32_t)line);
    __print(": ");
    __print(function);
    __print(": assertion failed: ");
    __print(condition);
    __print("\n");
    abort();
}
