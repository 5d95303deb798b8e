/* Measures memory and processes. */
#include "measure.h"

enum { PAGES = 256, PAGE = 4096, TABLE_REACH = 4 << 20 };

static struct rounds rounds, others;

static void zero_fill(void)
{
    char *memory = sys_map(NULL, (ROUNDS + 1) * PAGE, CAN_WRITE);

    memory[0] = 1;
    for (int i = 1; i <= ROUNDS; i++) {
        start();
        memory[i * PAGE] = 1;
        stop(&rounds);
    }
    sys_unmap(memory, (ROUNDS + 1) * PAGE);
    say("zero", &rounds);
}

static void first_read(void)
{
    volatile char *memory = sys_map(NULL, (ROUNDS + 1) * PAGE, CAN_WRITE);

    memory[0] = 1;
    for (int i = 1; i <= ROUNDS; i++) {
        start();
        (void)memory[i * PAGE];
        stop(&rounds);
    }
    sys_unmap((void *)memory, (ROUNDS + 1) * PAGE);
    say("read", &rounds);
}

/* The first page of what one page table reaches: its table comes with it, and goes with it. */
static void first_page_of_a_table(void)
{
    char *memory = sys_map(NULL, 2 * TABLE_REACH, CAN_WRITE);
    char *place = (char *)(((uintptr_t)memory + TABLE_REACH - 1) / TABLE_REACH * TABLE_REACH);

    for (int i = 0; i < ROUNDS; i++) {
        start();
        place[0] = 1;
        stop(&rounds);
        sys_unmap(place, PAGE);
        sys_map(place, PAGE, CAN_WRITE);
    }
    sys_unmap(memory, 2 * TABLE_REACH);
    say("table", &rounds);
}

static void map_touch_unmap(int pages, const char *name)
{
    for (int i = 0; i < ROUNDS; i++) {
        start();
        char *memory = sys_map(NULL, pages * PAGE, CAN_WRITE);
        for (int page = 0; page < pages; page++)
            memory[page * PAGE] = 1;
        sys_unmap(memory, pages * PAGE);
        stop(&rounds);
    }
    say(name, &rounds);
}

/* Among so many regions more, half of them below what is touched and changed, half above. */
static void among_regions(int regions, const char *touch, const char *change)
{
    char *below = (char *)0x50000000, *memory = below + regions / 2 * PAGE, *gap = memory + (ROUNDS + 2) * PAGE;

    for (int i = 0; i < regions; i++) {
        char *page = i < regions / 2 ? below + i * PAGE : gap + (1 + i - regions / 2) * PAGE;
        sys_map(page, PAGE, i % 2 ? CAN_WRITE : CAN_READ);
    }
    sys_map(memory, (ROUNDS + 1) * PAGE, CAN_WRITE);
    memory[0] = 1;
    for (int i = 1; i <= ROUNDS; i++) {
        start();
        memory[i * PAGE] = 1;
        stop(&rounds);
    }
    say(touch, &rounds);
    for (int i = 0; i < ROUNDS; i++) {
        start();
        sys_map(gap, PAGE, NO_ACCESS);
        sys_unmap(gap, PAGE);
        stop(&rounds);
    }
    say(change, &rounds);
    sys_unmap(below, (regions + ROUNDS + 3) * PAGE);
}

/* The child reads what the parent wrote, and writes: a copy.  Then the parent, the last holder, does. */
static void copy_on_write(void)
{
    char *memory = sys_map(NULL, ROUNDS * PAGE, CAN_WRITE);
    struct ending ending;

    for (int i = 0; i < ROUNDS; i++)
        memory[i * PAGE] = 1;
    if (sys_fork_child() == 0) {
        for (int i = 0; i < ROUNDS; i++) {
            start();
            memory[i * PAGE] = 2;
            stop(&rounds);
        }
        say("copy", &rounds);
        sys_exit(0);
    }
    sys_wait(ANY_CHILD, &ending);
    for (int i = 0; i < ROUNDS; i++) {
        start();
        memory[i * PAGE] = 3;
        stop(&rounds);
    }
    sys_unmap(memory, ROUNDS * PAGE);
    say("last", &rounds);
}

