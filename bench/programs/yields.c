/* Yields as often as its argument says; with a second one each yield is a switch of address spaces. */
#include "keelback.h"

int main(const char *argument)
{
    for (uint32_t left = number_in(argument, 1); left > 0; left--)
        sys_yield();
    return 0;
}
