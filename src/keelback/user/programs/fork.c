/*
 * Forks twice, so that there are four processes, which then fill memory as four allocators do: page
 * by page, each at its own speed, until none is left; then they go on running. At the end each looks
 * whether its pages are still its own. The argument says how many turns; 0 is for ever.
 */
#include "keelback.h"
#include "own_pages.h"

int main(const char *argument)
{
    uint32_t turns = number_in(argument, 20);
    uint32_t *heap = FREE_PAGES, *top = heap;

    if (sys_fork() < 0 || sys_fork() < 0)
        sys_panic("fork failed");

    uint32_t self = (uint32_t)sys_getpid();
    int left = 1;
    for (uint32_t turn = 0; turns == 0 || turn < turns; turn++) {
        for (uint32_t page = 0; left && page < 1 + self % 4; page++) {
            left = top != STACK_PAGE && sys_page_alloc(top) == 0;
            if (left) {
                *top = self;
                top += WORDS_PER_PAGE;
            }
        }
        sys_yield();
    }
    for (uint32_t *page = heap; page < top; page += WORDS_PER_PAGE)
        if (*page != self)
            sys_panic("somebody wrote to my page");
    print("fork: took pages: ");
    print_unsigned((uint32_t)(top - heap) / WORDS_PER_PAGE);
    print(left ? "\n" : ", then none was left\n");
    return 0;
}
