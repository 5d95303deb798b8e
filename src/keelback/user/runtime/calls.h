/* Made of keelback/abi by tests/refresh_abi.py; a test holds it to that: the calls, errors and records. */

enum system_call {
    CALL_GETPID = 1, /* () -> the caller's process id */
    CALL_YIELD = 2, /* () -> 0, after the other ready processes have run */
    CALL_EXIT = 3, /* (status) -> does not return */
    CALL_PUTS = 4, /* (address, length) -> the length */
    CALL_SLEEP = 5, /* (ticks) -> 0, after that many ticks of 10 ms */
    CALL_FORK = 6, /* () -> the child's id; 0 in the child */
    CALL_DETACH = 7, /* () -> 0; the caller is nobody's child */
    CALL_EXEC = 8, /* (name, argument) -> does not return */
    CALL_SPAWN = 9, /* (name, argument) -> the child's id */
    CALL_WAIT = 10, /* (id, ending) -> the id of the child that ended */
    CALL_KILL = 11, /* (id) -> 0 */
    CALL_PAGE_ALLOC = 12, /* (address) -> 0 */
    CALL_MAP = 13, /* (address, length, permissions) -> the address */
    CALL_UNMAP = 14, /* (address, length) -> 0 */
    CALL_PROTECT = 15, /* (address, length, permissions) -> 0 */
    CALL_FRAME_COUNTS = 16, /* (counts) -> 0 */
    CALL_MALLOC_PAGES = 17, /* (count) -> the address */
    CALL_FREE_PAGES = 18, /* (address, count) -> 0 */
    CALL_LOAD_LIBRARY = 19, /* (name) -> the address of its link page */
    CALL_UNLOAD_LIBRARY = 20, /* (address) -> 0 */
    CALL_UPTIME = 21, /* (uptime) -> 0 */
    CALL_THREAD_CREATE = 22, /* (entry, stack, argument) -> the thread's id */
    CALL_THREAD_EXIT = 23, /* (value) -> does not return */
    CALL_THREAD_JOIN = 24, /* (id, value, ticks) -> the id of the thread that ended */
    CALL_THREAD_DETACH = 25, /* (id) -> 0 */
    CALL_THREAD_SELF = 26, /* () -> the caller's thread id */
    CALL_WAIT_ON = 27, /* (address, value, ticks) -> 0; 1 if the value is another already */
    CALL_WAKE = 28, /* (address, count) -> how many were woken */
    CALL_ENDPOINT_CREATE = 40, /* (most) -> a handle with all rights */
    CALL_ENDPOINT_DESTROY = 41, /* (handle) -> 0 */
    CALL_MINT = 42, /* (handle, rights, badge) -> the new handle */
    CALL_DROP = 43, /* (handle) -> 0 */
    CALL_SEND = 44, /* (handle, first, second, third) -> 0, when it was received */
    CALL_CALL = 45, /* (handle, first, second, third) -> 0, when the reply came */
    CALL_RECEIVE = 46, /* (handle) -> what came */
    CALL_REPLY = 47, /* (handle, first, second, third) -> 0, 1 when nobody took it */
    CALL_REPLY_RECEIVE = 48, /* (handles, first, second, third) -> what came */
    CALL_SIGNAL = 49, /* (handle, bits) -> 0 */
    CALL_SPAWN_WITH = 50, /* (name, argument, handles, count) -> the child's id */
    CALL_PROCESS_HANDLE = 51, /* (id) -> a handle */
    CALL_PROCESS_KILL = 52, /* (handle, id) -> 0 */
    CALL_PROCESS_WAIT = 53, /* (handle, ending) -> the id of the process that ended */
    CALL_THREAD_HANDLE = 54, /* (id) -> a handle */
    CALL_THREAD_WAIT = 55, /* (handle, value, ticks) -> the id of the thread that ended */
    CALL_THREAD_END = 56, /* (handle, value) -> 0 */
    CALL_OBJECT_CREATE = 70, /* (count) -> a handle */
    CALL_OBJECT_MAP = 71, /* (handle, address, length, part) -> the address */
    CALL_OBJECT_SIZE = 72, /* (handle) -> its pages */
    CALL_PAYLOAD_OBJECT = 73, /* () -> a handle */
    CALL_LINE_BIND = 80, /* (handle, interrupt) -> 0, 1 where no device answers */
    CALL_LINE_DONE = 81, /* (interrupt) -> 0 */
    CALL_LINE_READ = 82, /* (interrupt, place) -> its byte */
    CALL_LINE_WRITE = 83, /* (interrupt, place, value) -> 0 */
    CALL_LINE_UNBIND = 84, /* (interrupt) -> 0 */
    CALL_INTERRUPT_HANDLE = 85, /* (line) -> a handle */
    CALL_PROCESS_AFTER = 90, /* (id, facts) -> the id of the next process, 0 when there is none */
    NO_CALL = 91, /* nor is any number behind it */
};

