/* What stdout and stderr share. */
#include "keelback.h"
#include "stdio_impl.h"

hidden size_t __console_write(FILE *file, const unsigned char *bytes, size_t count);
hidden off_t __no_seek(FILE *file, off_t offset, int from);
hidden int __no_close(FILE *file);
