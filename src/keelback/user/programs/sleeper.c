/* Waits without using the processor: it sleeps three times, for as many ticks as the argument says. */
#include "keelback.h"

int main(const char *argument)
{
    uint32_t ticks = number_in(argument, 3);

    for (int nap = 1; nap <= 3; nap++) {
        if (failed(sys_sleep(ticks))) {
            print("sleeper: the kernel does not let me sleep\n");
            return 1;
        }
        print("sleeper: nap ");
        print_number(nap);
        print(" is over, I slept ticks: ");
        print_unsigned(ticks);
        print("\n");
    }
    return 0;
}
