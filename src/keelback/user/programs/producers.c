/*
 * Three producers and two consumers with a row of four places between them, by a mutex and two conditions; the sum of
 * what is taken is that of what was put. The argument says how much each producer makes.
 */
#include "thread.h"

enum { PRODUCERS = 3, CONSUMERS = 2, PLACES = 4 };

static uint32_t row[PLACES], first, count, made, taken, sum, each;
static struct mutex lock;
static struct condition not_full, not_empty;

static void put(uint32_t value)
{
    mutex_lock(&lock);
    while (count == PLACES)
        condition_wait(&not_full, &lock);
    row[(first + count) % PLACES] = value;
    count++;
    made += value;
    mutex_unlock(&lock);
    condition_signal(&not_empty);
}

/* Take a value, unless all have been. */
static int take(void)
{
    mutex_lock(&lock);
    while (count == 0 && taken < each * PRODUCERS)
        condition_wait(&not_empty, &lock);
    int is_more = count > 0;
    if (is_more) {
        sum += row[first];
        first = (first + 1) % PLACES;
        count--;
        taken++;
    }
    int is_last = taken == each * PRODUCERS;
    mutex_unlock(&lock);
    condition_signal(&not_full);
    if (is_last)
        condition_broadcast(&not_empty);
    return is_more;
}

static void *produce(void *argument)
{
    for (uint32_t value = 1; value <= each; value++)
        put(value * (uint32_t)(uintptr_t)argument);
    return NULL;
}

static void *consume(void *argument)
{
    while (take())
        ;
    return argument;
}

int main(const char *argument)
{
    int32_t ids[PRODUCERS + CONSUMERS];

    each = number_in(argument, 50);
    for (uintptr_t number = 0; number < PRODUCERS + CONSUMERS; number++)
        if (failed(ids[number] = thread_start(number < PRODUCERS ? produce : consume, (void *)(number + 1))))
            sys_panic("no thread");
    for (int number = 0; number < PRODUCERS + CONSUMERS; number++)
        if (failed(thread_join(ids[number], NULL)))
            sys_panic("no end");
    print("producers: ");
    print_unsigned(taken);
    print(" taken, sum ");
    print_unsigned(sum);
    print("\n");
    return sum == made && taken == each * PRODUCERS ? 0 : 1;
}
