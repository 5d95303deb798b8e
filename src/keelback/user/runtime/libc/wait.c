/* wait and waitpid.  A fault is told as the signal that Unix would have sent. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "error.h"

enum { DIVIDE_ERROR = 0, BREAKPOINT = 3, INVALID_OPCODE = 6, FLOATING_POINT = 16 };

static int signal_of(int32_t vector)
{
    switch (vector) {
    case DIVIDE_ERROR:
    case FLOATING_POINT:
        return SIGFPE;
    case BREAKPOINT:
        return SIGTRAP;
    case INVALID_OPCODE:
        return SIGILL;
    default:
        return SIGSEGV;
    }
}

static int status_of(int32_t child, const struct ending *ending)
{
    if (ending->how == EXITED)
        return (ending->status & 0xff) << 8;
    if (ending->how == FAULTED)
        return signal_of(ending->status);
    return ending->status == child ? SIGABRT : SIGKILL; /* who ends itself has called abort */
}

/* There are no groups of processes, and the kernel can't look without waiting: options other than 0 are EINVAL. */
pid_t waitpid(pid_t id, int *status, int options)
{
    struct ending ending;
    int32_t child;

    if (options != 0 || id == 0 || id < -1) {
        errno = EINVAL;
        return -1;
    }
    child = __unix_result(sys_wait(id, &ending));
    if (child != -1 && status != NULL)
        *status = status_of(child, &ending);
    return child;
}

pid_t wait(int *status)
{
    return waitpid(-1, status, 0);
}
