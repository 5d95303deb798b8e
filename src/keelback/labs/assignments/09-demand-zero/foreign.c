/* Uses what it may not, as the argument says: 0 reads the kernel's text, 1 its records, 2 writes there; 3 asks calls to. */
#include "keelback.h"

enum { TEXT = 0x100000, RECORDS = 0x180000, LENGTH = 4 };

int main(const char *argument)
{
    uint32_t how = number_in(argument, 0);
    volatile char *page = (char *)(how == 0 ? TEXT : RECORDS);

    if (how < 2)
        return page[0];
    if (how == 2)
        page[0] = 1;
    int wrong = sys_puts((char *)TEXT, LENGTH) != ERROR_BAD_ADDRESS;
    wrong += sys_puts((char *)RECORDS, LENGTH) != ERROR_BAD_ADDRESS;
    wrong += sys_uptime((void *)RECORDS) != ERROR_BAD_ADDRESS;
    wrong += sys_uptime((void *)main) != ERROR_BAD_ADDRESS;
    return wrong;
}
