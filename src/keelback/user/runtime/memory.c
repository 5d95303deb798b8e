/*
 * Memory and strings: the functions that a C compiler expects to find, and may call by itself.
 *
 * They use the processor's string instructions rather than loops, because a compiler recognises
 * a loop that copies memory and would turn the body of memcpy into a call of memcpy.
 */
#include "keelback.h"

void *memset(void *to, int value, size_t length)
{
    void *at = to;
    size_t words = length / 4, rest = length % 4;
    uint32_t pattern = (uint8_t)value * 0x01010101u;

    __asm__ volatile("rep stosl" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
    return to;
}

void *memcpy(void *to, const void *from, size_t length)
{
    void *at = to;
    size_t words = length / 4, rest = length % 4;

    __asm__ volatile("rep movsl" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    if ((uintptr_t)to - (uintptr_t)from >= length) /* going up overwrites nothing still unread */
        return memcpy(to, from, length);

    char *last = (char *)to + length - 1;
    const char *source = (const char *)from + length - 1;
    __asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(last), "+S"(source), "+c"(length) : : "cc", "memory");
    return to;
}

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
