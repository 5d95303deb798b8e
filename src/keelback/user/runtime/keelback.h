/*
 * The kernel as a program sees it: its system calls, and a small library on top of them.
 *
 * A system call is `int $0x80`:
 *
 *     eax                  the number of the call; 0 is never valid
 *     ebx, esi, edi, ebp   its arguments, at most four
 *     eax, after it        the result: -1 ... -255 is an error, everything else is success
 *     ecx, edx, flags      lost; all other registers are kept
 *
 * A program starts in `_start`, as if it had been called with one argument, a pointer to a string:
 *
 *     top of the stack   the argument string, ends with 0; "" if none was given
 *                        ...
 *     esp + 4            the pointer to it
 *     esp                a return address of 0; esp + 4 is a multiple of 16
 *
 * The runtime's `_start` calls `int main(const char *argument)` and exits with what it returns.
 * A status of 0 says that the program ended well.
 */
#ifndef KEELBACK_H
#define KEELBACK_H

#include <stddef.h>
#include <stdint.h>

enum system_call {
    CALL_GETPID = 1, /* ()                -> the caller's process id */
    CALL_YIELD = 2,  /* ()                -> 0, after the others had their turn */
    CALL_EXIT = 3,   /* (status)          -> never */
    CALL_PUTS = 4,   /* (address, length) -> bytes written to the console */
    CALL_SLEEP = 5,  /* (ticks)           -> 0, at least that many timer ticks later */
    CALL_FORK = 6,   /* ()                -> the child's id; 0 in the child */
    CALL_DETACH = 7, /* ()                -> 0; the caller is nobody's child then */
    CALL_EXEC = 8,   /* (name, argument)  -> never, or an error */
    CALL_SPAWN = 9,  /* (name, argument)  -> the new child's id */
    CALL_WAIT = 10,  /* (id, ending)      -> the id of the child that ended */
    CALL_KILL = 11,  /* (id)              -> 0 */
    CALL_PAGE_ALLOC = 12,   /* (address)                      -> 0 */
    CALL_MAP = 13,          /* (address, length, permissions) -> the address */
    CALL_UNMAP = 14,        /* (address, length)              -> 0 */
    CALL_PROTECT = 15,      /* (address, length, permissions) -> 0 */
    CALL_FRAME_COUNTS = 16, /* (counts)                       -> 0 */
    CALL_MALLOC_PAGES = 17, /* (count)                        -> the address */
    CALL_FREE_PAGES = 18,   /* (address, count)               -> 0 */
    CALL_LOAD_LIBRARY = 19,   /* (name)    -> the address of its link page */
    CALL_UNLOAD_LIBRARY = 20, /* (address) -> 0 */
};

enum system_error {
    ERROR_UNKNOWN_CALL = -1,    /* no system call has this number */
    ERROR_BAD_ADDRESS = -2,     /* an address is not the caller's to use */
    ERROR_BAD_ARGUMENT = -3,    /* an argument has no meaning here */
    ERROR_OUT_OF_MEMORY = -4,   /* no page frame is free */
    ERROR_NO_PROCESS_SLOT = -5, /* the process table is full */
    ERROR_NO_SUCH_PROGRAM = -6, /* the payload has no program of this name */
    ERROR_NOT_EXECUTABLE = -7,  /* the program is not an ELF file for this machine */
    ERROR_TOO_MANY_REGIONS = -8, /* the process has too many memory regions */
    ERROR_NO_SUCH_PROCESS = -9, /* there is no such process */
    ERROR_NOT_PERMITTED = -10,  /* that is not the caller's to do */
    ERROR_NO_CHILD = -11,       /* there is no child to wait for */
    ERROR_NO_ROOM = -12,        /* there is no room of that size in the address space */
    ERROR_NO_SUCH_LIBRARY = -13, /* the payload has no library of this name */
    ERROR_NOT_A_LIBRARY = -14,  /* the file is not a library for this machine */
    ERROR_TOO_MANY_LIBRARIES = -15, /* no more can be loaded, or mapped by the process */
};

