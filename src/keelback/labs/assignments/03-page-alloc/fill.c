/* Takes pages until none is left, takes one again that it has, and ends; the second then has room. */
#include "keelback.h"
#include "own_pages.h"

int main(void)
{
    char *first = FREE_PAGES, *page = first;
    int taken = 0;

    if (sys_getpid() == 2)
        sys_yield();
    while ((uint32_t *)page != STACK_PAGE && sys_page_alloc(page) == 0) {
        *page = 1;
        page += PAGESIZE;
        taken++;
    }
    sys_page_alloc(first);
    sys_yield();
    return taken > 0 ? first[0] : 1;
}
