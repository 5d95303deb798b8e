/* fork. */
#include <unistd.h>

#include "error.h"

pid_t fork(void)
{
    return __unix_result(sys_fork_child());
}
