/*
 * Forks several times in a row, and so does every child from there on: each fork doubles the number
 * of processes. They count themselves: the status of each is the size of the tree that it is the
 * root of. The argument says how many forks, at most 8.
 */
#include "keelback.h"

int main(const char *argument)
{
    uint32_t forks = number_in(argument, 3);
    int32_t first = sys_getpid(), size = 1;
    struct ending ending;

    if (forks > 8)
        forks = 8;
    for (uint32_t done = 0; done < forks; done++)
        if (failed(sys_fork_child()))
            sys_panic("fork failed");
        /* Parent and child both go on from here. */
    int32_t child;
    while (!failed(child = sys_wait(ANY_CHILD, &ending)))
        size += ending.status;
    if (child != ERROR_NO_CHILD)
        sys_panic("wait failed");
    if (sys_getpid() != first)
        return size;

    print("forktree: we were processes: ");
    print_number(size);
    print("\n");
    return size == 1 << forks ? 0 : 1;
}
