/* One character to a file of stdio's or from it: musl's look at the lock themselves, which `file_locks.c` has. */
#include "stdio_impl.h"

#undef getc
#undef putc
#undef putchar

int fputc(int character, FILE *file)
{
    int result;

    FLOCK(file);
    result = putc_unlocked(character, file);
    FUNLOCK(file);
    return result;
}

int fgetc(FILE *file)
{
    int result;

    FLOCK(file);
    result = getc_unlocked(file);
    FUNLOCK(file);
    return result;
}

int putc(int character, FILE *file)
{
    return fputc(character, file);
}

int putchar(int character)
{
    return fputc(character, stdout);
}

int getc(FILE *file)
{
    return fgetc(file);
}

int _IO_putc(int character, FILE *file) __attribute__((alias("fputc")));
int _IO_getc(FILE *file) __attribute__((alias("fgetc")));
