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

static void load_and_unload(const char *load_name, const char *unload_name)
{
    uint32_t unloads = 0xffffffff;

    for (int i = 0; i < ROUNDS; i++) {
        start();
        void *library = load_library("libcount");
        stop();
        started = time_stamp();
        unload_library(library);
        uint32_t unloaded = (uint32_t)(time_stamp() - started) - 2;
        if (unloaded < unloads)
            unloads = unloaded;
    }
    say(load_name);
    least = unloads;
    say(unload_name);
}

static void call(const struct libcount *count)
{
    /* So that no answer is known when this is compiled. */
    volatile uint32_t number = 2;
    const char *volatile answer;

    for (int i = 0; i < ROUNDS; i++) {
        start();
        answer = count->name(number);
        stop();
    }
    say("stub ");
    for (int i = 0; i < ROUNDS; i++) {
        start();
        answer = name_here(number);
        stop();
    }
    (void)answer;
    say("direct ");
}

int main(const char *argument)
{
    struct libcount count;

    load_and_unload("first_load ", "last_unload ");
    if (load_libcount(&count) < 0)
        sys_panic("no libcount");
    call(&count);
    if (fork() == 0) {
        unload_library(count.library);
        load_and_unload("load ", "unload ");
        sys_exit(0);
    }
    wait_for(ANY_CHILD, NULL);
    return 0;
}
