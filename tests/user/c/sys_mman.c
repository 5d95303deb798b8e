/* <sys/mman.h>: memory that is mapped, protected and unmapped, and what a child of it sees. */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    char *memory = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int status;

    printf("%d %d\n", memory != MAP_FAILED, memory[5000]);
    memory[0] = 1;
    memory[8191] = 2;
    printf("%d\n", mprotect(memory, 4096, PROT_READ));
    fflush(stdout);
    if (fork() == 0) {
        printf("%d %d\n", memory[0], memory[8191]);
        fflush(stdout);
        memory[0] = 2;
        printf("written\n");
        _exit(0);
    }
    wait(&status);
    printf("%d %d\n", WIFSIGNALED(status), WTERMSIG(status));
    printf("%d\n", munmap(memory + 4096, 4096));
    printf("%d %d\n", memory[0], memory[8192]);
}
