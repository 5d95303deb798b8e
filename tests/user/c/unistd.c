/* <unistd.h>: processes, the break, writing, options, the size of a page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void break_moves(void)
{
    char *start = sbrk(0), *first = sbrk(100), *second = sbrk(10000), *after;

    printf("%d %d ", first == start, second == first + 100);
    memset(first, 1, 10100);
    after = sbrk(0);
    printf("%td ", after - start);
    printf("%d ", sbrk(-10100) == (void *)after);
    printf("%d\n", sbrk(0) == (void *)start);
    printf("%d\n", sbrk(0x7fffffff) == (void *)-1 || sizeof(void *) == 8);
}

static void options(int count, char **words)
{
    int letter;

    while ((letter = getopt(count, words, "ab:c")) != -1)
        printf("%c=%s ", letter, letter == 'b' ? optarg : "");
    printf("%d %s\n", optind, words[optind]);
}

int main(void)
{
    char *words[] = {"name", "-a", "-b", "value", "-c", "rest", NULL};
    int status = 0, parent = getpid();
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0)
        _exit(getpid() != parent ? 42 : 1);
    printf("%d ", waitpid(child, &status, 0) == child);
    printf("%d %d\n", WIFEXITED(status), WEXITSTATUS(status));
    fflush(stdout);
    write(STDOUT_FILENO, "written\n", 8);
    printf("%ld %d\n", sysconf(_SC_PAGESIZE), getpagesize());
    options(6, words);
    break_moves();
    printf("%u ", sleep(0));
    printf("%d\n", usleep(1));
}
