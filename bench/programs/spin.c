/* Computes in registers, two instructions a round, as many rounds as its argument says. */
#include "keelback.h"

int main(const char *argument)
{
    uint32_t left = number_in(argument, 1);

    __asm__ volatile("1: decl %0; jnz 1b" : "+r"(left) : : "cc");
    return 0;
}
