/* sbrk: one piece of memory that grows and shrinks at its end, in malloc pages; its first page comes with the first call. */
#include <errno.h>
#include <unistd.h>

#include "error.h"
#include "sharing.h"

static char *start, *now, *end_of_pages;

static char *page_end(char *address)
{
    return (char *)(((uintptr_t)address + PAGESIZE - 1) / PAGESIZE * PAGESIZE);
}

static void *refuse(void)
{
    errno = ENOMEM;
    return (void *)-1;
}

/* Take the pages up to an end: those that follow, or none. */
static int grow(char *end)
{
    uintptr_t count = (uintptr_t)(end - end_of_pages) / PAGESIZE;
    char *pages = sys_malloc_pages(count);

    if (failed((intptr_t)pages))
        return -1;
    if (pages != end_of_pages) { /* somebody's lie there already */
        sys_free_pages(pages, count);
        return -1;
    }
    end_of_pages = end;
    return 0;
}

/* Take the first page; say whether there was one. */
static int begin(void)
{
    char *page = sys_malloc_pages(1);

    if (failed((intptr_t)page))
        return 0;
    start = now = page;
    end_of_pages = page + PAGESIZE;
    return 1;
}

static void *move_end(intptr_t change)
{
    char *before, *end;

    if (start == NULL && !begin())
        return refuse();
    if (change < 0 ? (uintptr_t)(now - start) < -(uintptr_t)change : UINTPTR_MAX - PAGESIZE - (uintptr_t)now < (uintptr_t)change)
        return refuse();
    before = now;
    end = page_end(now + change);
    if (end > end_of_pages && grow(end) != 0)
        return refuse();
    if (end == start)
        end = start + PAGESIZE; /* the first page stays, so that nobody else comes to lie there */
    if (end < end_of_pages) {
        sys_free_pages(end, (uintptr_t)(end_of_pages - end) / PAGESIZE);
        end_of_pages = end;
    }
    now = before + change;
    return before;
}

void *sbrk(intptr_t change)
{
    void *before;

    take(SHARED_LIBRARY);
    before = move_end(change);
    leave(SHARED_LIBRARY);
    return before;
}
