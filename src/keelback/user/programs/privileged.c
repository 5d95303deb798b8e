/* Tries to halt the processor for everybody. Only the kernel may, so a program is stopped for it. */
#include "keelback.h"

int main(void)
{
    print("privileged: halting the processor\n");
    __asm__ volatile("hlt");

    print("privileged: survived\n");
    return 1;
}
