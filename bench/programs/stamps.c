/* Measures null system calls by time stamps, which count instructions where the emulator lets them.
 *
 * Two time stamps in a row differ by what taking one costs; of many calls the cheapest is the one without a timer tick.
 */
#include "keelback.h"

static uint64_t time_stamp(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static uint32_t cheapest(int calls)
{
    uint32_t least = 0xffffffff;

    for (int i = 0; i < 1000; i++) {
        uint64_t before = time_stamp();
        if (calls)
            __asm__ volatile("int $0x80" : : "a"(1) : "ecx", "edx", "memory");
        uint32_t taken = (uint32_t)(time_stamp() - before);
        if (taken < least)
            least = taken;
    }
    return least;
}

static void say(const char *name, uint32_t figure)
{
    print(name);
    print_unsigned(figure);
    print("\n");
}

int main(const char *argument)
{
    uint64_t started = time_stamp();

    say("started ", (uint32_t)started);
    say("nothing ", cheapest(0));
    say("call ", cheapest(1));
    return 0;
}
