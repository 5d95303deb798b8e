/* stderr: as stdout, but a line need not end to be written. */
#include "console.h"

#undef stderr

static size_t write_now(FILE *file, const unsigned char *bytes, size_t count)
{
    count = __console_write(file, bytes, count);
    print_flush();
    return count;
}

FILE __stderr_FILE = {
    .buf = (unsigned char[UNGET]){0} + UNGET,
    .fd = 2,
    .flags = F_PERM | F_NORD,
    .lbf = -1,
    .write = write_now,
    .seek = __no_seek,
    .close = __no_close,
};
FILE *const stderr = &__stderr_FILE;
FILE *volatile __stderr_used = &__stderr_FILE;
