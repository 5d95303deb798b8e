/* A library whose users come and go: a child inherits it, unloads it, loads it afresh; the last lets it go. */
#include "libcount.h"

static struct libcount count;

static void expect_child(int32_t child)
{
    struct ending ending;

    if (child < 0 || sys_wait(child, &ending) != child || ending.status != 0)
        sys_exit(9);
}

int main(void)
{
    if (load_libcount(&count) != 0 || count.next(7) != 107)
        return 1;

    int32_t child = sys_fork_child();

    if (child == 0) {
        if (count.sum() != 107 || sys_unload_library(count.library) != 0 || load_libcount(&count) != 0)
            sys_exit(2);
        sys_exit(count.next(1) == 101 ? 0 : 3);
    }
    expect_child(child);
    child = sys_fork_child();
    if (child == 0)
        sys_exit(count.next(1) == 108 ? 0 : 4);
    expect_child(child);
    if (sys_unload_library(count.library) != 0)
        return 5;
    return load_libcount(&count) == 0 && count.next(2) == 102 ? 0 : 6;
}
