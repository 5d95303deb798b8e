/* errno of the one thread; malloc sets it, too. */
#include <errno.h>

void __no_room(void);

static int number;

int *__errno_location(void)
{
    return &number;
}

int *___errno_location(void) __attribute__((alias("__errno_location")));

void __no_room(void)
{
    number = ENOMEM;
}
