/* Results of system calls as Unix gives them: -1, and in errno why. */
#include <errno.h>

#include "error.h"

static int error_of(intptr_t result)
{
    switch (result) {
    case ERROR_UNKNOWN_CALL:
        return ENOSYS;
    case ERROR_BAD_ADDRESS:
        return EFAULT;
    case ERROR_OUT_OF_MEMORY:
    case ERROR_TOO_MANY_REGIONS:
    case ERROR_NO_ROOM:
        return ENOMEM;
    case ERROR_NO_PROCESS_SLOT:
        return EAGAIN;
    case ERROR_NO_SUCH_PROGRAM:
    case ERROR_NO_SUCH_LIBRARY:
        return ENOENT;
    case ERROR_NOT_EXECUTABLE:
    case ERROR_NOT_A_LIBRARY:
        return ENOEXEC;
    case ERROR_NO_SUCH_PROCESS:
        return ESRCH;
    case ERROR_NOT_PERMITTED:
        return EPERM;
    case ERROR_NO_CHILD:
        return ECHILD;
    default:
        return EINVAL;
    }
}

intptr_t __unix_result(intptr_t result)
{
    if (!failed(result))
        return result;
    errno = error_of(result);
    return -1;
}
