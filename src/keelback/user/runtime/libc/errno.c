/* errno of each thread; malloc sets it, too. */
#include <errno.h>

#include "sharing.h"

void __no_room(void);

static int number; /* the first thread's */

int *__errno_location(void)
{
    int *place = __sharing.error == NULL ? NULL : __sharing.error();

    return place == NULL ? &number : place;
}

int *___errno_location(void) __attribute__((alias("__errno_location")));

void __no_room(void)
{
    errno = ENOMEM;
}
