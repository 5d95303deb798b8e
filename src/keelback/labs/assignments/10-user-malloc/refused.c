/* Asks for pages that can't be had, and gives back pages that are not taken. */
#include "keelback.h"

enum { PAGE = 4096 };

int main(void)
{
    char *pages = sys_malloc_pages(3);

    sys_malloc_pages(0);
    sys_malloc_pages((size_t)1 << 30);
    sys_malloc_pages(100000);
    sys_malloc_pages(2000);
    sys_free_pages(pages, 0);
    sys_free_pages(pages + 1, 1);
    sys_free_pages(pages, 4);
    sys_free_pages(pages - PAGE, 2);
    sys_free_pages((char *)main, 1);
    sys_free_pages(pages, (size_t)1 << 30);
    sys_free_pages(pages + PAGE, 1);
    sys_free_pages(pages, 3);
    sys_free_pages(pages + PAGE, 1);
    pages[0] = pages[2 * PAGE] = 7;
    return pages[0] == 7 ? 0 : 1;
}
