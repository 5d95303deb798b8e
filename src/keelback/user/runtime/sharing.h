/*
 * What the threads of a process share in the runtime, and how one at a time has it.
 *
 * A process that has started no thread locks nothing.  The first `thread_start` calls `__share`, so a program that
 * starts none has no byte of what locks.
 */
#pragma once
#include "keelback.h"

/* What is shared by more than one function at a time: who has it may take it again. */
enum shared { SHARED_LINE, SHARED_LIBRARY, SHARED_COUNT };

/* What is done once there are several threads; all NULL until then. Kernel Python calls the first two (`system.py`). */
struct mutex;
struct sharing {
    void (*take)(enum shared what);
    void (*leave)(enum shared what); /* nothing, if the caller has not taken it */
    void (*lock)(struct mutex *mutex);
    void (*unlock)(struct mutex *mutex);
    int32_t (*take_all)(void); /* return the caller's id */
    void (*leave_all)(int32_t taker); /* by its id before the fork; in the child it has another */
    int *(*error)(void); /* return where errno of the calling thread is; NULL: of the first */
};
extern __attribute__((__visibility__("hidden"))) struct sharing __sharing;

/* The stacks that `threads.c` keeps. Who needs several locks takes them as the line, the library, the stacks, malloc. */
extern __attribute__((__visibility__("hidden"))) struct mutex __stacks;

void __share(int *(*error)(void));

static inline void take(enum shared what)
{
    if (__sharing.take != NULL)
        __sharing.take(what);
}

static inline void leave(enum shared what)
{
    if (__sharing.leave != NULL)
        __sharing.leave(what);
}
