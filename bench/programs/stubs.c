/* Measures libraries: first where nobody has one, then in a child whose parent has it meanwhile. */
#include "libcount.h"
#include "measure.h"

/* The same as the library's, in the program itself. */
static __attribute__((noinline)) const char *name_here(uint32_t number)
{
    static const char names[] = "zero\0one\0two\0three";
    static const uint8_t starts[] = {0, 5, 9, 13};

    return number < 4 ? names + starts[number] : "many";
}

static struct rounds rounds, others;

static void load_and_unload(const char *load_name, const char *unload_name)
{
    for (int i = 0; i < ROUNDS; i++) {
        start();
        void *library = sys_load_library("libcount");
        stop(&rounds);
        start();
        sys_unload_library(library);
        stop(&others);
    }
    say(load_name, &rounds);
    say(unload_name, &others);
}

static void call(const struct libcount *count)
{
    /* So that no answer is known when this is compiled. */
    volatile uint32_t number = 2;
    const char *volatile answer;

    for (int i = 0; i < ROUNDS; i++) {
        start();
        answer = count->name(number);
        stop(&rounds);
    }
    say("stub", &rounds);
    for (int i = 0; i < ROUNDS; i++) {
        start();
        answer = name_here(number);
        stop(&rounds);
    }
    (void)answer;
    say("direct", &rounds);
}

int main(const char *argument)
{
    struct libcount count;

    measure_own_cost(&rounds);
    load_and_unload("first_load", "last_unload");
    if (load_libcount(&count) < 0)
        sys_panic("no libcount");
    call(&count);
    if (sys_fork_child() == 0) {
        sys_unload_library(count.library);
        load_and_unload("load", "unload");
        sys_exit(0);
    }
    sys_wait(ANY_CHILD, NULL);
    return 0;
}