enum system_error {
    ERROR_UNKNOWN_CALL = -1, /* There is no system call of that number. */
    ERROR_BAD_ADDRESS = -2, /* The memory is not the caller's to use. */
    ERROR_BAD_ARGUMENT = -3, /* An argument is out of range. */
    ERROR_OUT_OF_MEMORY = -4, /* There is not enough memory. */
    ERROR_NO_PROCESS_SLOT = -5, /* The process table is full. */
    ERROR_NO_SUCH_PROGRAM = -6, /* There is no program of that name in the payload. */
    ERROR_NOT_EXECUTABLE = -7, /* The file is not a program that this machine can run. */
    ERROR_TOO_MANY_REGIONS = -8, /* The process has too many memory regions. */
    ERROR_NO_SUCH_PROCESS = -9, /* There is no such process. */
    ERROR_NOT_PERMITTED = -10, /* That is not the caller's to do. */
    ERROR_NO_CHILD = -11, /* There is no child to wait for. */
    ERROR_NO_ROOM = -12, /* There is no room of that size in the address space. */
    ERROR_NO_SUCH_LIBRARY = -13, /* There is no library of that name in the payload. */
    ERROR_NOT_A_LIBRARY = -14, /* The file is not a library that this machine can map. */
    ERROR_TOO_MANY_LIBRARIES = -15, /* No more libraries can be loaded, or mapped by the process. */
    ERROR_TIMED_OUT = -16, /* The deadline came first. */
    ERROR_NO_SUCH_THREAD = -17, /* The process has no such thread that can be joined. */
    ERROR_NO_THREAD_SLOT = -18, /* The thread table is full. */
    ERROR_BAD_HANDLE = -19, /* The process has no such handle, or it names another kind of thing. */
    ERROR_CLOSED = -20, /* The endpoint is closed: nobody can receive there. */
    ERROR_NO_REPLY = -21, /* Nobody can reply any more. */
    ERROR_TOO_MANY_HANDLES = -22, /* The process has too many handles. */
    ERROR_NO_ENDPOINT_SLOT = -23, /* The table of endpoints is full. */
    ERROR_TOO_LARGE = -24, /* The message has more than there is room for. */
    ERROR_NO_OBJECT_SLOT = -25, /* The table of memory objects is full. */
};

enum permission {
    NO_ACCESS = 0,
    CAN_READ = 1,
    CAN_WRITE = 2, /* and read */
    CAN_EXECUTE = 8, /* and read; with i386 page tables what can be read can be executed */
    WITH_GUARD = 16, /* of map alone, with the others: the first page is a guard, which nobody may use */
    SPARSE = 4, /* of map alone, with one of the others: no promise, so a first touch may find no memory left */
};

enum right {
    MAY_SEND = 1, /* send, call and signal */
    MAY_RECEIVE = 2, /* receive, and choose the badges of new handles; wait for the end of what it names; drive its device */
    MAY_MAP = 4, /* map its pages */
    MAY_GRANT = 8, /* give it to others */
    MAY_DESTROY = 16, /* end what it names, for all */
    MAY_CHANGE = 32, /* map its pages so that they can be written; write to its device */
    ALL_RIGHTS = 63,
};

enum { EXITED = 1, FAULTED = 2, KILLED = 3, ANY_CHILD = -1 };

enum { IS_READY = 1, IS_ASLEEP = 2, IS_WAITING = 3, HAS_ENDED = 4 };

enum { NAMES = 1, MOST_HANDLES = 1024, MOST_DATA = 4096, MOST_PAGES = 1024, NOTIFIED = 65536, UNHEARD = 1, FOR_EVER = 0 };

#define NO_WAIT UINT32_MAX

/* How a child ended. */
struct ending {
    uint32_t how; /* EXITED, FAULTED or KILLED */
    int32_t status; /* what it exited with; the vector of its fault; who killed it */
};

