/* Divides by zero. In C that has no meaning, so the instruction is written out. */
#include "keelback.h"

int main(void)
{
    int quotient = 1, remainder = 0;

    print("divide: dividing 1 by 0\n");
    __asm__ volatile("idivl %2" : "+a"(quotient), "+d"(remainder) : "r"(0) : "cc");

    print("divide: survived, and 1 / 0 is ");
    print_number(quotient);
    print("\n");
    return 1;
}
