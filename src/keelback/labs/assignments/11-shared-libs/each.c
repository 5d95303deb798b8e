/* As many processes as the argument says load a library, and write its data; each must see its own alone. */
#include "libcount.h"

static struct libcount count;

int main(const char *argument)
{
    int32_t processes = (int32_t)number_in(argument, 2);
    struct ending ending;

    if (load_libcount(&count) != 0)
        return 1;
    for (int32_t number = 1; number <= processes; number++) {
        int32_t child = sys_fork_child();

        if (child == 0)
            sys_exit(count.next(number) == 100 + number && count.sum() == 100 + number ? 0 : 2);
        if (child < 0 || sys_wait(child, &ending) != child || ending.status != 0)
            return 3;
    }
    return count.next(5) == 105 && *count.name(3) == 't' ? 0 : 4;
}
