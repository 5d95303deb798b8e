/* Makes as many null system calls as its argument says. */
#include "keelback.h"

int main(const char *argument)
{
    for (uint32_t left = number_in(argument, 1); left > 0; left--)
        sys_getpid();
    return 0;
}
