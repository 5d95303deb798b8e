/* Touches pages as the argument says: 0 reads, 1 writes, 2 reads and writes, 3 and 4 write where nothing may be written. */
#include "keelback.h"

static char data[5 * 4096];

int main(const char *argument)
{
    uint32_t how = number_in(argument, 0);
    char *pages = sys_map(NULL, 4 * 4096, CAN_WRITE);
    int sum = 0;

    if (how == 3)
        *(volatile char *)main = 1;
    if (how == 4) {
        sys_protect(pages, 4096, CAN_READ);
        sum += pages[0];
        *(volatile char *)pages = 1;
    }
    for (int page = 0; page < 4; page++) {
        if (how != 1)
            sum += pages[page * 4096] + data[page * 4096 + 4095];
        if (how != 0)
            pages[page * 4096] = data[page * 4096 + 4095] = (char)(page + 1);
    }
    for (int page = 0; how != 0 && page < 4; page++)
        sum += pages[page * 4096] != page + 1;
    return sum;
}