enum permission {
    NO_ACCESS = 0,
    CAN_READ = 1,
    CAN_WRITE = 2, /* and read */
    SPARSE = 4,    /* of map_memory alone, with one of the others: no promise, so a first touch may find no memory left */
};

/* How a child ended. */
struct ending {
    uint32_t how;   /* EXITED, FAULTED or KILLED */
    int32_t status; /* what it exited with; the vector of its fault; who killed it */
};
enum { EXITED = 1, FAULTED = 2, KILLED = 3, ANY_CHILD = -1 };

/* How many page frames there are, who owns those in use, and how many are promised. */
struct frame_counts {
    uint32_t kernel_free, kernel_total, user_free, user_total;
    uint32_t processes, kernel, tables, libraries, zero, console, shared, reserved;
    uint32_t kernel_promised, user_promised; /* neither free nor in use: pages that are there may still need them */
};

/* Tell whether a system call's result is an error. */
static inline int failed(int32_t result)
{
    return (uint32_t)result >= (uint32_t)-255;
}

/* Make a system call with four arguments; those that the call does not take are ignored. */
static inline int32_t sys_call(uint32_t number, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    int32_t result;

    /*
     * The compiler may be using ebp for its frame, so it can't be named as an operand: the fourth
     * argument comes in edx, which the call loses anyway. Every operand has a register of its own,
     * so the push moves none of them.
     */
    __asm__ volatile("pushl %%ebp\n\t"
                     "movl %%edx, %%ebp\n\t"
                     "int $0x80\n\t"
                     "popl %%ebp"
                     : "=a"(result), "+d"(d)
                     : "0"(number), "b"(a), "S"(b), "D"(c)
                     : "ecx", "cc", "memory");
    return result;
}

/* What print has of an unfinished line: how many bytes, and a function that writes them. */
extern size_t print_pending;
void print_line(void);

/* Write what print has of an unfinished line; done before fork, exec, spawn and exit, so that it is said once. */
static inline void print_flush(void)
{
    if (print_pending != 0)
        print_line();
}

/* Return the process id of the caller. */
static inline int32_t sys_getpid(void)
{
    return sys_call(CALL_GETPID, 0, 0, 0, 0);
}

/* Let every other process that is ready run before the caller goes on. */
static inline int32_t sys_yield(void)
{
    return sys_call(CALL_YIELD, 0, 0, 0, 0);
}

/* End the calling process. */
__attribute__((noreturn)) static inline void sys_exit(int32_t status)
{
    print_flush();
    for (;;)
        sys_call(CALL_EXIT, (uint32_t)status, 0, 0, 0);
}

/* Write bytes to the console at once; return how many, or an error. */
static inline int32_t sys_puts(const char *address, size_t length)
{
    return sys_call(CALL_PUTS, (uint32_t)address, length, 0, 0);
}

/* Wait for a number of timer ticks. */
static inline int32_t sys_sleep(uint32_t ticks)
{
    return sys_call(CALL_SLEEP, ticks, 0, 0, 0);
}

/* Make a child that is as the caller; return its id, 0 in the child, or an error. */
static inline int32_t fork(void)
{
    print_flush();
    return sys_call(CALL_FORK, 0, 0, 0, 0);
}

/* Run another program of the payload instead of this one; return only if that failed. */
static inline int32_t exec(const char *name, const char *argument)
{
    print_flush();
    return sys_call(CALL_EXEC, (uint32_t)name, (uint32_t)argument, 0, 0);
}

/* Start a program of the payload as a child; return its id, or an error. */
static inline int32_t spawn(const char *name, const char *argument)
{
    print_flush();
    return sys_call(CALL_SPAWN, (uint32_t)name, (uint32_t)argument, 0, 0);
}

/* Wait until a child has ended, or any; return its id, or an error. The ending may be NULL. */
static inline int32_t wait_for(int32_t child, struct ending *ending)
{
    return sys_call(CALL_WAIT, (uint32_t)child, (uint32_t)ending, 0, 0);
}

/* End a process. */
static inline int32_t kill(int32_t process)
{
    return sys_call(CALL_KILL, (uint32_t)process, 0, 0, 0);
}

