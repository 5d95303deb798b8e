/* The one thread that a process has, as musl's sources see it: its record, and locks that nobody else can hold. */
#include <errno.h>

#include "pthread_impl.h"
#include "stdio_impl.h"

struct __libc __libc;

struct __pthread __only_thread = {.tid = 1, .locale = &__libc.global_locale};

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
