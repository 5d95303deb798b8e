/* Counts the memory: frames that are free, and those in use by what they are for. */
#include "keelback.h"

static uint32_t all;

static void print_count(const char *what, uint32_t frames)
{
    all += frames;
    print(what);
    print_unsigned(frames);
    print("\n");
}

int main(void)
{
    struct frame_counts counts;

    sys_frame_counts(&counts);
    print("frames of 4 KiB\n");
    print_count("free           ", counts.kernel_free + counts.user_free);
    print_count("promised       ", counts.kernel_promised + counts.user_promised);
    print_count("of processes   ", counts.processes);
    print_count("shared         ", counts.shared);
    print_count("libraries      ", counts.libraries);
    print_count("tables         ", counts.tables);
    print_count("the kernel     ", counts.kernel + counts.reserved + counts.zero + counts.console);
    print_count("all            ", all);
    return 0;
}
