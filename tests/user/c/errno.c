/* <errno.h>: the numbers that Unix has, and that a failed call leaves one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    printf("%d %d %d %d %d %d %d\n", EPERM, ENOENT, EAGAIN, ENOMEM, ECHILD, EINVAL, ERANGE);
    errno = 0;
    printf("%d ", wait(NULL));
    printf("%d\n", errno == ECHILD);
    errno = 0;
    printf("%d ", (int)write(99, "x", 1));
    printf("%d\n", errno == EBADF);
    errno = 0;
    printf("%d ", mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    printf("%d\n", errno == EINVAL);
    errno = 0;
    printf("%d ", execl("/nowhere/keelback-none", "x", (char *)NULL));
    printf("%d\n", errno == ENOENT);
    errno = 0;
    strtol("1", NULL, 99);
    printf("%d\n", errno == EINVAL);
}
