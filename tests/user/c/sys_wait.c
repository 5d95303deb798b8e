/* <sys/wait.h>: how children ended, by exit and by fault. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(int status)
{
    printf("%d %d %d %d\n", WIFEXITED(status), WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status),
           WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    fflush(stdout);
}

int main(void)
{
    volatile int zero = 0;

    for (int how = 0; how < 6; how++) {
        int status = 0;
        pid_t child = fork();

        if (child == 0) {
            switch (how) {
            case 0: exit(0);
            case 1: exit(300);
            case 2: *(volatile int *)0 = 1; break;
            case 3: printf("%d\n", 7 / zero); break;
            case 4: __asm__ volatile("ud2"); break;
            case 5: abort();
            }
            exit(99);
        }
        if (how % 2 == 0 ? wait(&status) != child : waitpid(child, &status, 0) != child)
            puts("another child");
        tell(status);
    }
    printf("%d\n", wait(NULL));
}
