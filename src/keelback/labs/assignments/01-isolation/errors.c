/* Asks for pages where there can be none, and at the edges where there can. */
#include "keelback.h"

static const uintptr_t asked[] = {0x200001, 0x200FFF, 0xFF000, 0x0, 0x40000, 0xB8000, 0x300000,
                                  0x301000, 0x7FFFFFFFF000, 0xFFFFFFFFFFFFF000, 0x200000, 0x2FE000};

int main(void)
{
    for (size_t number = 0; number < sizeof asked / sizeof *asked; number++)
        sys_page_alloc((void *)asked[number]);
    return 0;
}
