/* What assert calls where it does not hold. */
#include <assert.h>
#include <stdlib.h>

#include "keelback.h"

_Noreturn void __assert_fail(const char *condition, const char *file, int line, const char *function)
{
    print_flush();
    print(program_name);
    print(": ");
    print(file);
    print(":");
    print_number(line);
    print(": ");
    print(function);
    print(": assertion failed: ");
    print(condition);
    print("\n");
    abort();
}
