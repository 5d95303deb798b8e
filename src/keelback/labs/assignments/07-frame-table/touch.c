/* Writes to pages of its own, the last one first, and to a deep stack. */
#include "keelback.h"

static char data[6 * 4096];

static int deep(int left)
{
    volatile char room[1500];

    room[0] = (char)left;
    return left == 0 ? room[0] : deep(left - 1) + room[0];
}

int main(void)
{
    for (int page = 5; page >= 0; page--)
        data[page * 4096] = 1;
    return deep(8) != 36;
}
