/* Takes pages that it has: one of its own, one of its image, and one that its child has, too. */
#include "keelback.h"

static char data[4096] __attribute__((aligned(4096))) = {1};

int main(void)
{
    char *page = (char *)0x200000;

    sys_page_alloc(page);
    page[0] = 1;
    sys_page_alloc(page);
    if (page[0] != 0)
        sys_exit(1);
    sys_page_alloc(data);
    if (data[0] != 0)
        sys_exit(2);
    if (sys_fork() == 0) {
        sys_page_alloc((void *)0x100000); /* text, which both have; nothing runs after it */
        sys_exit(3);
    }
    sys_yield();
    sys_page_alloc(page);
    return page[0];
}
