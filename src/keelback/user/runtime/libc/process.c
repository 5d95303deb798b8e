/* Of <unistd.h>, <sched.h> and <signal.h>: what concerns processes, but for fork and exec. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "error.h"

_Noreturn void _Exit(int status)
{
    sys_exit(status);
}

_Noreturn void _exit(int status)
{
    sys_exit(status);
}

pid_t getpid(void)
{
    return sys_getpid();
}

int sched_yield(void)
{
    return sys_yield();
}

/* There is one signal, the one that can't be caught. */
int kill(pid_t id, int signal)
{
    if (signal != SIGKILL || id <= 0) {
        errno = EINVAL;
        return -1;
    }
    return __unix_result(sys_kill(id));
}
