/* Mutexes, conditions, semaphores, and what is done once: words that threads change, and wait on where they must. */
#include "thread.h"

enum { ALL = INT32_MAX };

static uint32_t taken(uint32_t *word, uint32_t before, uint32_t after)
{
    __atomic_compare_exchange_n(word, &before, after, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return before;
}

int mutex_try(struct mutex *mutex)
{
    return taken(&mutex->state, 0, 1) == 0;
}

/* Who had to wait takes it as one that others may wait for: whether they do, nobody knows any more. */
static void take_after_wait(struct mutex *mutex)
{
    while (__atomic_exchange_n(&mutex->state, 2, __ATOMIC_SEQ_CST) != 0)
        sys_wait_on(&mutex->state, 2, 0);
}

void mutex_lock(struct mutex *mutex)
{
    if (!mutex_try(mutex))
        take_after_wait(mutex);
}

void mutex_unlock(struct mutex *mutex)
{
    if (__atomic_exchange_n(&mutex->state, 0, __ATOMIC_SEQ_CST) == 2)
        sys_wake(&mutex->state, 1);
}

int condition_wait_until(struct condition *condition, struct mutex *mutex, uint32_t ticks)
{
    uint32_t seen = __atomic_load_n(&condition->changes, __ATOMIC_SEQ_CST);

    mutex_unlock(mutex);
    int32_t result = sys_wait_on(&condition->changes, seen, ticks);
    take_after_wait(mutex);
    return result == ERROR_TIMED_OUT ? ERROR_TIMED_OUT : 0;
}

void condition_wait(struct condition *condition, struct mutex *mutex)
{
    condition_wait_until(condition, mutex, 0);
}

static void change(struct condition *condition, uint32_t most)
{
    __atomic_add_fetch(&condition->changes, 1, __ATOMIC_SEQ_CST);
    sys_wake(&condition->changes, most);
}

void condition_signal(struct condition *condition)
{
    change(condition, 1);
}

void condition_broadcast(struct condition *condition)
{
    change(condition, ALL);
}

int semaphore_try(struct semaphore *semaphore)
{
    uint32_t count = __atomic_load_n(&semaphore->count, __ATOMIC_SEQ_CST);

    while (count != 0) {
        uint32_t found = taken(&semaphore->count, count, count - 1);
        if (found == count)
            return 1;
        count = found;
    }
    return 0;
}

void semaphore_wait(struct semaphore *semaphore)
{
    while (!semaphore_try(semaphore)) {
        __atomic_add_fetch(&semaphore->waiting, 1, __ATOMIC_SEQ_CST);
        sys_wait_on(&semaphore->count, 0, 0);
        __atomic_sub_fetch(&semaphore->waiting, 1, __ATOMIC_SEQ_CST);
    }
}

void semaphore_post(struct semaphore *semaphore)
{
    __atomic_add_fetch(&semaphore->count, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&semaphore->waiting, __ATOMIC_SEQ_CST) != 0)
        sys_wake(&semaphore->count, 1);
}

int once_begin(struct once *once)
{
    uint32_t state = taken(&once->state, 0, 1);

    if (state == 0)
        return 1;
    while (state != 3) {
        taken(&once->state, 1, 2);
        sys_wait_on(&once->state, 2, 0);
        state = __atomic_load_n(&once->state, __ATOMIC_SEQ_CST);
    }
    return 0;
}

void once_finish(struct once *once)
{
    if (__atomic_exchange_n(&once->state, 3, __ATOMIC_SEQ_CST) == 2)
        sys_wake(&once->state, ALL);
}

void call_once(struct once *once, void (*function)(void))
{
    if (!once_begin(once))
        return;
    function();
    once_finish(once);
}
