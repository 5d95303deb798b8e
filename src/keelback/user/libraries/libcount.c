/* Counts and adds: the smallest library with data and zeros of its own. */
#include "keelback.h"

static int32_t counter = 100;
static int32_t kept[64]; /* what count_next returned last, a ring */
static uint32_t calls;

/* Add to the counter, which starts at 100; return what it is then. */
EXPORT int32_t count_next(int32_t by)
{
    counter += by;
    kept[calls++ % 64] = counter;
    return counter;
}

/* Return the sum of what count_next returned, of the last 64 times at most. */
EXPORT int32_t count_sum(void)
{
    int32_t sum = 0;

    for (uint32_t i = 0; i < 64; i++)
        sum += kept[i];
    return sum;
}

/* Return the name of a number below 4. A table of pointers would need relocations; this one has offsets. */
EXPORT const char *count_name(uint32_t number)
{
    static const char names[] = "zero\0one\0two\0three";
    static const uint8_t starts[] = {0, 5, 9, 13};

    return number < 4 ? names + starts[number] : "many";
}
