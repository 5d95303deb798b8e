/* Waits on words that are none, on one that has changed, and for a while; and wakes two of three. */
#include "thread.h"

static uint32_t word, other;

static void *sleep_on(void *argument)
{
    sys_wait_on(argument, 0, 0);
    return NULL;
}

int main(void)
{
    int32_t threads[3];

    sys_wait_on((uint32_t *)((char *)&word + 2), 0, 0);
    sys_wait_on(NULL, 0, 0);
    sys_wake((uint32_t *)((char *)&word + 1), 1);
    sys_wake(NULL, 1);
    sys_wait_on(&word, 5, 0);
    sys_wait_on(&word, 0, 1);
    for (int number = 0; number < 3; number++)
        threads[number] = thread_start(sleep_on, &word);
    sys_sleep(1);
    sys_wake(&other, 3);
    sys_wake(&word, 2);
    sys_sleep(1);
    sys_wake(&word, 9);
    for (int number = 0; number < 3; number++)
        thread_join(threads[number], NULL);
    return 0;
}
