/* Reads the kernel's memory. It is mapped in every address space, but not for programs. */
#include "keelback.h"

int main(void)
{
    volatile const uint32_t *kernel = (volatile const uint32_t *)0x100000;

    print("wild: reading the kernel at 0x100000\n");
    uint32_t found = *kernel;

    print("wild: survived, and found ");
    print_hex(found);
    print("\n");
    return 1;
}
