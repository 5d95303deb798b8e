/* Looks at its argument, keeps its length, and uses its stack, while others do the same. */
#include "keelback.h"

static size_t kept;

int main(const char *argument)
{
    volatile char room[1500];

    while (argument[kept] != 0)
        kept++;
    room[0] = room[1499] = (char)kept;
    sys_yield();
    print(argument);
    print("\n");
    return room[0] == (char)kept && room[1499] == (char)kept ? 0 : 1;
}
