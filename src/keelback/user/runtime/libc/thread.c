/* A thread, as musl's sources see it: a record, which all share, and locks. */
#include "pthread_impl.h"
#include "sharing.h"

struct __libc __libc = {.threaded = 1}; /* so that each file has a lock from the start */

/* Return the record, filled in at run time: in a shared library no constant can be an address. */
uintptr_t __the_thread(void)
{
    static struct __pthread thread;

    thread.locale = &__libc.global_locale;
    return (uintptr_t)&thread;
}

/* Whatever is locked, it is the library. */
void __lock(volatile int *lock)
{
    take(SHARED_LIBRARY);
}

void __unlock(volatile int *lock)
{
    leave(SHARED_LIBRARY);
}
