/* Forks twice; each of the four processes writes to what it inherited, and looks that nobody else did. */
#include "keelback.h"

static int data[2048], untouched;

int main(void)
{
    int own = 1;

    data[0] = 7;
    for (int round = 0; round < 2; round++) {
        int32_t child = sys_fork();

        if (child < 0)
            sys_exit(1);
        own = own * 2 + (child == 0);
        data[0] += own;
        data[1024 + round] = own;
        sys_yield();
    }
    int expected = own < 6 ? own < 5 ? 7 + 2 + 4 : 7 + 2 + 5 : own < 7 ? 7 + 3 + 6 : 7 + 3 + 7;

    if (data[0] != expected || data[1025] != own || untouched != 0)
        sys_panic("somebody else wrote to my memory");
    sys_yield();
    return 0;
}
