/* Strings, and comparing memory.  What the compiler calls by itself comes with the toolchain. */
#include "keelback.h"

int memcmp(const void *left, const void *right, size_t length)
{
    const unsigned char *a = left, *b = right;

    for (size_t i = 0; i < length; i++)
        if (a[i] != b[i])
            return a[i] - b[i];
    return 0;
}

size_t strlen(const char *text)
{
    const char *end = text;

    while (*end != 0)
        end++;
    return (size_t)(end - text);
}
