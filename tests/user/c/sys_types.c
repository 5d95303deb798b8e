/* <sys/types.h>: the types of Unix, by their signs. */
#include <stdio.h>
#include <sys/types.h>

int main(void)
{
    printf("%d %d %d\n", (pid_t)-1 < 0, (ssize_t)-1 < 0, (size_t)-1 > 0);
    printf("%d %d %d\n", (off_t)-1 < 0, (int)sizeof(off_t), (int)sizeof(pid_t));
}
