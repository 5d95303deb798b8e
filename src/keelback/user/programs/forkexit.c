/*
 * Forks and exits at random. The first process only forks; its descendants exit twice as often as
 * they fork, so memory stays bounded however long this goes on. Meanwhile all write to the pages
 * that they inherited, and each keeps the sum of what it should find there. The argument says how
 * many turns the first process takes; 0 is for ever.
 */
#include "keelback.h"
#include "own_pages.h"

#define PAGES 8

static uint32_t state, sum;
static uint32_t (*pages)[WORDS_PER_PAGE];

/* Return a number below `sides`. */
static uint32_t roll(uint32_t sides)
{
    state = state * 1664525 + 1013904223;
    return (state >> 16) % sides;
}

static void write_to(uint32_t page)
{
    uint32_t value = roll(1000);

    sum += value - pages[page][page];
    pages[page][page] = value;
}

/* Replace a page by a new one, as long as there is memory. */
static void renew(uint32_t page)
{
    uint32_t value = pages[page][page];

    if (sys_page_alloc(pages[page]) == 0)
        sum -= value;
}

static void check(void)
{
    for (uint32_t page = 0; page < PAGES; page++)
        sum -= pages[page][page];
    if (sum != 0)
        sys_panic("somebody wrote to my pages");
}

int main(const char *argument)
{
    uint32_t turns = number_in(argument, 60);
    int first = 1;

    pages = FREE_PAGES;
    for (uint32_t page = 0; page < PAGES; page++)
        if (sys_page_alloc(pages[page]) < 0)
            sys_panic("there is no memory");
    for (uint32_t turn = 0; !first || turns == 0 || turn < turns; turn++) {
        uint32_t choice = roll(8);

        if (choice <= 1 && !first)
            break;
        if (choice == 2 && sys_fork() == 0) {
            first = 0;
            state ^= (uint32_t)sys_getpid();
        }
        if (choice == 3)
            renew(roll(PAGES));
        if (choice > 3)
            write_to(roll(PAGES));
        sys_yield();
    }
    check();
    return 0;
}
