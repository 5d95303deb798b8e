/* Let an answer begin in a page that may be written and end where nothing is. */
#include "keelback.h"

int main(const char *argument)
{
    uint32_t *page = sys_map((void *)0x50000000, 4096, CAN_WRITE);

    page[1023] = 0xdeadbeef;
    print_number(sys_frame_counts((struct frame_counts *)&page[1023]));
    print(", and the word is ");
    print_hex(page[1023]);
    print("\n");
    return 0;
}
