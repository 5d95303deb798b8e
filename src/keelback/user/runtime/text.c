/* Strings, numbers in them, and comparing memory.  What the compiler calls by itself comes with the toolchain. */
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

uint32_t number_in(const char *text, uint32_t otherwise)
{
    uint32_t number = 0;

    if (*text == 0)
        return otherwise;
    for (; *text != 0; text++) {
        if (*text < '0' || *text > '9')
            return otherwise;
        uint32_t digit = (uint32_t)(*text - '0');
        if (number > (UINT32_MAX - digit) / 10)
            return otherwise;
        number = number * 10 + digit;
    }
    return number;
}
