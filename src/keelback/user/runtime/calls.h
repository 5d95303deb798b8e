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
    NO_CALL = 22, /* nor is any number behind it */
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
};

enum permission {
    NO_ACCESS = 0,
    CAN_READ = 1,
    CAN_WRITE = 2, /* and read */
    CAN_EXECUTE = 8, /* and read; with i386 page tables what can be read can be executed */
    SPARSE = 4, /* of map alone, with one of the others: no promise, so a first touch may find no memory left */
};

enum { EXITED = 1, FAULTED = 2, KILLED = 3, ANY_CHILD = -1 };

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
    uint32_t tables; /* page tables */
    uint32_t libraries;
    uint32_t zero;
    uint32_t console; /* the screen's */
    uint32_t shared; /* of several processes */
    uint32_t reserved;
    uint32_t kernel_promised; /* neither free nor in use: pages that are there may still need them */
    uint32_t user_promised;
};

/* How long the kernel has run. */
struct uptime {
    uint64_t ticks; /* of 10 ms; 64 bits on every machine, so that it never starts again */
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
    return (int32_t)sys_call(CALL_FORK, 0, 0, 0, 0);
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

/* End a process. */
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
