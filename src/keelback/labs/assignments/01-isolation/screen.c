/* Writes to the screen, letter by letter, and lets others run in between. */
#include "keelback.h"

int main(void)
{
    volatile uint16_t *screen = (uint16_t *)0xB8000;

    for (int column = 0; column < 3; column++) {
        screen[column] = 0x0700 | ('a' + column);
        sys_yield();
    }
    return screen[0] == (0x0700 | 'a') ? 0 : 1;
}
