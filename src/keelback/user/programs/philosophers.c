/*
 * Five philosophers, a thread each, who think, and eat with the two forks beside them; nobody starves. The argument
 * says how often each eats. Who takes the lower fork first can't wait in a circle; with "deadlock" each takes the left
 * one first, and in the end all wait.
 */
#include "thread.h"

enum { SEATS = 5 };

static struct mutex forks[SEATS];
static uint32_t meals, eaten[SEATS];
static int careless;

static void *dine(void *argument)
{
    uint32_t seat = (uint32_t)(uintptr_t)argument;
    uint32_t left = seat, right = (seat + 1) % SEATS;
    uint32_t first = careless || left < right ? left : right, second = left + right - first;

    for (uint32_t meal = 0; meal < meals; meal++) {
        mutex_lock(&forks[first]);
        sys_yield();
        mutex_lock(&forks[second]);
        eaten[seat]++;
        mutex_unlock(&forks[second]);
        mutex_unlock(&forks[first]);
    }
    return argument;
}

int main(const char *argument)
{
    int32_t ids[SEATS];
    uint32_t all = 0;

    meals = number_in(argument, 20);
    careless = argument[0] == 'd';
    for (uint32_t seat = 0; seat < SEATS; seat++)
        if (failed(ids[seat] = thread_start(dine, (void *)(uintptr_t)seat)))
            sys_panic("no thread");
    for (uint32_t seat = 0; seat < SEATS; seat++) {
        void *value = NULL;
        if (thread_join(ids[seat], &value) != ids[seat] || (uintptr_t)value != seat)
            sys_panic("another came back");
        all += eaten[seat];
    }
    print("philosophers: ");
    print_unsigned(all);
    print(" meals eaten by ");
    print_unsigned(SEATS);
    print("\n");
    return all == meals * SEATS ? 0 : 1;
}
