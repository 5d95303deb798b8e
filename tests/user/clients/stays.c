/* Leaves a child, which reads by its handle when the shell reads again, and when another program was lent one. */
#include "request.h"

int main(void)
{
    if (sys_fork() != 0)
        return 0;
    for (int i = 0; i < 2; i++) {
        sys_sleep(20);
        printf("stays: %d\n", request(INPUT_HANDLE, STREAM_READ));
    }
    return 0;
}
