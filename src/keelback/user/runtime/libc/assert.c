/* What assert calls where it does not hold. */
#include <assert.h>
#include <stdlib.h>

#include "keelback.h"

_Noreturn void __assert_fail(const char *condition, const char *file, int line, const char *function)
{
    print_flush();
    __say(__name);
    __say(": ");
    __say(file);
    __say(":");
    __decimal((uint32_t)line);
    __say(": ");
    __say(function);
    __say(": assertion failed: ");
    __say(condition);
    __say("\n");
    abort();
}
