/* Adds to every word of 16 KiB, as many times over as its argument says. */
#include "keelback.h"

static volatile uint32_t words[4096];

int main(const char *argument)
{
    for (uint32_t left = number_in(argument, 1); left > 0; left--)
        for (unsigned i = 0; i < 4096; i++)
            words[i] += i;
    return 0;
}
