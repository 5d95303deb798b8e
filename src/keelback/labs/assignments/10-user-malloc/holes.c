/* Takes pages, gives some in the middle back, and takes others that fit into the hole or do not. */
#include "keelback.h"

enum { PAGE = 4096 };

static char *take(size_t count)
{
    char *pages = sys_malloc_pages(count);

    for (size_t page = 0; page < count; page++) {
        if (pages[page * PAGE] != 0 || pages[page * PAGE + PAGE - 1] != 0)
            sys_exit(1);
        pages[page * PAGE] = pages[page * PAGE + PAGE - 1] = (char)(page + 1);
    }
    return pages;
}

int main(void)
{
    char *first = take(6);

    sys_free_pages(first + PAGE, 2);
    char *larger = take(3), *one = take(1), *other = take(1);

    if (larger != first + 6 * PAGE || one != first + PAGE || other != first + 2 * PAGE || first[3 * PAGE] != 4)
        sys_exit(2);
    sys_free_pages(larger, 3);
    sys_free_pages(first + 4 * PAGE, 2);
    sys_free_pages(first, 1);
    if (take(1) != first || take(2) != first + 4 * PAGE)
        sys_exit(3);
    sys_free_pages(first, 6);
    return take(2) == first ? 0 : 4;
}
