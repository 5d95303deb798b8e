/* Talks to a device by itself. Ports belong to the kernel: neither `out` nor `in` gets through. */
#include "keelback.h"

int main(void)
{
    unsigned char value = 0;

    print("ports: writing to port 0x80\n");
    __asm__ volatile("outb %0, $0x80" : : "a"(value));

    print("ports: survived, and reads port 0x80\n");
    __asm__ volatile("inb $0x80, %0" : "=a"(value));

    print("ports: survived that too\n");
    return 1;
}
