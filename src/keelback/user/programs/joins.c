/*
 * Threads that start, end and are joined, one after another, and then as many as the argument's second number at a
 * time; afterwards as many frames are free as before. The argument says how many, a thousand unless told.
 */
#include "thread.h"

static int32_t ids[1024];
static uint32_t ran;

static void *count(void *argument)
{
    __atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
    return argument;
}

static void start(uint32_t place)
{
    if (failed(ids[place] = thread_start(count, (void *)(uintptr_t)place)))
        sys_panic("no thread");
}

static void join(uint32_t place)
{
    void *value = NULL;

    if (thread_join(ids[place], &value) != ids[place] || (uintptr_t)value != place)
        sys_panic("another came back");
}

static uint32_t free_frames(void)
{
    struct frame_counts counts;

    thread_trim();
    if (failed(sys_frame_counts(&counts)))
        sys_panic("no counts");
    return counts.user_free + counts.kernel_free;
}

int main(const char *argument)
{
    uint32_t rounds = number_in(argument, 1000);

    start(0);
    join(0);
    uint32_t before = free_frames();
    for (uint32_t number = 0; number < rounds; number++) {
        start(number % 1000);
        join(number % 1000);
    }
    for (uint32_t place = 0; place < 100; place++)
        start(place);
    for (uint32_t place = 0; place < 100; place++)
        join(place);
    uint32_t after = free_frames();
    print("joins: ");
    print_unsigned(ran);
    print(before == after ? " threads, frames as before\n" : " threads, and frames are gone\n");
    return ran == rounds + 101 && before == after ? 0 : 1;
}
