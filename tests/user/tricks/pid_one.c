/* Let the first process end and its number go round; what gets it then is like all others. */
#include "keelback.h"

static int32_t child_with_number_1(void)
{
    for (;;) {
        int32_t child = sys_fork_child();

        if (child == 0) {
            sys_sleep(20);
            sys_exit(0);
        }
        if (child == 1)
            return child;
        sys_kill(child);
        sys_wait(child, NULL);
    }
}

int main(const char *argument)
{
    struct ending ending;

    if (sys_fork_child() == 0) {
        int32_t result = sys_kill(1);

        for (; result == ERROR_NOT_PERMITTED; result = sys_kill(1))
            sys_yield();
        print_number(result); /* the first has ended */
        print("\n");
    }
    if (sys_getpid() == 1) {
        print_number(sys_kill(1));
        print(" is what the first hears\n");
        sys_call(CALL_DETACH, 0, 0, 0, 0);
        return 0;
    }
    print_number(sys_kill(child_with_number_1()));
    print_number(sys_wait(1, &ending) == 1 && ending.how == KILLED);
    print("\n");
    return 0;
}
