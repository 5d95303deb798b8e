/* Measures by time stamps, which count instructions where the emulator lets them.
 *
 * What taking two stamps costs is measured first, and taken off.  A figure is the median of its rounds: a tick of the
 * timer falls into few of them.
 */
#include "keelback.h"

enum { ROUNDS = 41 };

struct rounds {
    int count;
    uint32_t taken[ROUNDS];
};

static uint64_t time_stamp(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static uint64_t started;
static uint32_t own_cost;

static void start(void)
{
    started = time_stamp();
}

static uint32_t since_start(void)
{
    return (uint32_t)(time_stamp() - started) - own_cost;
}

static void note(struct rounds *rounds, uint32_t taken)
{
    if (rounds->count == ROUNDS)
        sys_panic("too many rounds");
    rounds->taken[rounds->count++] = taken;
}

static void stop(struct rounds *rounds)
{
    note(rounds, since_start());
}

/* Return the median, and forget the rounds. */
static uint32_t median(struct rounds *rounds)
{
    uint32_t *taken = rounds->taken;

    for (int i = 1; i < rounds->count; i++)
        for (int j = i; j > 0 && taken[j - 1] > taken[j]; j--) {
            uint32_t other = taken[j];
            taken[j] = taken[j - 1];
            taken[j - 1] = other;
        }
    uint32_t middle = taken[rounds->count / 2];
    rounds->count = 0;
    return middle;
}

static void measure_own_cost(struct rounds *rounds)
{
    own_cost = 0;
    for (int i = 0; i < ROUNDS; i++) {
        start();
        stop(rounds);
    }
    own_cost = median(rounds);
}

static void say(const char *name, struct rounds *rounds)
{
    print(name);
    print(" ");
    print_unsigned(median(rounds));
    print("\n");
}
