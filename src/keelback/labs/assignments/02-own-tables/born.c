/* Has children, one after the other; each needs tables. */
#include "keelback.h"

int main(void)
{
    for (int child = 0; child < 3; child++) {
        if (sys_fork() == 0)
            sys_exit(0);
        sys_yield();
    }
    return 0;
}
