/* Let an answer begin in a page that may be written and end where nothing is. */
#include "keelback.h"

int main(const char *argument)
{
    uint32_t *page = map_memory((void *)0x50000000, 4096, CAN_WRITE);

    page[1023] = 0xdeadbeef;
    print_number(count_frames((struct frame_counts *)&page[1023]));
    print(", and the word is ");
    print_hex(page[1023]);
    print("\n");
    return 0;
}
