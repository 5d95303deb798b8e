/*
 * Maps, protects and unmaps memory, and lets a child try after each step what is allowed: it lives
 * or dies, and its parent goes on.
 */
#include "keelback.h"

#define PAGE 4096

enum access { READS = 'r', WRITES = 'w' };

/* Touch an address in a child; tell whether it lived. */
static int lives(volatile char *address, enum access access)
{
    struct ending ending;
    int32_t child = sys_fork_child();

    if (child == 0) {
        if (access == WRITES)
            *address = 1;
        else
            (void)*address;
        sys_exit(0);
    }
    if (sys_wait(child, &ending) != child)
        sys_panic("wait failed");
    return ending.how == EXITED;
}

static void expect(int as_it_should, const char *otherwise)
{
    if (!as_it_should)
        sys_panic(otherwise);
}

int main(void)
{
    char *memory = sys_map(NULL, 3 * PAGE, CAN_WRITE), *middle = memory + PAGE;

    expect(!failed((intptr_t)memory), "there is no room");
    expect(memory[0] == 0 && middle[PAGE - 1] == 0, "new memory is not zero");
    expect(lives(middle, WRITES), "new memory can't be written");
    *middle = 42;

    expect(sys_protect(middle, PAGE, CAN_READ) == 0, "protect failed");
    expect(lives(middle, READS) && !lives(middle, WRITES), "the middle is not read-only");
    expect(lives(memory, WRITES) && lives(middle + PAGE, WRITES), "its neighbours are not as they were");

    expect(sys_protect(middle, PAGE, NO_ACCESS) == 0, "protect failed");
    expect(!lives(middle, READS), "the middle is not closed");
    expect(sys_protect(middle, PAGE, CAN_WRITE) == 0, "protect failed");
    expect(*middle == 42 && lives(middle, WRITES), "the middle is not what it was");

    expect(sys_unmap(middle, PAGE) == 0, "unmap failed");
    expect(!lives(middle, READS), "the middle is still there");
    expect(sys_map(NULL, 2 * PAGE, CAN_READ) == memory + 3 * PAGE, "the hole is too small, and was taken");
    expect(sys_map(NULL, PAGE, CAN_READ) == middle && *middle == 0, "the hole was not taken, or is not zero");
    print("regions: all was as it should be\n");
    return 0;
}
