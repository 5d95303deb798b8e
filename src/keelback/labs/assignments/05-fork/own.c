/* Takes pages, forks, and has both processes fill them; the argument says how many. */
#include "keelback.h"
#include "own_pages.h"

int main(const char *argument)
{
    uint32_t count = number_in(argument, 3), (*pages)[WORDS_PER_PAGE] = FREE_PAGES;

    for (uint32_t page = 0; page < count; page++)
        if (sys_page_alloc(pages[page]) == 0)
            pages[page][page] = page;
    uint32_t self = sys_fork() == 0 ? 1000 : 2000;

    for (uint32_t turn = 0; turn < 3; turn++) {
        for (uint32_t page = 0; page < count; page++)
            pages[page][page] += self;
        sys_yield();
    }
    for (uint32_t page = 0; page < count; page++)
        if (pages[page][page] != page + 3 * self)
            sys_panic("somebody else wrote to my page");
    return 0;
}
