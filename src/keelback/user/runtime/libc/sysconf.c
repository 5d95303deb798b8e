/* sysconf: the size of a page, how many processors there are, and ticks; what else it may be asked nobody knows. */
#include <errno.h>
#include <unistd.h>

#include "keelback.h"

long sysconf(int name)
{
    switch (name) {
    case _SC_PAGESIZE:
        return PAGESIZE;
    case _SC_NPROCESSORS_CONF:
    case _SC_NPROCESSORS_ONLN:
        return 1;
    case _SC_CLK_TCK:
        return TICKS_PER_SECOND;
    default:
        errno = EINVAL;
        return -1;
    }
}
