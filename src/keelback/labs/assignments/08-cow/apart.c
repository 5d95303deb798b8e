/* Parent and child write to the same pages in turn, and each must find only what it wrote; how many, says the argument. */
#include "keelback.h"

static uint32_t pages[8][1024];

int main(const char *argument)
{
    uint32_t count = number_in(argument, 3);
    struct ending ending;

    for (uint32_t page = 0; page < count; page++)
        pages[page][page] = pages[page][1023] = 'a';
    int32_t child = sys_fork_child();
    uint32_t mine = child == 0 ? 'c' : 'p';

    for (uint32_t page = 0; page < count; page++) {
        pages[page][page] = mine;
        sys_yield();
    }
    for (uint32_t page = 0; page < count; page++)
        if (pages[page][page] != mine || pages[page][1023] != 'a')
            sys_exit(1);
    if (child != 0 && (sys_wait(child, &ending) != child || ending.status != 0))
        sys_exit(2);
    return 0;
}
