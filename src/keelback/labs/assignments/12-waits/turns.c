/* Two threads take turns by a word, as often as the argument says. */
#include "thread.h"

static uint32_t turn, done;

static void await(uint32_t other)
{
    while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) == other)
        sys_wait_on(&turn, other, 0);
}

static void *second(void *argument)
{
    for (uint32_t round = *(uint32_t *)argument; round > 0; round--) {
        await(0);
        done++;
        __atomic_store_n(&turn, 0, __ATOMIC_SEQ_CST);
        sys_wake(&turn, 1);
    }
    return NULL;
}

int main(const char *argument)
{
    uint32_t rounds = number_in(argument, 3);
    int32_t thread = thread_start(second, &rounds);

    if (thread < 0)
        sys_exit(1);
    for (uint32_t round = 0; round < rounds; round++) {
        __atomic_store_n(&turn, 1, __ATOMIC_SEQ_CST);
        sys_wake(&turn, 1);
        await(1);
    }
    thread_join(thread, NULL);
    return done == rounds ? 0 : 2;
}
