/* Numbers in the argument string. */
#include "keelback.h"

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
