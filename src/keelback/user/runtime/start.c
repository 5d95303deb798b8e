/* The first instructions of every program, and its last. */
#include "keelback.h"

int main(const char *argument);

/* Run main on the argument string that the kernel left on the stack, then exit with its result. */
__attribute__((__noreturn__)) void _start(const char *argument)
{
    sys_exit(main(argument));
}
