/* Leave a line unfinished wherever the program becomes two, another, or ends. */
#include "keelback.h"

int main(const char *argument)
{
    uint32_t how = number_in(argument, 0);

    print("before the fork; ");
    int32_t child = sys_fork_child();
    if (child == 0) {
        print("child\n");
        return 0;
    }
    sys_wait(child, NULL);
    print("parent; ");
    sys_wait(sys_spawn("hello", ""), NULL);
    print(how == 0 ? "returned" : how == 1 ? "exited" : "executed ");
    if (how == 1)
        sys_exit(0);
    if (how == 2)
        sys_exec("hello", "");
    return 0;
}