/* How many page frames there are, who owns those in use, and how many are promised. */
struct frame_counts {
    uint32_t kernel_free; /* of the kernel zone */
    uint32_t kernel_total;
    uint32_t user_free;
    uint32_t user_total;
    uint32_t processes; /* from here on those in use, by owner */
    uint32_t kernel;
    uint32_t tables; /* page tables, and nodes of regions and handles */
    uint32_t libraries;
    uint32_t zero;
    uint32_t console; /* the screen's */
    uint32_t shared; /* of several processes, or of memory objects */
    uint32_t reserved;
    uint32_t kernel_promised; /* neither free nor in use: pages that are there may still need them */
    uint32_t user_promised;
};

/* How long the kernel has run. */
struct uptime {
    uint64_t ticks; /* of 10 ms; 64 bits on every machine, so that it never starts again */
};

/* What there is to tell of a process. */
struct process_facts {
    int32_t parent; /* its process id; 0: the kernel started it; -1: it is nobody's child */
    uint32_t state; /* IS_READY, IS_ASLEEP, IS_WAITING or HAS_ENDED */
    char name[32]; /* of its program, zero-padded */
};

/* A message of words, which registers carry; the kernel itself never looks here. */
struct words {
    uintptr_t first;
    uintptr_t second;
    uintptr_t third;
    uintptr_t badge; /* what came: that of the handle through which it was sent */
};

/* A message that has more than words, and the room for one that comes. */
struct message {
    uintptr_t first; /* these four as in a message of words */
    uintptr_t second;
    uintptr_t third;
    uintptr_t badge;
    const void *data; /* the address of the bytes that are sent */
    void *buffer; /* the address of the room for those that come */
    uint32_t length; /* how many bytes are sent, at most 4,096; afterwards how many came */
    uint32_t room; /* how many there is room for, at most 4,096 */
    uint32_t handle; /* a handle that is given, 0: none; afterwards the one that came */
    uint32_t rights; /* those that it is given with, 0: all that it has */
    uint32_t deadline; /* how many ticks to wait at most, FOR_EVER or NO_WAIT */
    uint32_t most_pages; /* how many pages may come, at most 1,024 */
    uint32_t page_count; /* how many pages are moved, at most 1,024; afterwards how many came */
    void *pages; /* the address of the first that is moved; afterwards of the first that came */
    void *place; /* where those that come go, 0: where there is room */
};

/* Return the process id of the caller. */
static inline int32_t sys_getpid(void)
{
    return (int32_t)sys_call(CALL_GETPID, 0, 0, 0, 0);
}

/* Run every other process that is ready before the caller goes on. */
static inline int32_t sys_yield(void)
{
    return (int32_t)sys_call(CALL_YIELD, 0, 0, 0, 0);
}

/* End the calling process. */
__attribute__((__noreturn__)) static inline void sys_exit(int32_t status)
{
    print_flush();
    for (;;)
        sys_call(CALL_EXIT, (uintptr_t)status, 0, 0, 0);
}

/* Write bytes to the console at once; return how many, or an error. */
static inline int32_t sys_puts(const char *address, size_t length)
{
    return (int32_t)sys_call(CALL_PUTS, (uintptr_t)address, length, 0, 0);
}

/* Wait for a number of timer ticks. */
static inline int32_t sys_sleep(uint32_t ticks)
{
    return (int32_t)sys_call(CALL_SLEEP, ticks, 0, 0, 0);
}

/* Make a child that is as the caller; return its id, 0 in the child, or an error. */
static inline int32_t sys_fork_child(void)
{
    print_flush();
    int32_t taker = __take_all(), result = (int32_t)sys_call(CALL_FORK, 0, 0, 0, 0);

    __leave_all(taker);
    return result;
}

/* Detach the caller from its parent. */
static inline int32_t sys_detach(void)
{
    return (int32_t)sys_call(CALL_DETACH, 0, 0, 0, 0);
}

/* Run another program of the payload instead of this one; return only if that failed. */
static inline int32_t sys_exec(const char *name, const char *argument)
{
    print_flush();
    return (int32_t)sys_call(CALL_EXEC, (uintptr_t)name, (uintptr_t)argument, 0, 0);
}

/* Start a program of the payload as a child; return its id, or an error. */
static inline int32_t sys_spawn(const char *name, const char *argument)
{
    print_flush();
    return (int32_t)sys_call(CALL_SPAWN, (uintptr_t)name, (uintptr_t)argument, 0, 0);
}

