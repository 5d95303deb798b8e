/*
 * Parent and child write to the same pages in turn, and each must find only what it wrote itself.
 * After fork they share the page frames; a write to one, be it the kernel's own on behalf of a
 * process, gives the writer a copy. The argument says how many pages, at most 64.
 */
#include "keelback.h"

static uint32_t pages[64][1024];
static struct frame_counts counts;

static int all_are(uint32_t count, uint32_t value)
{
    for (uint32_t page = 0; page < count; page++)
        if (pages[page][page] != value)
            return 0;
    return 1;
}

/* Write to every page, and let the other write in between. */
static void write_all(uint32_t count, uint32_t value)
{
    for (uint32_t page = 0; page < count; page++) {
        pages[page][page] = value;
        sys_yield();
    }
}

int main(const char *argument)
{
    uint32_t count = number_in(argument, 8);
    struct ending ending;

    if (count > 64)
        count = 64;
    write_all(count, 'a');
    int32_t child = sys_fork_child();
    if (failed(child) || !all_are(count, 'a'))
        sys_panic("fork failed, or changed what was there");
    uint32_t mine = child == 0 ? 'c' : 'p';
    write_all(count, mine);
    if (child == 0) {
        sys_frame_counts(&counts);
        return all_are(count, mine) ? 0 : 1;
    }

    if (sys_wait(child, &ending) != child)
        sys_panic("wait failed");
    if (ending.how != EXITED || ending.status != 0)
        sys_panic("the child found what it did not write");
    if (!all_are(count, mine) || counts.user_total != 0)
        sys_panic("the parent found what it did not write");
    print("cow: parent and child kept apart, pages: ");
    print_unsigned(count);
    print("\n");
    return 0;
}
