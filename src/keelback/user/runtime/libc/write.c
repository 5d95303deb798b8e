/* write: to the console, which is standard output and standard error; there is no other file. */
#include <errno.h>
#include <unistd.h>

#include "error.h"

enum { MOST_AT_ONCE = 4096 }; /* of puts */

ssize_t write(int file, const void *bytes, size_t count)
{
    if (file != STDOUT_FILENO && file != STDERR_FILENO) {
        errno = EBADF;
        return -1;
    }
    return __unix_result(sys_puts(bytes, count < MOST_AT_ONCE ? count : MOST_AT_ONCE));
}
