/*
 * One thread at a time with a file of stdio's: `__lockfile` is called wherever a function of stdio starts.
 *
 * stdout and stderr come to the line that print has, so that line's lock is theirs.  Other files lie in memory: the lock
 * of each has the id of the thread that has it, and a bit where others wait; who has it may take it again.
 */
#include "console.h"
#include "sharing.h"
#include "thread.h"

enum { WAITED_FOR = 1 << 30 };

static int is_console(const FILE *file)
{
    return file->close == __no_close;
}

static int exchanged(FILE *file, int before, int after)
{
    __atomic_compare_exchange_n(&file->lock, &before, after, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return before;
}

/* Take a file's lock, if nobody else has it; tell who has, 0: the caller now. */
static int try_file(FILE *file, int self)
{
    int found = exchanged(file, 0, self);

    return (found & ~WAITED_FOR) == self ? self : found;
}

/* Take a file; tell whether it is to be given back, which the caller's own is not. */
int __lockfile(FILE *file)
{
    int self, found;

    if (__sharing.take == NULL)
        return 0;
    if (is_console(file)) {
        take(SHARED_LINE);
        return 1;
    }
    self = thread_self();
    found = try_file(file, self);
    if (found == self)
        return 0;
    for (; found != 0; found = exchanged(file, 0, self | WAITED_FOR)) {
        exchanged(file, found & ~WAITED_FOR, found | WAITED_FOR);
        sys_wait_on((uint32_t *)&file->lock, (uint32_t)(found | WAITED_FOR), 0);
    }
    return 1;
}

void __unlockfile(FILE *file)
{
    if (is_console(file))
        leave(SHARED_LINE);
    else if (__atomic_exchange_n(&file->lock, 0, __ATOMIC_SEQ_CST) & WAITED_FOR)
        sys_wake((uint32_t *)&file->lock, 1);
}

void flockfile(FILE *file)
{
    if (!__lockfile(file))
        file->lockcount++;
}

void funlockfile(FILE *file)
{
    if (file->lockcount > 0)
        file->lockcount--;
    else if (__sharing.take != NULL)
        __unlockfile(file);
}

/* In a child that was forked, give files back that other threads had, and let the caller keep its own. */
void __leave_files(int32_t taker)
{
    for (FILE *file = *__ofl_lock(); file != NULL; file = file->next)
        if (file->lock > 0)
            file->lock = (file->lock & ~WAITED_FOR) == taker ? thread_self() : 0;
    __ofl_unlock();
}
