/*
 * Threads: their stacks, and what is each one's own.
 *
 *     base            guard, a page that nobody may use
 *     base + a page   the stack, downward from the record
 *     record          struct thread
 *     base + size
 *
 * A stack is mapped once and kept, while threads that are joined leave theirs to those that start.
 */
#include "thread.h"

#include "sharing.h"

enum { KEPT = 16, MOST = 1025 };

struct thread {
    void *(*run)(void *);
    void *argument;
    char *base; /* NULL: the first thread's */
    size_t size;
    int32_t id; /* 0: it has not run yet */
    int detached;
    int error; /* errno */
    struct thread *next; /* that ended, or whose stack waits for another */
    void *own[THREAD_KEYS];
};

static struct thread first_thread;
static struct thread *threads[MOST]; /* by id */
static struct thread *stacks, *ended;
static uint32_t kept, keys;
static int32_t process;

extern char __thread_entry[] __attribute__((visibility("hidden")));
__attribute__((used, visibility("hidden"), noreturn)) void __thread_run(struct thread *thread);

/* Where the kernel starts a thread: with its record in eax, and an outermost stack frame. */
#ifdef __x86_64__
__asm__(".text\n\t.hidden __thread_entry\n\t.globl __thread_entry\n__thread_entry:\n\t"
        "xorl %ebp, %ebp\n\tcall __thread_run\n\t.previous");
#else
__asm__(".text\n\t.hidden __thread_entry\n\t.globl __thread_entry\n__thread_entry:\n\t"
        "xorl %ebp, %ebp\n\tsubl $12, %esp\n\tpushl %eax\n\tcall __thread_run\n\t.previous");
#endif

static int has(const struct thread *thread, const void *address)
{
    return (char *)address >= thread->base && (char *)address < thread->base + thread->size;
}

/* Forget the threads that a process which was forked has not. */
static void forget_others(void)
{
    for (int id = 1; id < MOST; id++)
        threads[id] = NULL;
    ended = NULL;
}

/* Return the record of a thread that has none under its id: the first, or that of a process that was forked. */
static struct thread *find(int32_t id)
{
    struct thread *thread = &first_thread;

    for (int other = 1; other < MOST; other++)
        if (threads[other] != NULL && has(threads[other], &id))
            thread = threads[other];
    if (process != sys_getpid())
        forget_others();
    process = sys_getpid();
    thread->id = id;
    threads[id] = thread;
    return thread;
}

/* Return the record of the calling thread. */
static struct thread *mine(void)
{
    int32_t id = thread_self();
    struct thread *thread = threads[id];

    return thread != NULL && thread->id == id ? thread : find(id);
}

/* Return where errno of the calling thread is; NULL: of the first. */
static int *error_of_mine(void)
{
    struct thread *thread = mine();

    return thread == &first_thread ? NULL : &thread->error;
}

/* Lock what threads share from now on. */
static void begin_sharing(void)
{
    if (__sharing.take == NULL)
        __share(error_of_mine);
}

/* What programs in Kernel Python call, who have no headers. */
int32_t __thread_id(void)
{
    return thread_self();
}

__attribute__((used, visibility("hidden"), noreturn)) void __thread_run(struct thread *thread)
{
    thread->id = thread_self();
    threads[thread->id] = thread;
    thread_exit(thread->run(thread->argument));
}

static size_t size_for(size_t bytes)
{
    return (bytes + sizeof(struct thread) + PAGESIZE - 1) / PAGESIZE * PAGESIZE + PAGESIZE;
}

/* Return a stack that waits, of a size; NULL when none does. The caller has the stacks. */
static struct thread *take_stack(size_t size)
{
    for (struct thread **place = &stacks; *place != NULL; place = &(*place)->next) {
        struct thread *thread = *place;
        if (thread->size == size) {
            *place = thread->next;
            kept--;
            return thread;
        }
    }
    return NULL;
}

static intptr_t map_stack(size_t size)
{
    intptr_t base = (intptr_t)sys_map(NULL, size, CAN_WRITE | WITH_GUARD);

    if (failed(base))
        return base;
    struct thread *thread = (struct thread *)(base + size - sizeof(struct thread));
    thread->base = (char *)base;
    thread->size = size;
    return (intptr_t)thread;
}

/* Keep the stack of a thread that is joined for another, or give it back. The caller has the stacks. */
static void leave_stack(struct thread *thread)
{
    if (thread->base == NULL)
        return;
    if (kept == KEPT) {
        sys_unmap(thread->base, thread->size);
        return;
    }
    thread->next = stacks;
    stacks = thread;
    kept++;
}

/* Forget a thread that the kernel knows no more. The caller has the stacks. */
static void forget(int32_t id)
{
    struct thread *thread = threads[id];

    threads[id] = NULL;
    if (thread != NULL)
        leave_stack(thread);
}

