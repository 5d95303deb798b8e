/* Has a child that leaves in the way that the argument says: 0 exits, 1 lives longer, 2 dies of a fault, 3 is killed. */
#include "keelback.h"

int main(const char *argument)
{
    uint32_t how = number_in(argument, 0);
    int32_t child = sys_fork();

    if (child == 0) {
        if (how == 2)
            *(volatile char *)0 = 1;
        for (int turn = 0; how != 0 && turn < 4; turn++)
            sys_yield();
        sys_exit(0);
    }
    sys_page_alloc((void *)0x200000);
    sys_yield();
    if (how == 3)
        sys_kill(child);
    return 0;
}
