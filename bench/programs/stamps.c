/* Measures null system calls, and says at which time stamp a first program's main runs. */
#include "measure.h"

#ifdef __x86_64__
#define FAST "syscall"
#define MORE "r11"
#else
#define FAST "movl %%esp, %%ecx; movl $1f, %%edx; sysenter; 1:"
#define MORE "cc"
#endif

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
    for (int i = 0; i < ROUNDS; i++) {
        start();
        __asm__ volatile(FAST : : "a"(1) : "ecx", "edx", "memory", MORE);
        stop(&rounds);
    }
    say("fast", &rounds);
    return 0;
}
