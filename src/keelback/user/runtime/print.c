/* Text and numbers on the console, a line at a time. */
#include "sharing.h"

/* The program's name: what stands here is replaced when a program is linked (`image/runtime.py`). */
const char __name[32] = "\1the name of the program\1";

static char line[128];
size_t __pending;

/* How many handles the program was given when it was started; it has streams if there are so many. */
uint32_t __handles;
enum { STREAM_HANDLES = 3 };
void __write(const char *bytes, size_t count);

/* Write a line: to the program's output, or to the console if it was given none. */
void __write_line(const char *bytes, size_t count)
{
    if (__handles < STREAM_HANDLES)
        sys_puts(bytes, count);
    else
        __write(bytes, count);
}

/* Write what there is of the line. The caller has it. */
static void write_pending(void)
{
    size_t count = __pending;

    __pending = 0;
    __write_line(line, count);
}

void __flush(void)
{
    take(SHARED_LINE);
    write_pending();
    leave(SHARED_LINE);
}

/* Add a character to the line. The caller has it. */
static void put(char character)
{
    line[__pending++] = character;
    if (character == '\n' || __pending == sizeof line)
        write_pending();
}

void __put(char character)
{
    take(SHARED_LINE);
    put(character);
    leave(SHARED_LINE);
}

/* Print a number in a base of at most 16, with zeros in front up to a number of digits. */
static void print_digits(uintptr_t number, uint32_t base, size_t width)
{
    char digits[20]; /* 2^64 - 1 has twenty decimal digits */
    size_t count = 0;

    do {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0 || count < width);
    take(SHARED_LINE);
    while (count > 0)
        put(digits[--count]);
    leave(SHARED_LINE);
}

__attribute__((noinline)) void __say(const char *text)
{
    take(SHARED_LINE);
    while (*text != 0)
        put(*text++);
    leave(SHARED_LINE);
}

void print_number(int32_t number)
{
    take(SHARED_LINE);
    if (number < 0)
        put('-');
    /* Negated as unsigned: -2^31 has no positive counterpart. */
    print_digits(number < 0 ? 0 - (uint32_t)number : (uint32_t)number, 10, 1);
    leave(SHARED_LINE);
}

void print(const char *text) __attribute__((alias("__say")));

void print_unsigned(uint32_t number)
{
    print_digits(number, 10, 1);
}

void print_hex(uintptr_t number)
{
    take(SHARED_LINE);
    __say("0x");
    print_digits(number, 16, 8);
    leave(SHARED_LINE);
}

/* What malloc calls where there is no memory; in a program that has errno, it is set (`libc/errno.c`). */
__attribute__((__weak__)) void __no_room(void)
{
}

/* The program ends: the line stays its last thread's. */
void __panic(void)
{
    take(SHARED_LINE);
    __say("panic: ");
    __say(__name);
    __say(": ");
}

void sys_panic(const char *message)
{
    __panic();
    __say(message);
    __say("\n");
    sys_exit(1);
}

/* Print the number of a line, from 1 on. */
void __decimal(uint32_t number)
{
    char digits[] = "            ", *at = digits + sizeof digits - 1;

    for (; number > 0; number /= 10)
        *--at = (char)('0' + number % 10);
    __say(at);
}

/*
 * Where a program comes when a check of its Kernel Python fails, that of malloc too: the compiler's `panic` leaves in
 * registers what is wrong and where (`compiler/prelude.py`).
 */
__attribute__((__noreturn__, used)) static void __fail(const char *what, const char *file, uint32_t line)
{
    __panic();
    __say(file);
    __say(":");
    __decimal(line);
    __say(": ");
    __say(what);
    __say("\n");
    sys_exit(1);
}

#ifdef __x86_64__ /* the line is in edx as it is; the push aligns the stack */
#define CALL_FAIL "mov %rbx, %rdi\n\tmov %rcx, %rsi\n\tpush %rbx\n\t.cfi_adjust_cfa_offset 8\n\tcall __fail\n\t"
#else
#define CALL_FAIL "push %edx\n\tpush %ecx\n\tpush %ebx\n\t.cfi_adjust_cfa_offset 12\n\tcall __fail\n\t"
#endif

__asm__(".section .text.check_failed, \"ax\"\n"
        ".globl check_failed\n"
        ".type check_failed, @function\n"
        "check_failed:\n\t"
        ".cfi_startproc\n\t"
        CALL_FAIL
        ".cfi_endproc\n"
        ".size check_failed, . - check_failed\n"
        ".text\n");
