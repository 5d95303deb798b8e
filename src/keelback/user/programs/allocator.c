/*
 * Fills memory page by page at its own speed until none is left, then goes on running: every turn
 * it takes one to four pages, as its process id has it, and lets the others run. At the end it
 * looks whether its pages are still its own. The argument says how many turns; 0 is for ever.
 */
#include "keelback.h"
#include "own_pages.h"

#define HEAP ((uint32_t *)FREE_PAGES)

static uint32_t *top;

/* Take a page and sign it; tell whether there was one left, and room below the stack. */
static int take_page(uint32_t signature)
{
    if (top == STACK_PAGE || sys_page_alloc(top) < 0)
        return 0;
    if (*top != 0)
        sys_panic("a new page is not zero");
    *top = signature;
    top += WORDS_PER_PAGE;
    return 1;
}

int main(const char *argument)
{
    uint32_t turns = number_in(argument, 20);
    uint32_t self = (uint32_t)sys_getpid(), speed = 1 + self % 4;
    int left = 1;

    top = HEAP;
    for (uint32_t turn = 0; turns == 0 || turn < turns; turn++) {
        for (uint32_t page = 0; left && page < speed; page++)
            left = take_page(self);
        sys_yield();
    }

    for (uint32_t *page = HEAP; page < top; page += WORDS_PER_PAGE)
        if (*page != self)
            sys_panic("somebody wrote to my page");
    print("allocator: took pages: ");
    print_unsigned((uint32_t)(top - HEAP) / WORDS_PER_PAGE);
    print(left ? "\n" : ", then none was left\n");
    return 0;
}
