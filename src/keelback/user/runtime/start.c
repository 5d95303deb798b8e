/* The first instructions of every program, and its last. */
#include "start.h"

int main(const char *argument);

/* Run main on the argument string that the kernel left on the stack, then exit with its result. */
KEELBACK_START(const char *argument)
{
    NOTE_HANDLES();
    sys_exit(main(argument));
}
