/* Prints how many page frames there are, and whose those are that are in use. */
#include "keelback.h"

static void line(const char *name, uint32_t number)
{
    print("frames: ");
    print(name);
    print(" ");
    print_unsigned(number);
    print("\n");
}

int main(void)
{
    struct frame_counts counts;

    if (failed(sys_frame_counts(&counts)))
        return 1;
    line("free user frames", counts.user_free);
    line("of", counts.user_total);
    line("free frames of the kernel zone", counts.kernel_free);
    line("of", counts.kernel_total);
    line("promised user frames", counts.user_promised);
    line("of processes", counts.processes);
    line("of several processes", counts.shared);
    line("page tables", counts.tables);
    line("the kernel's", counts.kernel);
    line("of zeros", counts.zero);
    line("the screen's", counts.console);
    line("reserved", counts.reserved);
    return 0;
}
