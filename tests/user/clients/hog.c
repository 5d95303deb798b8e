/* Takes all memory, and writes then. */
#include "request.h"

int main(void)
{
    static char text[MOST_DATA];

    memset(text, 'x', sizeof text);
    while (!failed((int32_t)(intptr_t)sys_map(NULL, 4096, CAN_WRITE)))
        continue;
    for (int i = 0; i < 100; i++)
        write_output(text, sizeof text);
    return 0;
}
