/* <setjmp.h>: back from three calls deep, with a value, again and again. */
#include <setjmp.h>
#include <stdio.h>

static jmp_buf place;

static void deep(int left, int value)
{
    volatile char room[200];

    room[0] = (char)left;
    if (left == 0)
        longjmp(place, value);
    deep(left - 1, value);
    printf("never %d\n", room[0]);
}

int main(void)
{
    volatile int rounds = 0;
    int value = setjmp(place);

    printf("%d\n", value);
    if (++rounds < 4)
        deep(3 * rounds, rounds);
    if (rounds == 4)
        deep(1, 0);
}
