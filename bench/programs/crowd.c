/* Measures what a crowd of others costs: its argument says how many children sleep all the while. */
#include "measure.h"

enum { LONG = 1 << 20, TICKS = 16, TICK = 150 };

static struct rounds rounds;
static int32_t sleepers[512];

static int32_t sleeper(uint32_t ticks)
{
    int32_t child = sys_fork_child();

    if (child == 0)
        for (;;)
            sys_sleep(ticks);
    return child;
}

/* Nothing but a tick takes as long as TICK between two stamps, of which each begins where the last ended: no tick can
 * come beside them.  Of two in a row one wakes the child, which sleeps again before this goes on: the median of the
 * dearer ones, without what a round of the loop takes. */
static void wake(void)
{
    int32_t child = sleeper(2);

    sys_sleep(4);
    for (int i = 0; i < TICKS; i++) {
        uint32_t dearest = 0, cheapest = TICK, last = (uint32_t)time_stamp();
        for (int ticks = 0; ticks < 2;) {
            uint32_t now = (uint32_t)time_stamp(), taken = now - last;
            last = now;
            if (taken > dearest)
                dearest = taken;
            if (taken < cheapest)
                cheapest = taken;
            ticks += taken > TICK;
        }
        note(&rounds, dearest - cheapest);
    }
    sys_kill(child);
    sys_wait(child, NULL);
    say("wake", &rounds);
}

static void wait_for_one(int32_t pid, const char *name)
{
    for (int i = 0; i < ROUNDS; i++) {
        int32_t child = sys_fork_child();

        if (child == 0)
            sys_exit(0);
        sys_yield();
        start();
        sys_wait(pid == ANY_CHILD ? pid : child, NULL);
        stop(&rounds);
    }
    say(name, &rounds);
}

static void kill_and_replace(int count)
{
    for (int i = 0; i < ROUNDS; i++) {
        int one = count * i / ROUNDS;

        start();
        sys_kill(sleepers[one]);
        sys_wait(sleepers[one], NULL);
        stop(&rounds);
        sleepers[one] = sleeper(LONG);
        sys_yield();
    }
    say("kill", &rounds);
}

static void fork_exit_wait(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        start();
        if (sys_fork_child() == 0)
            sys_exit(0);
        sys_wait(ANY_CHILD, NULL);
        stop(&rounds);
    }
    say("round", &rounds);
}

int main(const char *argument)
{
    int count = (int)number_in(argument, 1);

    measure_own_cost(&rounds);
    for (int i = 0; i < count; i++) {
        sleepers[i] = sleeper(LONG);
        if (failed(sleepers[i]))
            sys_panic("no room for the crowd");
        sys_yield();
    }
    wake();
    wait_for_one(ANY_CHILD, "any");
    wait_for_one(0, "one");
    kill_and_replace(count);
    fork_exit_wait();
    for (int i = 0; i < count; i++)
        sys_kill(sleepers[i]);
    return 0;
}
