/* Use almost all of the stack, then a frame that is larger than the guard, with memory mapped below that. */
#include "keelback.h"

#define BOTTOM 0xffeff000u

__attribute__((noinline)) static void large(uint32_t *where)
{
    volatile char frame[0x20000];

    frame[0] = 42;
    *where = (uint32_t)&frame[0];
}

__attribute__((noinline)) static uint32_t down(uint32_t *where)
{
    volatile char room[4000];

    room[0] = 1;
    if ((uint32_t)&room[0] >= BOTTOM + 0x2000)
        return down(where) + room[0];
    large(where);
    return 0;
}

int main(const char *argument)
{
    uint32_t where = 0;

    print_hex((uint32_t)sys_map((void *)(BOTTOM - 0x50000), 0x40000, CAN_WRITE));
    print(" is mapped below the guard\n");
    down(&where);
    print_hex(where);
    print(": nothing stopped the large frame\n");
    return 0;
}
