/* strtol and its relatives, by musl's own scanner: zig's stop at the digit that is too much, not behind the last. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "intscan.h"
#include "shgetc.h"

static unsigned long long scan(const char *text, char **end, int base, unsigned long long limit)
{
    unsigned long long number;
    FILE file;

    sh_fromstring(&file, text);
    shlim(&file, 0);
    number = __intscan(&file, base, 1, limit);
    if (end != NULL)
        *end = (char *)text + shcnt(&file);
    return number;
}

long strtol(const char *restrict text, char **restrict end, int base)
{
    return (long)scan(text, end, base, 0ul + LONG_MIN);
}

unsigned long strtoul(const char *restrict text, char **restrict end, int base)
{
    return (unsigned long)scan(text, end, base, ULONG_MAX);
}

long long strtoll(const char *restrict text, char **restrict end, int base)
{
    return (long long)scan(text, end, base, 0ull + LLONG_MIN);
}

unsigned long long strtoull(const char *restrict text, char **restrict end, int base)
{
    return scan(text, end, base, ULLONG_MAX);
}

intmax_t strtoimax(const char *restrict text, char **restrict end, int base)
{
    return strtoll(text, end, base);
}

uintmax_t strtoumax(const char *restrict text, char **restrict end, int base)
{
    return strtoull(text, end, base);
}