/* Join those that are detached and have ended. The caller has the stacks. */
static void reap(void)
{
    while (ended != NULL) {
        struct thread *thread = ended;
        ended = thread->next;
        sys_thread_join(thread->id, NULL, 0);
        forget(thread->id);
    }
}

/* Start a thread whose stack is there; return its id, or an error. The caller has the stacks. */
static int32_t start(struct thread *thread, void *(*run)(void *), void *argument)
{
    thread->run = run;
    thread->argument = argument;
    thread->id = 0;
    thread->detached = 0;
    thread->error = 0;
    thread->next = NULL;
    for (int key = 0; key < THREAD_KEYS; key++)
        thread->own[key] = NULL;
    int32_t id = sys_thread_create(__thread_entry, (void *)((uintptr_t)thread & -(uintptr_t)16), thread);
    if (failed(id))
        leave_stack(thread);
    else
        threads[id] = thread;
    return id;
}

int32_t thread_start(void *(*run)(void *), void *argument)
{
    return thread_start_on(THREAD_STACK - sizeof(struct thread), run, argument);
}

int32_t thread_start_on(size_t bytes, void *(*run)(void *), void *argument)
{
    size_t size = size_for(bytes);

    if (size < bytes)
        return ERROR_BAD_ARGUMENT;
    mine();
    begin_sharing();
    mutex_lock(&__stacks);
    reap();
    intptr_t made = (intptr_t)take_stack(size);
    if (made == 0)
        made = map_stack(size);
    int32_t id = failed(made) ? (int32_t)made : start((struct thread *)made, run, argument);
    mutex_unlock(&__stacks);
    return id;
}

void thread_exit(void *value)
{
    struct thread *thread = mine();

    print_flush(); /* here: who has the stacks may wait for the end of this thread */
    mutex_lock(&__stacks);
    if (thread->detached) {
        thread->next = ended;
        ended = thread;
        thread->detached = 2;
    } else
        thread->detached = -1;
    mutex_unlock(&__stacks);
    for (;;)
        sys_call(CALL_THREAD_EXIT, (uintptr_t)value, 0, 0, 0);
}

int32_t thread_join(int32_t id, void **value)
{
    if (id > 0 && id < MOST && threads[id] != NULL && threads[id]->detached > 0)
        return ERROR_NO_SUCH_THREAD;
    int32_t result = sys_thread_join(id, value, 0);
    if (!failed(result)) {
        mutex_lock(&__stacks);
        forget(id);
        mutex_unlock(&__stacks);
    }
    return result;
}

int32_t thread_detach(int32_t id)
{
    int32_t result = ERROR_NO_SUCH_THREAD;

    mine();
    mutex_lock(&__stacks);
    struct thread *thread = id > 0 && id < MOST ? threads[id] : NULL;
    if (thread != NULL && thread->detached <= 0) {
        result = 0;
        if (thread->detached == -1) { /* it has ended, or is about to */
            thread->detached = 2;
            thread->next = ended;
            ended = thread;
        } else
            thread->detached = 1;
    }
    mutex_unlock(&__stacks);
    return result;
}

/* End a thread that holds nothing of what is shared, and keep its stack for the next if it is detached. */
static int32_t end_other(int32_t id, void *value)
{
    struct thread *thread = id > 0 && id < MOST ? threads[id] : NULL;

    if (thread == NULL || thread->detached == 2)
        return ERROR_NO_SUCH_THREAD;
    int32_t handle = sys_thread_handle(id);
    if (failed(handle))
        return handle;
    int32_t result = sys_thread_end((uint32_t)handle, value);
    sys_drop((uint32_t)handle);
    if (!failed(result) && thread->detached == 1) {
        thread->detached = 2;
        thread->next = ended;
        ended = thread;
    } else if (!failed(result))
        thread->detached = -1;
    return result;
}

int32_t thread_end(int32_t id, void *value)
{
    mine();
    if (id == thread_self())
        thread_exit(value);
    int32_t taker = __take_all(), result = end_other(id, value);
    __leave_all(taker);
    return result;
}

void thread_trim(void)
{
    mutex_lock(&__stacks);
    reap();
    while (stacks != NULL) {
        struct thread *thread = stacks;
        stacks = thread->next;
        sys_unmap(thread->base, thread->size);
    }
    kept = 0;
    mutex_unlock(&__stacks);
}

int32_t thread_key(void)
{
    uint32_t key = __atomic_fetch_add(&keys, 1, __ATOMIC_SEQ_CST);

    return key < THREAD_KEYS ? (int32_t)key : -1;
}

void *thread_get(int32_t key)
{
    return mine()->own[key];
}

void thread_set(int32_t key, void *value)
{
    mine()->own[key] = value;
}

void print_lock(void)
{
    begin_sharing();
    take(SHARED_LINE);
}

void print_unlock(void)
{
    print_flush();
    leave(SHARED_LINE);
}
