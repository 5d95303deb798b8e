/* Writes more than a message holds, and all at once. */
#include "request.h"

int main(void)
{
    static char text[3 * MOST_DATA];

    for (size_t i = 0; i < sizeof text; i += 8)
        memcpy(text + i, "line ..\n", 8);
    write_output(text, sizeof text);
    return 0;
}
