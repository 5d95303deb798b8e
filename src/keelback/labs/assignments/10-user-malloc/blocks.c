/* Has many blocks of all sizes at once, and frees them in another order; the argument says how many. */
#include "keelback.h"

enum { MOST = 64 };

static unsigned char *blocks[MOST];

static uint32_t size_of(uint32_t number)
{
    return number % 7 == 0 ? 5000 + number * 97 : 16 + number * 31;
}

int main(const char *argument)
{
    uint32_t count = number_in(argument, 20);

    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t number = 0; number < count; number++) {
            blocks[number] = malloc(size_of(number));
            blocks[number][0] = blocks[number][size_of(number) - 1] = (unsigned char)number;
        }
        for (uint32_t step = 0; step < count; step++) {
            uint32_t number = (step * 3 + round) % count;

            if (blocks[number] == NULL)
                number = step;
            if (blocks[number] == NULL)
                continue;
            if (blocks[number][0] != number || blocks[number][size_of(number) - 1] != number)
                sys_exit(1);
            free(blocks[number]);
            blocks[number] = NULL;
        }
        for (uint32_t number = 0; number < count; number++) {
            free(blocks[number]);
            blocks[number] = NULL;
        }
    }
    return 0;
}