/* Wait until a child has ended, or any; return its id, or an error.  The ending may be 0. */
static inline int32_t sys_wait(int32_t id, struct ending *ending)
{
    return (int32_t)sys_call(CALL_WAIT, (uintptr_t)id, (uintptr_t)ending, 0, 0);
}

/* End the caller, or a process that descends from it. */
static inline int32_t sys_kill(int32_t id)
{
    return (int32_t)sys_call(CALL_KILL, (uintptr_t)id, 0, 0, 0);
}

/* Put a new page, zero and writable, at an address; what was there is freed. */
static inline int32_t sys_new_page(void *address)
{
    return (int32_t)sys_call(CALL_PAGE_ALLOC, (uintptr_t)address, 0, 0, 0);
}

/* Map zeros at an address, or where there is room (0); return the address, or an error. */
static inline void *sys_map(void *address, size_t length, enum permission permissions)
{
    return (void *)sys_call(CALL_MAP, (uintptr_t)address, length, permissions, 0);
}

/* Free the pages of a range. */
static inline int32_t sys_unmap(void *address, size_t length)
{
    return (int32_t)sys_call(CALL_UNMAP, (uintptr_t)address, length, 0, 0);
}

/* Give the pages of a range other permissions. */
static inline int32_t sys_protect(void *address, size_t length, enum permission permissions)
{
    return (int32_t)sys_call(CALL_PROTECT, (uintptr_t)address, length, permissions, 0);
}

/* Count page frames. */
static inline int32_t sys_frame_counts(struct frame_counts *counts)
{
    return (int32_t)sys_call(CALL_FRAME_COUNTS, (uintptr_t)counts, 0, 0, 0);
}

/* Take new pages of zeros in a row; return the address of the first, or an error. */
static inline void *sys_malloc_pages(size_t count)
{
    return (void *)sys_call(CALL_MALLOC_PAGES, count, 0, 0, 0);
}

/* Give pages back that `malloc_pages` took. */
static inline int32_t sys_free_pages(void *address, size_t count)
{
    return (int32_t)sys_call(CALL_FREE_PAGES, (uintptr_t)address, count, 0, 0);
}

/* Map a library of the payload; return the address of its link page (`library.h`), or an error. */
static inline void *sys_load_library(const char *name)
{
    return (void *)sys_call(CALL_LOAD_LIBRARY, (uintptr_t)name, 0, 0, 0);
}

/* Unmap the library whose link page is at an address. */
static inline int32_t sys_unload_library(void *address)
{
    return (int32_t)sys_call(CALL_UNLOAD_LIBRARY, (uintptr_t)address, 0, 0, 0);
}

/* Tell how long the kernel has run. */
static inline int32_t sys_uptime(struct uptime *uptime)
{
    return (int32_t)sys_call(CALL_UPTIME, (uintptr_t)uptime, 0, 0, 0);
}

/* Start a thread at an address, on the stack that ends at another, with an argument in eax; return its id. */
static inline int32_t sys_thread_create(void *entry, void *stack, void *argument)
{
    return (int32_t)sys_call(CALL_THREAD_CREATE, (uintptr_t)entry, (uintptr_t)stack, (uintptr_t)argument, 0);
}

/* End the calling thread; the process, if it is the last. */
__attribute__((__noreturn__)) static inline void sys_thread_exit(void *value)
{
    print_flush();
    for (;;)
        sys_call(CALL_THREAD_EXIT, (uintptr_t)value, 0, 0, 0);
}

/* Wait until a thread has ended, for a number of ticks or (0) for ever.  The address for its value may be 0. */
static inline int32_t sys_thread_join(int32_t id, void *value, uint32_t ticks)
{
    return (int32_t)sys_call(CALL_THREAD_JOIN, (uintptr_t)id, (uintptr_t)value, ticks, 0);
}

/* Detach a thread: nobody can join it, and it leaves nothing behind. */
static inline int32_t sys_thread_detach(int32_t id)
{
    return (int32_t)sys_call(CALL_THREAD_DETACH, (uintptr_t)id, 0, 0, 0);
}

/* Return the thread id of the caller. */
static inline int32_t sys_thread_self(void)
{
    return (int32_t)sys_call(CALL_THREAD_SELF, 0, 0, 0, 0);
}

/* Wait until the word at an address, if it has a value, is said to have changed; for ticks or (0) for ever. */
static inline int32_t sys_wait_on(void *address, uint32_t value, uint32_t ticks)
{
    return (int32_t)sys_call(CALL_WAIT_ON, (uintptr_t)address, value, ticks, 0);
}

