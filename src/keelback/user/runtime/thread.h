/*
 * Threads of a process, and what they wait for each other with.
 *
 * All memory is theirs in common but the stack of each, below which a guard of a page keeps an overflow from the next.
 * malloc, print and the C library are for all threads at once (docs/threads.md); `print_lock` keeps lines whole.
 * All zero is the first state of everything here: a mutex that nobody has, a semaphore of 0.
 */
#ifndef KEELBACK_THREAD_H
#define KEELBACK_THREAD_H

#include "keelback.h"

#ifdef __cplusplus
extern "C" {
#endif

#define THREAD_STACK 16384 /* bytes of a thread's stack, unless it is told */
#define THREAD_KEYS 8

/* Start a thread, which ends with what `run` returns; return its id, or an error. */
int32_t thread_start(void *(*run)(void *), void *argument);

/* The same, with so many bytes of stack, rounded up to pages. */
int32_t thread_start_on(size_t bytes, void *(*run)(void *), void *argument);

/* End the calling thread; the process, if it is the last. */
__attribute__((__noreturn__)) void thread_exit(void *value);

/* Wait until a thread has ended; return its id, or an error. What it ended with goes to `value`, unless that is NULL. */
int32_t thread_join(int32_t id, void **value);

/* Let nobody join a thread: when it has ended, its stack is for the next. */
int32_t thread_detach(int32_t id);

/*
 * End a thread wherever it waits, as if it had ended with a value; return 0, or an error.  The caller waits until the
 * thread has nothing of what the runtime shares, but mutexes of the program's own stay locked.
 */
int32_t thread_end(int32_t id, void *value);

/* Give the stacks back that wait for the next threads. */
void thread_trim(void);

/* Return the calling thread's id, which the kernel shows as the limit of a segment: no call is made. */
static inline int32_t thread_self(void)
{
    int32_t id;

    __asm__ volatile("lsl %1, %0" : "=r"(id) : "r"(0x43) : "cc");
    return id;
}

/* What is each thread's own, by a key: NULL at first. A child that is forked has that of the thread that forked. */
int32_t thread_key(void); /* a new key; -1 when there are as many as can be */
void *thread_get(int32_t key);
void thread_set(int32_t key, void *value);

/* What one thread at a time has. */
struct mutex {
    uint32_t state; /* 1: taken; 2: taken, and others may wait */
};
void mutex_lock(struct mutex *mutex);
int mutex_try(struct mutex *mutex); /* take it, if nobody has it; tell whether */
void mutex_unlock(struct mutex *mutex);

/* What others wait for until it may be so; they look again, with the mutex that they had. */
struct condition {
    uint32_t changes;
};
void condition_wait(struct condition *condition, struct mutex *mutex);
int condition_wait_until(struct condition *condition, struct mutex *mutex, uint32_t ticks); /* 0 when it was in time */
void condition_signal(struct condition *condition);
void condition_broadcast(struct condition *condition);

/* So many of something. */
struct semaphore {
    uint32_t count;
    uint32_t waiting;
};
void semaphore_wait(struct semaphore *semaphore);
int semaphore_try(struct semaphore *semaphore);
void semaphore_post(struct semaphore *semaphore);

/* What is done once, by the first that asks; the others wait until it is done. */
struct once {
    uint32_t state; /* 1: under way; 2: under way, and others wait; 3: done */
};
void call_once(struct once *once, void (*function)(void));
int once_begin(struct once *once); /* tell whether the caller is to do it, and then to call once_finish */
void once_finish(struct once *once);

/* Let no other thread print until `print_unlock`: what is printed between is whole. */
void print_lock(void);
void print_unlock(void);

#ifdef __cplusplus
}
#endif

#endif