static void fork_exit_wait(const char *name, const char *fork_name)
{
    for (int i = 0; i < ROUNDS; i++) {
        start();
        if (sys_fork_child() == 0)
            sys_exit(0);
        uint32_t forked = since_start(); /* to be noted when it is no write to a shared page any more */
        sys_wait(ANY_CHILD, NULL);
        stop(&rounds);
        note(&others, forked);
    }
    say(name, &rounds);
    say(fork_name, &others);
}

static void fork_exit_wait_with(int pages, const char *name, const char *fork_name)
{
    char *memory = sys_map(NULL, pages * PAGE, CAN_WRITE);

    for (int i = 0; i < pages; i++)
        memory[i * PAGE] = 1;
    fork_exit_wait(name, fork_name);
    sys_unmap(memory, pages * PAGE);
}

static void fork_exec(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        start();
        if (sys_fork_child() == 0) {
            sys_exec("nothing", "");
            sys_panic("no nothing");
        }
        sys_wait(ANY_CHILD, NULL);
        stop(&rounds);
    }
    say("exec", &rounds);
}

static void spawn_exit(const char *program, const char *name)
{
    for (int i = 0; i < ROUNDS; i++) {
        start();
        if (failed(sys_spawn(program, "")))
            sys_panic("no such program");
        sys_wait(ANY_CHILD, NULL);
        stop(&rounds);
    }
    say(name, &rounds);
}

static void yield_and_back(void)
{
    int32_t partner = sys_fork_child();

    if (partner == 0)
        for (;;)
            sys_yield();
    for (int i = 0; i < ROUNDS; i++) {
        start();
        sys_yield();
        stop(&rounds);
    }
    sys_kill(partner);
    sys_wait(ANY_CHILD, NULL);
    say("yield", &rounds);
}

/* The pages are there after the first round, and stay. */
static void malloc_and_free(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        start();
        free(malloc(64));
        stop(&rounds);
    }
    malloc_trim();
    say("malloc", &rounds);
}

static void take_a_page_and_give_it_back(void)
{
    char *other = sys_malloc_pages(1); /* so that the table is there */

    for (int i = 0; i < ROUNDS; i++) {
        start();
        sys_free_pages(sys_malloc_pages(1), 1);
        stop(&rounds);
    }
    sys_free_pages(other, 1);
    say("malloc_page", &rounds);
}

/* One process: the object, its one page mapped, written and unmapped, and the object freed; then all but the first. */
static void share_a_page(void)
{
    char *other = sys_map(NULL, PAGE, CAN_WRITE); /* so that the table is there */

    other[0] = 1;
    for (int i = 0; i < ROUNDS; i++) {
        start();
        int32_t object = sys_object_create(1);
        char *shown = sys_map_object(object, NULL, PAGE, 0, CAN_WRITE);
        shown[0] = 1;
        sys_unmap(shown, PAGE);
        sys_drop(object);
        stop(&rounds);
    }
    say("object", &rounds);
    int32_t object = sys_object_create(64);
    for (int i = 0; i < ROUNDS; i++) {
        start();
        char *shown = sys_map_object(object, NULL, 64 * PAGE, 0, CAN_WRITE);
        for (int page = 0; page < 64; page++)
            shown[page * PAGE] = 1;
        sys_unmap(shown, 64 * PAGE);
        stop(&rounds);
    }
    say("object_64", &rounds);
    sys_drop(object);
    sys_unmap(other, PAGE);
}

int main(const char *argument)
{
    measure_own_cost(&rounds);
    zero_fill();
    first_read();
    first_page_of_a_table();
    map_touch_unmap(1, "map_1");
    map_touch_unmap(64, "map_64");
    among_regions(0, "touch", "change");
    among_regions(1000, "touch_many", "change_many");
    copy_on_write();
    fork_exit_wait("round", "fork");
    fork_exit_wait_with(PAGES, "some_round", "some_fork");
    fork_exit_wait_with(3 * PAGES, "many_round", "many_fork");
    fork_exec();
    yield_and_back();
    spawn_exit("nothing", "spawn");
    spawn_exit("zzz_nothing", "last_spawn");
    malloc_and_free();
    take_a_page_and_give_it_back();
    share_a_page();
    return 0;
}
