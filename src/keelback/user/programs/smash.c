/* Writes to its own instructions. A program's text is mapped to be read and run, never written. */
#include "keelback.h"

int main(void)
{
    volatile unsigned char *text = (volatile unsigned char *)(uintptr_t)main;

    print("smash: writing to my own text\n");
    *text = 0xc3;

    print("smash: survived\n");
    return 1;
}
