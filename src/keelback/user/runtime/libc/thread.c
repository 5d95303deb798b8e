/* The one thread that a process has, as musl's sources see it: its record, and locks that nobody else can hold. */
#include <errno.h>

#include "pthread_impl.h"
#include "stdio_impl.h"

struct __libc __libc;

/* Return the record, filled in at run time: in a shared library no constant can be an address. */
uintptr_t __the_thread(void)
{
    static struct __pthread thread;

    thread.tid = 1;
    thread.locale = &__libc.global_locale;
    return (uintptr_t)&thread;
}

void __lock(volatile int *lock)
{
}

void __unlock(volatile int *lock)
{
}

int __lockfile(FILE *file)
{
    return 0;
}

void __unlockfile(FILE *file)
{
}

/* Where locks of stdio's would wake who waits: nobody does, for anything, so nothing comes here. */
#undef __syscall3
long __syscall3(long number, ...)
{
    return -ENOSYS;
}
