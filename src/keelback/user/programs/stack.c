/*
 * Calls itself deeper and deeper. The stack grows by itself, a page at a time, as far as its limit
 * of 1 MiB: a child that stays below it ends well, one that does not is killed. The argument says
 * how many KiB the first one goes down.
 */
#include "keelback.h"

/* Go down some KiB; return how many. */
static uint32_t descend(uint32_t depth)
{
    char room[1024 - 16];

    if (depth == 0)
        return 0;
    /* What the compiler can't see through it can't turn into a loop. */
    __asm__ volatile("movb $1, %0" : "=m"(room) : : "memory");
    return descend(depth - 1) + (uint32_t)room[0];
}

/* Let a child go down; return how it ended. */
static struct ending ending_at(uint32_t depth)
{
    struct ending ending = {0, 0};
    int32_t child = fork();

    if (child == 0)
        sys_exit(descend(depth) == depth ? 0 : 1);
    wait_for(child, &ending);
    return ending;
}

int main(const char *argument)
{
    struct ending above = ending_at(number_in(argument, 1000));
    struct ending below = ending_at(2000);

    if (above.how != EXITED || above.status != 0)
        sys_panic("the stack did not grow as far as it should");
    if (below.how != FAULTED || below.status != 14)
        sys_panic("the stack has no limit");
    print("stack: grew to its limit and no further\n");
    return 0;
}
