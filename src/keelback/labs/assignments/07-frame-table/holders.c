/* Shares pages with children, some of which end before it and some after, and writes to them. */
#include "keelback.h"

static char data[4 * 4096] = {1};

int main(void)
{
    struct ending ending;

    data[4096] = data[2 * 4096] = 1;
    if (sys_fork_child() == 0) {
        data[0] = 2;
        sys_exit(data[4096] - 1);
    }
    int32_t second = sys_fork_child();

    if (second == 0) {
        sys_yield();
        data[4096] = 3;
        sys_exit(0);
    }
    data[2 * 4096] = 4;
    sys_yield();
    data[0] = 5;
    while (sys_wait(ANY_CHILD, &ending) > 0)
        data[3 * 4096]++;
    return data[3 * 4096] == 2 ? 0 : 1;
}
