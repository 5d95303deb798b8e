/* Measures null system calls, and says at which time stamp a first program's main runs. */
#include "measure.h"

static struct rounds rounds;

int main(const char *argument)
{
    uint32_t stamp = (uint32_t)time_stamp();

    print("started ");
    print_unsigned(stamp);
    print("\n");
    measure_own_cost(&rounds);
    for (int i = 0; i < ROUNDS; i++) {
        start();
        __asm__ volatile("int $0x80" : : "a"(1) : "ecx", "edx", "memory");
        stop(&rounds);
    }
    say("call", &rounds);
#ifdef __x86_64__
    for (int i = 0; i < ROUNDS; i++) {
        start();
        __asm__ volatile("syscall" : : "a"(1) : "rcx", "r11", "rdx", "memory");
        stop(&rounds);
    }
    say("call", &rounds);
#endif
    return 0;
}
