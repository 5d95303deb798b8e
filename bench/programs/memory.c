/* Measures memory and processes. */
#include "measure.h"

enum { PAGES = 256, PAGE = 4096 };

static void zero_fill(void)
{
    char *memory = map_memory(NULL, ROUNDS * PAGE, CAN_WRITE);

    memory[0] = 1;
    for (int i = 1; i < ROUNDS; i++) {
        start();
        memory[i * PAGE] = 1;
        stop();
    }
    unmap_memory(memory, ROUNDS * PAGE);
    say("zero ");
}

/* The child reads what the parent wrote, and writes: a copy.  Then the parent, the last holder, does. */
static void copy_on_write(void)
{
    char *memory = map_memory(NULL, ROUNDS * PAGE, CAN_WRITE);
    struct ending ending;

    for (int i = 0; i < ROUNDS; i++)
        memory[i * PAGE] = 1;
    if (fork() == 0) {
        for (int i = 0; i < ROUNDS; i++) {
            start();
            memory[i * PAGE] = 2;
            stop();
        }
        say("copy ");
        sys_exit(0);
    }
    wait_for(ANY_CHILD, &ending);
    for (int i = 0; i < ROUNDS; i++) {
        start();
        memory[i * PAGE] = 3;
        stop();
    }
    unmap_memory(memory, ROUNDS * PAGE);
    say("last ");
}

static void fork_exit_wait(const char *name, const char *fork_name)
{
    uint32_t forks = 0xffffffff;

    for (int i = 0; i < ROUNDS; i++) {
        start();
        if (fork() == 0)
            sys_exit(0);
        uint32_t forked = (uint32_t)(time_stamp() - started) - 2;
        if (forked < forks)
            forks = forked;
        wait_for(ANY_CHILD, NULL);
        stop();
    }
    say(name);
    least = forks;
    say(fork_name);
}

static void fork_exit_wait_with(int pages, const char *name, const char *fork_name)
{
    char *memory = map_memory(NULL, pages * PAGE, CAN_WRITE);

    for (int i = 0; i < pages; i++)
        memory[i * PAGE] = 1;
    fork_exit_wait(name, fork_name);
    unmap_memory(memory, pages * PAGE);
}

static void spawn_exit(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        start();
        if (failed(spawn("nothing", "")))
            sys_panic("no nothing");
        wait_for(ANY_CHILD, NULL);
        stop();
    }
    say("spawn ");
}

static void yield_and_back(void)
{
    int32_t partner = fork();

    if (partner == 0)
        for (;;)
            sys_yield();
    for (int i = 0; i < 10 * ROUNDS; i++) {
        start();
        sys_yield();
        stop();
    }
    kill(partner);
    wait_for(ANY_CHILD, NULL);
    say("yield ");
}

/* The pages are there after the first round, and stay. */
static void malloc_and_free(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        start();
        free(malloc(64));
        stop();
    }
    malloc_trim();
    say("malloc ");
}

static void take_a_page_and_give_it_back(void)
{
    char *other = malloc_pages(1); /* so that the table is there */

    for (int i = 0; i < ROUNDS; i++) {
        start();
        free_pages(malloc_pages(1), 1);
        stop();
    }
    free_pages(other, 1);
    say("malloc_page ");
}

int main(const char *argument)
{
    zero_fill();
    copy_on_write();
    fork_exit_wait("round ", "fork ");
    fork_exit_wait_with(PAGES, "some_round ", "some_fork ");
    fork_exit_wait_with(3 * PAGES, "many_round ", "many_fork ");
    yield_and_back();
    spawn_exit();
    malloc_and_free();
    take_a_page_and_give_it_back();
    return 0;
}
