/*
 * The kernel as a program sees it: its system calls, and a small runtime on top of them.
 *
 * A system call is `int $0x80`, or where the CPU has it `sysenter`, by other means (trap.h); on x86-64 these are the
 * registers of 64 bits, and `syscall` is the same call, which loses r11 too:
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
 * On x86-64 the pointer is in rdi, and what lies at rsp, below a multiple of 16, is the return address.
 *
 * The runtime's `_start` calls `main`, which is `int main(void)`, `int main(const char *argument)` or
 * `int main(int argc, char **argv)`, and exits with what it returns. A status of 0 says that the program ended well.
 *
 * The calls are sys_ and a name, and return what the kernel does: -1 ... -255 for errors, as in `calls.h`.
 * The library's functions have plain names, and those of Unix return -1 and set errno: <unistd.h>, <sys/wait.h>.
 */
#ifndef KEELBACK_H
#define KEELBACK_H

#include <stddef.h>
#include <stdint.h>

#include "trap.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PAGESIZE 4096
#define TICKS_PER_SECOND 100

/*
 * Where a process's memory lies, in the layout that the program is built for: user space, the area that
 * malloc pages come from, and the stack at its largest. The first address behind the program is `extern char end[]`.
 */
#define USER_START ((uintptr_t)__user_start)
#define USER_END ((uintptr_t)__user_end)
#define MALLOC_START ((uintptr_t)__malloc_start)
#define MALLOC_END ((uintptr_t)__malloc_end)
#define STACK_BOTTOM ((uintptr_t)__stack_bottom)
#define STACK_TOP ((uintptr_t)__stack_top)
extern char __user_start[], __user_end[], __malloc_start[], __malloc_end[], __stack_bottom[], __stack_top[];

/* Tell whether a system call's result is an error. */
static inline int failed(intptr_t result)
{
    return (uintptr_t)result >= (uintptr_t)-255;
}

/* Make a system call with four arguments; those that the call does not take are ignored. */
static inline intptr_t sys_call(uintptr_t number, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d)
{
    return keelback_call(number, a, b, c, d);
}

/*
 * The runtime's own names start with __, so that a program may have functions called print, or line, of its own.
 * What print has of an unfinished line: how many bytes, and a function that writes them.
 */
extern __attribute__((__visibility__("hidden"))) size_t __pending;
void __flush(void);

/* Write what print has of an unfinished line; done before fork, exec, spawn and exit, so that it is said once. */
static inline void print_flush(void)
{
    if (__pending != 0)
        __flush();
}

/* What is done before a fork and after it, so that the child finds malloc and print whole (`sharing.c`). */
int32_t __take_all(void);
void __leave_all(int32_t taker);

/* The calls by name, the errors, and the records that the kernel writes. */
#include "calls.h"

/* Return the ticks since the kernel started, 100 a second: a clock that only goes forward. */
static inline uint64_t uptime_ticks(void)
{
    struct uptime uptime;

    sys_uptime(&uptime);
    return uptime.ticks;
}

/* Fork as courses on virtual memory know it: a child that nobody has to wait for, and -1 for every error. */
static inline int32_t sys_fork(void)
{
    int32_t child = sys_fork_child();

    if (child == 0)
        sys_detach();
    return failed(child) ? -1 : child;
}

/* Put a new page at an address, as `sys_new_page` does; -1 for every error, as in those courses. */
static inline int32_t sys_page_alloc(void *address)
{
    return failed(sys_new_page(address)) ? -1 : 0;
}

/* Map a part of a memory object with some permissions, as `sys_object_map` does, which takes these with the offset. */
static inline void *sys_map_object(
    uint32_t object, void *address, size_t length, size_t offset, enum permission permissions)
{
    return sys_object_map(object, address, length, offset | permissions);
}

/* The name of the program's file, without its suffix. */
extern __attribute__((__visibility__("hidden"))) const char __name[32];

/* Print "panic: ", the program's name and what is wrong, and end with status 1. */
__attribute__((__noreturn__)) void sys_panic(const char *message);

/*
 * Printing collects a line and writes it with one system call when it ends, so that lines of
 * different processes do not mix. A line longer than the buffer is written in parts.
 */
void print(const char *text);
void print_number(int32_t number);
void print_unsigned(uint32_t number);
void print_hex(uintptr_t number); /* as 0x0000002a */
void __put(char character);
void __say(const char *text);
void __decimal(uint32_t number); /* from 1 on */
void __panic(void); /* what a panic's line starts with */

/* Export a function of a library to programs; all others are its own. */
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
    size_t used; /* bytes, what malloc itself needs for them included */
};
void malloc_count(struct malloc_counts *counts);

int fork(void); /* of <unistd.h>: a child to wait for; -1, and why in errno */

size_t strlen(const char *text);
void *memset(void *to, int value, size_t length);
void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
int memcmp(const void *left, const void *right, size_t length);

#include "old_names.h"

#ifdef __cplusplus
}
#endif

#endif
