/* Has the kernel write an answer into a page that a child shares. */
#include "keelback.h"

static struct { char room[2000]; struct uptime uptime; } answer __attribute__((aligned(4096)));

int main(void)
{
    struct ending ending;

    answer.room[0] = 1;
    int32_t child = sys_fork_child();

    if (child == 0) {
        sys_uptime(&answer.uptime);
        sys_yield();
        sys_exit(0);
    }
    sys_yield();
    sys_uptime(&answer.uptime);
    sys_wait(child, &ending);
    return ending.status;
}
