/* Has children again and again, which take pages and exit. */
#include "keelback.h"

int main(void)
{
    for (int round = 0; round < 6; round++) {
        if (sys_fork() == 0) {
            for (int page = 0; page < 4; page++)
                sys_page_alloc((char *)0x200000 + page * 4096);
            sys_exit(0);
        }
        sys_yield();
    }
    return 0;
}
