/* Forks until no slot is left, lets all go, and does it again: what a failed fork keeps would soon be missing. */
#include "keelback.h"

int main(void)
{
    for (int round = 0; round < 2; round++) {
        int32_t child = 1;
        int count = 0;

        while (count < 20 && (child = sys_fork()) > 0)
            count++;
        if (child == 0) {
            sys_yield();
            sys_exit(0);
        }
        sys_fork();
        sys_yield();
        sys_yield();
    }
    return 0;
}
