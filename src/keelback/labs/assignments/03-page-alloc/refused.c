/* Asks for pages that are the kernel's, lie behind the end or start in mid-page: each is refused, and nothing changes. */
#include "keelback.h"

static const uintptr_t foreign[] = {0, 0x40000, 0xB8000, 0xFF000, 0x300000, 0x7FFFFFFFF000};

int main(void)
{
    char *own = (char *)0x200000;
    int wrong = sys_new_page(own + 1) != ERROR_BAD_ARGUMENT;

    for (uint32_t number = 0; number < sizeof foreign / sizeof *foreign; number++)
        wrong += sys_new_page((void *)foreign[number]) != ERROR_BAD_ADDRESS;
    wrong += sys_new_page(own) != 0;
    return wrong + own[0];
}
