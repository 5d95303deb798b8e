/* stdout, and how stdio's bytes come to the console: through the line that print has, so that both are in order. */
#include "console.h"

#undef stdout

FILE __stdout_FILE = {
    .buf = (unsigned char[UNGET]){0} + UNGET,
    .fd = 1,
    .flags = F_PERM | F_NORD,
    .lbf = -1,
    .write = __console_write,
    .seek = __no_seek,
    .close = __no_close,
};
FILE *const stdout = &__stdout_FILE;
FILE *volatile __stdout_used = &__stdout_FILE;
