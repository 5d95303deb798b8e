/* Text and numbers on the console, a line at a time. */
#include "keelback.h"

/* The program's name: what stands here is replaced when a program is linked (`image/runtime.py`). */
const char __name[32] = "\1the name of the program\1";

static char line[128];
size_t __pending;

void __flush(void)
{
    sys_puts(line, __pending);
    __pending = 0;
}

void __put(char character)
{
    line[__pending++] = character;
    if (character == '\n' || __pending == sizeof line)
        __flush();
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
    while (count > 0)
        __put(digits[--count]);
}

__attribute__((noinline)) void __say(const char *text)
{
    while (*text != 0)
        __put(*text++);
}

void print_number(int32_t number)
{
    if (number < 0)
        __put('-');
    /* Negated as unsigned: -2^31 has no positive counterpart. */
    print_digits(number < 0 ? 0 - (uint32_t)number : (uint32_t)number, 10, 1);
}

void print(const char *text) __attribute__((alias("__say")));

void print_unsigned(uint32_t number)
{
    print_digits(number, 10, 1);
}

void print_hex(uintptr_t number)
{
    __say("0x");
    print_digits(number, 16, 8);
}

/* What malloc calls where there is no memory; in a program that has errno, it is set (`libc/errno.c`). */
__attribute__((__weak__)) void __no_room(void)
{
}

void __panic(void)
{
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
    __say("panic: ");
    __say(__name);
    __say(": ");
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
