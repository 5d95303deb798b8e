/* Reads address 0, the mistake that every C programmer makes once. No process has a page there. */
#include "keelback.h"

int main(void)
{
    volatile const int *address = 0;

    /* Where the compiler sees a null pointer it emits an invalid instruction instead of the read. */
    __asm__("" : "+r"(address));

    print("null: reading address 0\n");
    int found = *address;

    print("null: survived, and found ");
    print_number(found);
    print("\n");
    return 1;
}
