"""Threads of programs in Kernel Python, and what they wait for each other with: the same as `runtime/thread.h` has.

A program whose class has a `thread` method may start threads: each runs that, with an argument of its own.

    class Sum(Program):
        def __init__(self, ram, records, kernel):
            super().__init__(ram, records, kernel)
            self.threads = Threads()
            self.lock = records.struct(Mutex)

        def thread(self, argument: word) -> word: ...

Methods have the names that Python's `threading` gives them.  All zero is the first state of everything here: a mutex
that nobody has, a semaphore of 0.  In CPython there is one thread: to wait for another is a `Panic`.
"""

from keelback.lang import Component, Panic, Struct, i32, native, u32, word

_DONE = 3
ONE_THREAD = "a program has one thread in CPython: run it compiled"


class ThreadValue(Struct):
    """What a thread ended with."""

    value: word


class Mutex(Struct):
    """What one thread at a time has."""

    state: u32  # 1: taken; 2: taken, and others may wait

    @native("extern void mutex_lock(void *); mutex_lock(self);")
    def acquire(self) -> None:
        """Take it; wait while another thread has it."""
        _need(self.state == 0)
        self.state = 1

    @native("extern i32 mutex_try(void *); return mutex_try(self) != 0;")
    def try_acquire(self) -> bool:
        """Take it, if nobody has it; say whether."""
        if self.state != 0:
            return False
        self.state = 1
        return True

    @native("extern void mutex_unlock(void *); mutex_unlock(self);")
    def release(self) -> None:
        """Give it to the next."""
        self.state = 0


class Condition(Struct):
    """What others wait for until it may be so; they look again, with the mutex that they had."""

    changes: u32

    @native("extern void condition_wait(void *, void *); condition_wait(self, mutex);")
    def sleep(self, mutex: Mutex) -> None:
        """Let go of a mutex, wait for a signal, and take the mutex again."""
        _need(False)

    @native(
        "extern i32 condition_wait_until(void *, void *, u32); return condition_wait_until(self, mutex, ticks) == 0;"
    )
    def sleep_until(self, mutex: Mutex, ticks: u32) -> bool:
        """Do the same for so many ticks at most; say whether it was in time."""
        return False

    @native("extern void condition_signal(void *); condition_signal(self);")
    def notify(self) -> None:
        """Wake one thread that waits."""
        self.changes += 1

    @native("extern void condition_broadcast(void *); condition_broadcast(self);")
    def notify_all(self) -> None:
        """Wake all threads that wait."""
        self.changes += 1


class Semaphore(Struct):
    """So many of something."""

    count: u32
    waiting: u32

    @native("extern void semaphore_wait(void *); semaphore_wait(self);")
    def acquire(self) -> None:
        """Take one; wait while there is none."""
        _need(self.count > 0)
        self.count -= 1

    @native("extern i32 semaphore_try(void *); return semaphore_try(self) != 0;")
    def try_acquire(self) -> bool:
        """Take one, if there is one; say whether."""
        if self.count == 0:
            return False
        self.count -= 1
        return True

    @native("extern void semaphore_post(void *); semaphore_post(self);")
    def release(self) -> None:
        """Add one."""
        self.count += 1


class Once(Struct):
    """What is done once, by the first that asks: `if once.is_first(): ...; once.done()`."""

    state: u32  # 1: under way; 2: under way, and others wait; 3: done

    @native("extern i32 once_begin(void *); return once_begin(self) != 0;")
    def is_first(self) -> bool:
        """Say whether the caller is the one that does it; the others wait until it is done."""
        _need(self.state in (0, _DONE))
        if self.state == _DONE:
            return False
        self.state = 1
        return True

    @native("extern void once_finish(void *); once_finish(self);")
    def done(self) -> None:
        """Let the others go on: it is done."""
        self.state = _DONE


class Threads(Component):
    """The threads of a program."""

    @native(
        "extern i32 thread_start(word (*)(word), word); extern word thread_of_program(word);"
        " return (u32)thread_start(thread_of_program, argument);"
    )
    def start(self, argument: word) -> u32:
        """Start a thread, which runs the program's `thread` with an argument; return its id, or an error."""
        raise NotImplementedError(ONE_THREAD)

    @native(
        "extern i32 thread_start_on(word, word (*)(word), word); extern word thread_of_program(word);"
        " return (u32)thread_start_on(bytes, thread_of_program, argument);"
    )
    def start_on(self, bytes: word, argument: word) -> u32:
        """Do the same with so many bytes of stack, rounded up to pages."""
        raise NotImplementedError(ONE_THREAD)

    @native("extern i32 thread_join(i32, void *); return (u32)thread_join((i32)id, value);")
    def join(self, id: u32, value: ThreadValue) -> u32:
        """Wait until a thread has ended, and take what it ended with; return its id, or an error."""
        raise NotImplementedError(ONE_THREAD)

    @native("extern i32 thread_detach(i32); return (u32)thread_detach((i32)id);")
    def detach(self, id: u32) -> u32:
        """Detach a thread: nobody can join it; its stack is for the next that starts."""
        raise NotImplementedError(ONE_THREAD)

    @native("extern i32 thread_end(i32, word); return (u32)thread_end((i32)id, value);")
    def end(self, id: u32, value: word) -> u32:
        """End a thread wherever it waits, as if it had ended with a value; return 0, or an error.

        Mutexes that the thread has stay taken.
        """
        raise NotImplementedError(ONE_THREAD)

    @native("extern i32 __thread_id(void); return (u32)__thread_id();")
    def own_id(self) -> u32:
        """Return the calling thread's id; no system call is made."""
        return 1

    @native("extern i32 thread_key(void); return thread_key();")
    def key(self) -> i32:
        """Return a new key for what is each thread's own, 0 to 7; -1 when all are taken."""
        raise NotImplementedError(ONE_THREAD)

    @native("extern word thread_get(i32); return thread_get(key);")
    def get(self, key: i32) -> word:
        """Return the calling thread's own word of a key, 0 at first."""
        raise NotImplementedError(ONE_THREAD)

    @native("extern void thread_set(i32, word); thread_set(key, value);")
    def set(self, key: i32, value: word) -> None:
        """Set the calling thread's own word of a key."""
        raise NotImplementedError(ONE_THREAD)


def _need(holds: bool) -> None:
    """End a program in CPython that would wait for another thread.  Raises: Panic."""
    if not holds:
        raise Panic("the only thread would wait for ever")
