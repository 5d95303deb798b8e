/*
 * One half of a conversation: after every line it lets the others run, so that its lines and those
 * of ping alternate when both run. The argument says how many lines.
 */
#include "keelback.h"

int main(const char *argument)
{
    uint32_t count = number_in(argument, 5);

    for (uint32_t turn = 0; turn < count; turn++) {
        print("pong ");
        print_unsigned(turn + 1);
        print("\n");
        sys_yield();
    }
    return 0;
}
