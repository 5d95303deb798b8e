/* Maps memory, gives it back, and maps it again, some of it in between. */
#include "keelback.h"

int main(void)
{
    for (int round = 0; round < 3; round++) {
        char *pages = sys_map(NULL, 5 * 4096, CAN_WRITE);

        for (int page = 0; page < 5; page++)
            pages[page * 4096] = (char)round;
        sys_unmap(pages + 4096, 2 * 4096);
        char *more = sys_map(NULL, 4096, CAN_WRITE);

        *more = 1;
        sys_unmap(pages, 5 * 4096);
        if (sys_fork_child() == 0)
            sys_exit(0);
        sys_yield();
    }
    return 0;
}