/* Wake so many of those that wait on the word at an address. */
static inline int32_t sys_wake(void *address, uint32_t count)
{
    return (int32_t)sys_call(CALL_WAKE, (uintptr_t)address, count, 0, 0);
}

/* Make an endpoint, for messages of so many bytes at most, 0: of words; return a handle to it, or an error. */
static inline int32_t sys_endpoint_create(size_t most)
{
    return (int32_t)sys_call(CALL_ENDPOINT_CREATE, most, 0, 0, 0);
}

/* Close an endpoint for all: whoever waits there, or for a reply, is told so. */
static inline int32_t sys_endpoint_destroy(uint32_t handle)
{
    return (int32_t)sys_call(CALL_ENDPOINT_DESTROY, handle, 0, 0, 0);
}

/* Make another handle to the same, with some of its rights and a badge, 0: its own; return it, or an error. */
static inline int32_t sys_mint(uint32_t handle, enum right rights, uintptr_t badge)
{
    return (int32_t)sys_call(CALL_MINT, handle, rights, badge, 0);
}

/* Give a handle back; who waits for what it alone could do is told so. */
static inline int32_t sys_drop(uint32_t handle)
{
    return (int32_t)sys_call(CALL_DROP, handle, 0, 0, 0);
}

/* Send a message, and wait until it is received. */
static inline int32_t sys_send(uint32_t handle, const struct words *words)
{
    return (int32_t)keelback_send_words(CALL_SEND, handle, (const uintptr_t *)words);
}

/* Do the same with more than words. */
static inline int32_t sys_send_message(uint32_t handle, const struct message *message)
{
    return (int32_t)keelback_send(CALL_SEND, handle, (const uintptr_t *)message);
}

/* Send a message, and wait for the reply. */
static inline int32_t sys_call_endpoint(uint32_t handle, struct words *words)
{
    return (int32_t)keelback_words(CALL_CALL, handle, (uintptr_t *)words);
}

/* Do the same with more than words. */
static inline int32_t sys_call_message(uint32_t handle, struct message *message)
{
    return (int32_t)keelback_message(CALL_CALL, handle, (uintptr_t *)message);
}

/* Wait for a message; return the handle to reply to, 0 where no reply is awaited, or an error. */
static inline int32_t sys_receive(uint32_t handle, struct words *words)
{
    return (int32_t)keelback_words(CALL_RECEIVE, handle, (uintptr_t *)words);
}

/* Do the same with more than words. */
static inline int32_t sys_receive_message(uint32_t handle, struct message *message)
{
    return (int32_t)keelback_message(CALL_RECEIVE, handle, (uintptr_t *)message);
}

/* Reply to a call; return 1 when nobody waits for it any more. */
static inline int32_t sys_reply(uint32_t handle, const struct words *words)
{
    return (int32_t)keelback_send_words(CALL_REPLY, handle, (const uintptr_t *)words);
}

/* Do the same with more than words. */
static inline int32_t sys_reply_message(uint32_t handle, const struct message *message)
{
    return (int32_t)keelback_send(CALL_REPLY, handle, (const uintptr_t *)message);
}

/* Reply to a call, if the handle is not 0, and wait for the next message, as receive does. */
static inline int32_t sys_reply_receive(uint32_t handle, uint32_t reply, struct words *words)
{
    return (int32_t)keelback_words(CALL_REPLY_RECEIVE, handle | reply << 16, (uintptr_t *)words);
}

/* Do the same with more than words. */
static inline int32_t sys_reply_receive_message(uint32_t handle, uint32_t reply, struct message *message)
{
    return (int32_t)keelback_message(CALL_REPLY_RECEIVE, handle | reply << 16, (uintptr_t *)message);
}

/* Set bits of an endpoint, which its next receiver takes. */
static inline int32_t sys_signal(uint32_t handle, uintptr_t bits)
{
    return (int32_t)sys_call(CALL_SIGNAL, handle, bits, 0, 0);
}

/* Start a program as a child that has so many handles, in order from 1 on; return its id, or an error. */
static inline int32_t sys_spawn_with(const char *name, const char *argument, const uint32_t *handles, uint32_t count)
{
    print_flush();
    return (int32_t)sys_call(CALL_SPAWN_WITH, (uintptr_t)name, (uintptr_t)argument, (uintptr_t)handles, count);
}

