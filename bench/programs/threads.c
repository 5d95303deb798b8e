/* Measures threads: what it takes to start and join one, and to wait for each other. */
#include "measure.h"
#include "thread.h"

static struct rounds rounds;
static uint32_t turn, ends;
static struct mutex mutex;

static void *nothing(void *argument)
{
    return argument;
}

static void join(size_t stack)
{
    int32_t id = thread_start_on(stack, nothing, NULL);

    if (failed(id) || thread_join(id, NULL) != id)
        sys_panic("no thread");
}

static void joined(void)
{
    join(8192);
    for (int i = 0; i < ROUNDS; i++) {
        start();
        join(8192);
        stop(&rounds);
    }
    say("join", &rounds);
    for (int i = 0; i < ROUNDS; i++) {
        thread_trim();
        start();
        join(8192);
        stop(&rounds);
    }
    say("fresh_join", &rounds);
}

/* Wait until it is a turn, and give it to the other. */
static void pass(uint32_t mine)
{
    while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) != mine)
        sys_wait_on(&turn, 1 - mine, 0);
    turn = 1 - mine;
    sys_wake(&turn, 1);
}

static void *other(void *argument)
{
    while (!ends)
        pass(1);
    return argument;
}

static void passed(void)
{
    int32_t id = thread_start(other, NULL);

    pass(0);
    for (int i = 0; i < ROUNDS; i++) {
        start();
        pass(0);
        stop(&rounds);
    }
    say("pass", &rounds);
    ends = 1;
    pass(0);
    thread_join(id, NULL);
}

static void *yielding(void *argument)
{
    while (ends < 2)
        sys_yield();
    return argument;
}

static void yielded(void)
{
    int32_t id = thread_start(yielding, NULL);

    sys_yield();
    for (int i = 0; i < ROUNDS; i++) {
        start();
        sys_yield();
        stop(&rounds);
    }
    say("thread_yield", &rounds);
    ends = 2;
    thread_join(id, NULL);
}

static void alone(void)
{
    int32_t key = thread_key();

    thread_set(key, &key);
    for (int i = 0; i < ROUNDS; i++) {
        start();
        mutex_lock(&mutex);
        mutex_unlock(&mutex);
        stop(&rounds);
    }
    say("lock", &rounds);
    for (int i = 0; i < ROUNDS; i++) {
        start();
        thread_get(key);
        stop(&rounds);
    }
    say("own", &rounds);
    for (int i = 0; i < ROUNDS; i++) {
        start();
        sys_thread_self();
        stop(&rounds);
    }
    say("self", &rounds);
    for (int i = 0; i < ROUNDS; i++) {
        start();
        sys_wake(&turn, 1);
        stop(&rounds);
    }
    say("wake", &rounds);
    for (int i = 0; i < ROUNDS; i++) {
        start();
        sys_wait_on(&turn, 99, 0);
        stop(&rounds);
    }
    say("changed", &rounds);
}

int main(void)
{
    measure_own_cost(&rounds);
    joined();
    passed();
    yielded();
    alone();
    return 0;
}
