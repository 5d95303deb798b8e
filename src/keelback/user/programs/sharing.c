/*
 * A producer and a consumer, two processes, with a memory object between them: a row of eight places, and the mutex and
 * the conditions by which they wait for each other. Each has it at an address of its own. The argument says how many
 * values go from one to the other.
 */
#include "thread.h"

enum { PLACES = 8 };

struct shared {
    struct mutex lock;
    struct condition not_full, not_empty;
    uint32_t row[PLACES], first, count;
};

static void put(struct shared *shared, uint32_t value)
{
    mutex_lock(&shared->lock);
    while (shared->count == PLACES)
        condition_wait(&shared->not_full, &shared->lock);
    shared->row[(shared->first + shared->count) % PLACES] = value;
    shared->count++;
    mutex_unlock(&shared->lock);
    condition_signal(&shared->not_empty);
}

static uint32_t take(struct shared *shared)
{
    mutex_lock(&shared->lock);
    while (shared->count == 0)
        condition_wait(&shared->not_empty, &shared->lock);
    uint32_t value = shared->row[shared->first];
    shared->first = (shared->first + 1) % PLACES;
    shared->count--;
    mutex_unlock(&shared->lock);
    condition_signal(&shared->not_full);
    return value;
}

static struct shared *show(uint32_t object, void *address)
{
    void *shown = sys_map_object(object, address, sizeof(struct shared), 0, CAN_WRITE);

    if (failed((intptr_t)shown))
        sys_panic("the object can't be mapped");
    return shown;
}

/* Take so many values in order, at another address than the producer's. */
static void consume(uint32_t object, struct shared *producers, uint32_t values)
{
    struct shared *shared = show(object, NULL);

    if (sys_unmap(producers, sizeof *producers) != 0 || shared == producers)
        sys_panic("the producer's address is still in use");
    for (uint32_t value = 1; value <= values; value++)
        if (take(shared) != value)
            sys_panic("a value is lost, or out of order");
    sys_exit(0);
}

int main(const char *argument)
{
    uint32_t values = number_in(argument, 1000);
    int32_t object = sys_object_create(1);
    struct ending ending;

    if (failed(object))
        sys_panic("there is no object");
    struct shared *shared = show((uint32_t)object, NULL);
    int32_t consumer = sys_fork_child();

    if (consumer == 0)
        consume((uint32_t)object, shared, values);
    if (failed(consumer))
        sys_panic("there is no consumer");
    for (uint32_t value = 1; value <= values; value++)
        put(shared, value);
    if (sys_wait(consumer, &ending) != consumer || ending.how != EXITED || ending.status != 0)
        sys_panic("the consumer ended otherwise than it should");
    print("sharing: ");
    print_unsigned(values);
    print(" values went from one process to another\n");
    return 0;
}
