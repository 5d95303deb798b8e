/*
 * Computes for a long time and makes no system call meanwhile: it gives the processor away only
 * because the kernel's timer takes it. The argument says up to which number to count primes.
 */
#include "keelback.h"

static int is_prime(uint32_t number)
{
    if (number < 2)
        return 0;
    for (uint32_t divisor = 2; divisor <= number / divisor; divisor++)
        if (number % divisor == 0)
            return 0;
    return 1;
}

int main(const char *argument)
{
    uint32_t limit = number_in(argument, 20000);
    uint32_t count = 0;

    for (uint32_t left = limit; left > 0; left--)
        count += is_prime(left);

    print("primes: ");
    print_unsigned(count);
    print(" primes up to ");
    print_unsigned(limit);
    print("\n");
    return 0;
}
