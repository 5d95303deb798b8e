/* A driver for tests: it tells what comes by a line, 1 or 4, a row each time that it is told, up to a byte 'q' or
 * the key that says so. */
#include "keelback.h"

enum { OPEN = 200, WAIT, DONE, READ };

static int32_t call(int32_t number, uint32_t line, uint32_t reg)
{
    return (int32_t)sys_call(number, line, reg, 0, 0);
}

int main(const char *argument)
{
    uint32_t line = number_in(argument, 4);
    uint32_t status = line == 1 ? 4 : 5;
    int32_t last = line == 1 ? 0x90 : 'q';
    int32_t byte = 0;

    if (call(OPEN, line, 0) != 1)
        return 1;
    while (byte != last) {
        call(WAIT, line, 0);
        while (byte != last && call(READ, line, status) & 1) {
            byte = call(READ, line, 0);
            print_hex((uint32_t)byte);
            print(" ");
        }
        print("\n");
        call(DONE, line, 0);
    }
    return 0;
}
