/*
 * Calls itself deeper and deeper. The stack grows by itself, a page at a time, as far as its limit:
 * a child that stays above it ends well, one that does not is killed. Where the limit lies is found
 * by going twice as deep each time.
 */
#include "keelback.h"

#define DEEPEST (1 << 20) /* KiB, more than any stack has */

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

/* Send a child down; return how it ended. */
static struct ending ending_at(uint32_t depth)
{
    struct ending ending = {0, 0};
    int32_t child = sys_fork_child();

    if (child == 0)
        sys_exit(descend(depth) == depth ? 0 : 1);
    if (sys_wait(child, &ending) != child)
        sys_panic("wait failed");
    return ending;
}

int main(void)
{
    struct ending ending = {EXITED, 0};
    uint32_t depth = 1;

    while (depth <= DEEPEST && ending.how == EXITED && ending.status == 0) {
        ending = ending_at(depth);
        depth *= 2;
    }
    if (depth == 2)
        sys_panic("the stack has no room");
    if (ending.how != FAULTED || ending.status != 14)
        sys_panic("the stack has no limit");
    print("stack: grew to its limit and no further\n");
    return 0;
}
