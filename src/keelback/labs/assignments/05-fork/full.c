/* Takes pages and forks until there is no memory for a child, lets all children go, and does it again. */
#include "keelback.h"
#include "own_pages.h"

int main(void)
{
    char *page = FREE_PAGES;

    for (int taken = 0; taken < 50; taken++, page += PAGESIZE)
        if (sys_page_alloc(page) == 0)
            *page = 1;
    for (int round = 0; round < 2; round++) {
        int32_t child;

        while ((child = sys_fork()) > 0)
            ;
        if (child == 0) {
            sys_yield();
            sys_exit(0);
        }
        sys_yield();
        sys_yield();
    }
    return 0;
}
