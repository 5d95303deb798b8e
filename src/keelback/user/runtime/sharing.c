/* What threads share in the runtime: nothing is locked until there are several. */
#include "sharing.h"

#include "thread.h"

struct sharing __sharing;
struct mutex __stacks;
static struct mutex heap;

/* malloc and free of fewer bytes need no lock: 0 once there are several threads. */
__attribute__((__visibility__("hidden"))) uint16_t __quick_bytes;

static struct {
    struct mutex mutex;
    int32_t taker; /* a thread's id; 0: nobody */
    uint32_t times;
} locks[SHARED_COUNT];

static void take_shared(enum shared what)
{
    int32_t self = thread_self();

    if (locks[what].taker != self) {
        mutex_lock(&locks[what].mutex);
        locks[what].taker = self;
    }
    locks[what].times++;
}

static void leave_shared(enum shared what)
{
    if (locks[what].taker != thread_self() || --locks[what].times > 0)
        return;
    locks[what].taker = 0;
    mutex_unlock(&locks[what].mutex);
}

static int32_t take_all(void)
{
    take_shared(SHARED_LINE);
    take_shared(SHARED_LIBRARY);
    mutex_lock(&__stacks);
    mutex_lock(&heap);
    return thread_self();
}

/* What stdio has of its own to leave in a child that was forked (`libc/file_locks.c`). */
__attribute__((__weak__)) void __leave_files(int32_t taker)
{
    (void)taker;
}

static void leave_all(int32_t taker)
{
    mutex_unlock(&heap);
    mutex_unlock(&__stacks);
    for (int what = SHARED_COUNT; what-- > 0;) {
        locks[what].taker = thread_self();
        leave_shared((enum shared)what);
    }
    if (taker != thread_self())
        __leave_files(taker);
}

void __share(int *(*error)(void))
{
    __sharing = (struct sharing){
        take_shared, leave_shared, mutex_lock, mutex_unlock, take_all, leave_all, error,
    };
    __quick_bytes = 0;
}

/* Take the heap; while there is one thread, so many bytes and more alone come here. */
void __take_heap(size_t quick_bytes)
{
    if (__sharing.lock == NULL)
        __quick_bytes = (uint16_t)quick_bytes;
    else
        __sharing.lock(&heap);
}

void __leave_heap(void)
{
    if (__sharing.unlock != NULL)
        __sharing.unlock(&heap);
}

/* Take all that is shared, so that no other thread is at it: for a fork, whose child finds it whole, and to end one. */
int32_t __take_all(void)
{
    return __sharing.take_all == NULL ? 0 : __sharing.take_all();
}

void __leave_all(int32_t taker)
{
    if (__sharing.leave_all != NULL)
        __sharing.leave_all(taker);
}
