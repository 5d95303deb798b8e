/*
 * Forks until it is refused. Then all its children exit, and as many page frames are free as were
 * before, if it runs alone. The argument says how many children at most; 0 is no limit.
 */
#include "keelback.h"

int main(const char *argument)
{
    uint32_t most = number_in(argument, 30), forked = 0, well = 0;
    struct frame_counts before, after;
    struct ending ending;
    int32_t child = 1;

    sys_frame_counts(&before);
    while (child > 0 && (most == 0 || forked < most)) {
        child = sys_fork_child();
        forked += child > 0;
    }
    if (child == 0)
        return 0;
    while (sys_wait(ANY_CHILD, &ending) > 0)
        well += ending.how == EXITED && ending.status == 0;
    sys_frame_counts(&after);

    print("bomb: children: ");
    print_unsigned(forked);
    print(failed(child) ? ", then refused: " : ", last: ");
    print_number(child);
    print("\n");
    return well == forked && after.user_free == before.user_free && after.kernel_free == before.kernel_free ? 0 : 1;
}
