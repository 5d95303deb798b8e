/* Takes pages here and there, and looks that each is zero and its own. */
#include "keelback.h"

static const uintptr_t places[] = {0x200000, 0x280000, 0x1F0000, 0x2FE000, 0x201000};
enum { COUNT = sizeof places / sizeof *places };

int main(void)
{
    for (uint32_t number = 0; number < COUNT; number++) {
        uint32_t *page = (uint32_t *)places[number];

        if (sys_page_alloc(page) < 0 || page[0] != 0 || page[1023] != 0)
            sys_exit(1);
        page[number] = number + 1;
        sys_yield();
    }
    for (uint32_t number = 0; number < COUNT; number++)
        if (((uint32_t *)places[number])[number] != number + 1)
            sys_exit(2);
    return 0;
}
