/*
 * Children of every kind: spawned, forked to run another program, killed, dying of a fault, and
 * orphans that nobody waits for. Their parent sees how each ends.
 */
#include "keelback.h"

static void expect(int32_t child, uint32_t how, int32_t status)
{
    struct ending ending;

    if (sys_wait(child, &ending) != child || ending.how != how || ending.status != status)
        sys_panic("a child ended otherwise than it should");
}

int main(void)
{
    int32_t child = sys_spawn("hello", "you are spawned");
    expect(child, EXITED, 0);

    if ((child = sys_fork_child()) == 0) {
        sys_exec("hello", "you were somebody else");
        sys_panic("exec returned");
    }
    expect(child, EXITED, 0);

    if ((child = sys_fork_child()) == 0)
        for (;;)
            sys_sleep(1000);
    sys_yield();
    sys_kill(child);
    expect(child, KILLED, sys_getpid());

    if ((child = sys_fork_child()) == 0)
        sys_kill(sys_getpid());
    expect(child, KILLED, child);

    if ((child = sys_fork_child()) == 0)
        __asm__ volatile("ud2");
    expect(child, FAULTED, 6);

    if ((child = sys_fork_child()) == 0) {
        if (sys_fork_child() == 0)
            sys_sleep(3); /* the orphan outlives its parent, and its record goes with it */
        return 5;
    }
    expect(child, EXITED, 5);

    if ((child = sys_fork()) == 0)
        return 0;
    if (sys_wait(child, NULL) != ERROR_NO_CHILD) /* it detaches itself while it is waited for */
        sys_panic("a child that is nobody's can be waited for");
    print("family: each child ended as it should\n");
    return 0;
}