/* Make a handle to the caller, or a process that descends from it; return it, or an error. */
static inline int32_t sys_process_handle(int32_t id)
{
    return (int32_t)sys_call(CALL_PROCESS_HANDLE, (uintptr_t)id, 0, 0, 0);
}

/* End the process of a handle, or one that descends from it. */
static inline int32_t sys_process_kill(uint32_t handle, int32_t id)
{
    return (int32_t)sys_call(CALL_PROCESS_KILL, handle, (uintptr_t)id, 0, 0);
}

/* Wait until the process of a handle has ended; return its id, or an error.  The ending may be 0. */
static inline int32_t sys_process_wait(uint32_t handle, struct ending *ending)
{
    return (int32_t)sys_call(CALL_PROCESS_WAIT, handle, (uintptr_t)ending, 0, 0);
}

/* Make a handle to a thread of the caller's process; return it, or an error. */
static inline int32_t sys_thread_handle(int32_t id)
{
    return (int32_t)sys_call(CALL_THREAD_HANDLE, (uintptr_t)id, 0, 0, 0);
}

/* Wait until the thread of a handle has ended, as `thread_join` does. */
static inline int32_t sys_thread_wait(uint32_t handle, void *value, uint32_t ticks)
{
    return (int32_t)sys_call(CALL_THREAD_WAIT, handle, (uintptr_t)value, ticks, 0);
}

/* End the thread of a handle, wherever it waits, with a value; its process, if it is the last. */
static inline int32_t sys_thread_end(uint32_t handle, void *value)
{
    return (int32_t)sys_call(CALL_THREAD_END, handle, (uintptr_t)value, 0, 0);
}

/* Make a memory object of so many pages of zeros; return a handle to it, or an error. */
static inline int32_t sys_object_create(size_t count)
{
    return (int32_t)sys_call(CALL_OBJECT_CREATE, count, 0, 0, 0);
}

/* Map a part of a memory object, from offset + rights on, at an address, or where there is room (0). */
static inline void *sys_object_map(uint32_t handle, void *address, size_t length, size_t part)
{
    return (void *)sys_call(CALL_OBJECT_MAP, handle, (uintptr_t)address, length, part);
}

/* Return how many pages a memory object has, or an error. */
static inline int32_t sys_object_size(uint32_t handle)
{
    return (int32_t)sys_call(CALL_OBJECT_SIZE, handle, 0, 0, 0);
}

/* Return a handle to a memory object that is the payload, to be mapped and read, or an error. */
static inline int32_t sys_payload_object(void)
{
    return (int32_t)sys_call(CALL_PAYLOAD_OBJECT, 0, 0, 0, 0);
}

/* Bind a device's interrupt to a bit of an endpoint; return 1 where no device answers, or an error. */
static inline int32_t sys_line_bind(uint32_t handle, uint32_t interrupt)
{
    return (int32_t)sys_call(CALL_LINE_BIND, handle, interrupt, 0, 0);
}

/* Allow a device to interrupt again, all of whose input was read. */
static inline int32_t sys_line_done(uint32_t interrupt)
{
    return (int32_t)sys_call(CALL_LINE_DONE, interrupt, 0, 0, 0);
}

/* Read a register of the device of an interrupt. */
static inline int32_t sys_line_read(uint32_t interrupt, uint32_t place)
{
    return (int32_t)sys_call(CALL_LINE_READ, interrupt, place, 0, 0);
}

/* Write a byte to a register of the device of an interrupt. */
static inline int32_t sys_line_write(uint32_t interrupt, uint32_t place, uint32_t value)
{
    return (int32_t)sys_call(CALL_LINE_WRITE, interrupt, place, value, 0);
}

/* Take an interrupt from the endpoint that it is bound to. */
static inline int32_t sys_line_unbind(uint32_t interrupt)
{
    return (int32_t)sys_call(CALL_LINE_UNBIND, interrupt, 0, 0, 0);
}

/* Make a handle to the interrupt of a line's device, to which there is none; return it, or an error. */
static inline int32_t sys_interrupt_handle(uint32_t line)
{
    return (int32_t)sys_call(CALL_INTERRUPT_HANDLE, line, 0, 0, 0);
}

/* Tell of the process with the lowest id above one; return its id, 0 when there is none, or an error. */
static inline int32_t sys_process_after(uint32_t id, struct process_facts *facts)
{
    return (int32_t)sys_call(CALL_PROCESS_AFTER, id, (uintptr_t)facts, 0, 0);
}