/* Map zeros at an address, or where there is room (NULL); return the address, or an error (see failed). */
static inline void *map_memory(void *address, size_t length, enum permission permissions)
{
    return (void *)sys_call(CALL_MAP, (uint32_t)address, length, permissions, 0);
}

static inline int32_t unmap_memory(void *address, size_t length)
{
    return sys_call(CALL_UNMAP, (uint32_t)address, length, 0, 0);
}

static inline int32_t protect_memory(void *address, size_t length, enum permission permissions)
{
    return sys_call(CALL_PROTECT, (uint32_t)address, length, permissions, 0);
}

static inline int32_t count_frames(struct frame_counts *counts)
{
    return sys_call(CALL_FRAME_COUNTS, (uint32_t)counts, 0, 0, 0);
}

/* Take new pages of zeros in a row; return the address, or an error (see failed). malloc does. */
static inline void *malloc_pages(uint32_t count)
{
    return (void *)sys_call(CALL_MALLOC_PAGES, count, 0, 0, 0);
}

/* Give pages back that malloc_pages took. */
static inline int32_t free_pages(void *address, uint32_t count)
{
    return sys_call(CALL_FREE_PAGES, (uint32_t)address, count, 0, 0);
}

/* Map a library of the payload; return the address of its link page (see library.h), or an error (see failed). */
static inline void *load_library(const char *name)
{
    return (void *)sys_call(CALL_LOAD_LIBRARY, (uint32_t)name, 0, 0, 0);
}

static inline int32_t unload_library(void *library)
{
    return sys_call(CALL_UNLOAD_LIBRARY, (uint32_t)library, 0, 0, 0);
}

/*
 * What courses on virtual memory call by these names; they return -1 for every error.
 */

/* Let a page be new, zero and writable; what was there is freed. */
static inline int32_t sys_page_alloc(void *address)
{
    return sys_call(CALL_PAGE_ALLOC, (uint32_t)address, 0, 0, 0) == 0 ? 0 : -1;
}

/* Fork a child that nobody has to wait for. */
static inline int32_t sys_fork(void)
{
    int32_t child = fork();

    if (child == 0)
        sys_call(CALL_DETACH, 0, 0, 0, 0);
    return failed(child) ? -1 : child;
}

/* Say what is wrong and end. */
__attribute__((noreturn)) void sys_panic(const char *message);

/*
 * Printing collects a line and writes it with one system call when it ends, so that lines of
 * different processes do not mix. A line longer than the buffer is written in parts.
 */
void print(const char *text);
void print_number(int32_t number);
void print_unsigned(uint32_t number);
void print_hex(uint32_t number); /* as 0x0000002a */

/* Let a function of a library be called by programs; all others are its own. */
#define EXPORT __attribute__((visibility("default")))

/*
 * Fix the size of a program's or library's image, in bytes from its first to its last: text and read-only
 * data lie together then, and data, on a new page, is followed by zeros up to that size. Used once, by itself.
 */
#define IMAGE_SIZE(bytes) __asm__(".globl __image_size\n\t.set __image_size, " #bytes)

/*
 * Let this file have floating-point instructions, which fault: for programs that try that. Without it they are
 * refused when it is built. Used once, by itself.
 */
#define FLOATING_POINT_FAULTS __asm__(".set __floating_point_faults, 1")

/* Return the decimal number that a text is, or `otherwise` if it is none below 2^32. */
uint32_t number_in(const char *text, uint32_t otherwise);

/*
 * Memory in pieces, at multiples of 16; NULL when there is none. To free what malloc did not give,
 * or twice, ends the program. Whole pages that are free are given back, but for a few.
 */
void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes); /* zero */
void *realloc(void *memory, size_t bytes); /* what was there stays, as far as there is room */
void free(void *memory);
void malloc_trim(void); /* give those few pages back too */

/* How much memory malloc has, and how much of it is in use. */
struct malloc_counts {
    uint32_t pages;
    uint32_t used; /* bytes, what malloc itself needs for them included */
};
void malloc_count(struct malloc_counts *counts);

size_t strlen(const char *text);
void *memset(void *to, int value, size_t length);
void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
int memcmp(const void *left, const void *right, size_t length);

#endif
