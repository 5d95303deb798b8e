/*
 * Loads libraries, and looks whether each process has data of its own: a child writes what its parent
 * then must not see, another loads the library afresh and must find it as it was made. At last the
 * library goes, and touching it is the end of a child.
 */
#include "libcount.h"
#include "libgfx.h"

static struct libcount count;
static struct libgfx gfx;

static void expect(int as_it_should, const char *otherwise)
{
    if (!as_it_should)
        sys_panic(otherwise);
}

static struct ending ending_of(int32_t child)
{
    struct ending ending = {0, 0};

    if (sys_wait(child, &ending) != child)
        sys_panic("wait failed");
    return ending;
}

/* Write to the library's data, and see what was written. */
static int count_to(int32_t value)
{
    return count.next(value - 100) == value && count.sum() == value;
}

static void load_what_is_none(void)
{
    static const char *const missing[] = {"count_next", "count_nothing", NULL};
    struct { void *library, *next, *nothing; } stubs;

    expect((intptr_t)sys_load_library("libnone") == ERROR_NO_SUCH_LIBRARY, "there is a libnone");
    expect((intptr_t)sys_load_library("hello") == ERROR_NOT_A_LIBRARY, "hello is a library");
    expect((intptr_t)sys_load_library(NULL) == ERROR_BAD_ADDRESS, "the kernel read address 0");
    expect(connect_library("libcount", missing, &stubs) == MISSING_EXPORT, "there is a count_nothing");
    expect(sys_unload_library(&count) == ERROR_BAD_ARGUMENT, "what is no library was unloaded");
}

int main(void)
{
    struct frame_counts before, after;

    load_what_is_none();
    sys_frame_counts(&before);
    expect(load_libcount(&count) == 0 && load_libgfx(&gfx) == 0, "a library is not there");
    expect(sys_load_library("libcount") == count.library, "a library was mapped twice");
    expect(count_to(142), "the library does not count");

    int32_t child = sys_fork_child();
    if (child == 0)
        sys_exit(count.next(8) == 150 && count.sum() == 292 ? 0 : 1);
    expect(ending_of(child).status == 0, "the child did not inherit the library's data");
    expect(count.sum() == 142, "the child's data are the parent's");

    child = sys_fork_child();
    if (child == 0) {
        sys_unload_library(count.library);
        load_libcount(&count);
        sys_exit(count_to(107) ? 0 : 1);
    }
    expect(ending_of(child).status == 0, "the library's data are not as they were made");
    expect(*count.name(3) == 't' && count.sum() == 142, "the library is not what it was");

    expect(sys_unload_library(gfx.library) == 0 && sys_unload_library(count.library) == 0, "unload failed");
    child = sys_fork_child();
    if (child == 0)
        sys_exit(count.next(1));
    expect(ending_of(child).how == FAULTED, "the library is still there");
    sys_frame_counts(&after);
    expect(after.libraries == before.libraries, "somebody still has a library");
    print("libraries: each process had its own data\n");
    return 0;
}
