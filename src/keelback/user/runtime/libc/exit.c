/* exit: what atexit noted, then what stdio still has, where the program uses them. */
#include <stdlib.h>

static void nothing(void)
{
}

void __funcs_on_exit(void) __attribute__((__weak__, alias("nothing")));
void __stdio_exit(void) __attribute__((__weak__, alias("nothing")));

_Noreturn void exit(int status)
{
    __funcs_on_exit();
    __stdio_exit();
    _Exit(status);
}
