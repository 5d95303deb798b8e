/* What printf calls of strings, so that a program that only prints does not wait for zig's part, the slowest to build. */
#include <string.h>

void *memchr(const void *memory, int character, size_t length)
{
    const unsigned char *at = memory;

    for (; length > 0; length--, at++)
        if (*at == (unsigned char)character)
            return (void *)at;
    return NULL;
}

size_t strnlen(const char *text, size_t most)
{
    const char *end = memchr(text, 0, most);

    return end == NULL ? most : (size_t)(end - text);
}
