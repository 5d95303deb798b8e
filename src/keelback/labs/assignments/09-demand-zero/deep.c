/* Calls itself so many times, a page of stack each. */
#include "keelback.h"

static uint32_t deep(uint32_t left)
{
    volatile char room[4096];

    room[0] = 1;
    return left == 0 ? 0 : deep(left - 1) + (uint32_t)room[0];
}

int main(const char *argument)
{
    uint32_t depth = number_in(argument, 6);

    return deep(depth) == depth ? 0 : 1;
}
