/* Text and numbers on the console, a line at a time. */
#include "keelback.h"

static char line[128];
size_t print_pending;

void print_line(void)
{
    sys_puts(line, print_pending);
    print_pending = 0;
}

void print_character(char character)
{
    line[print_pending++] = character;
    if (character == '\n' || print_pending == sizeof line)
        print_line();
}

/* Print a number in a base of at most 16, with zeros in front up to a number of digits. */
static void print_digits(uint32_t number, uint32_t base, size_t width)
{
    char digits[10]; /* 2^32 - 1 has ten decimal digits */
    size_t count = 0;

    do {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0 || count < width);
    while (count > 0)
        print_character(digits[--count]);
}

__attribute__((noinline)) void print(const char *text)
{
    while (*text != 0)
        print_character(*text++);
}

void print_number(int32_t number)
{
    if (number < 0)
        print_character('-');
    /* Negated as unsigned: -2^31 has no positive counterpart. */
    print_digits(number < 0 ? 0 - (uint32_t)number : (uint32_t)number, 10, 1);
}

void print_unsigned(uint32_t number)
{
    print_digits(number, 10, 1);
}

void print_hex(uint32_t number)
{
    print("0x");
    print_digits(number, 16, 8);
}

void print_panic(void)
{
    print("panic: ");
    print(program_name);
    print(": ");
}

void sys_panic(const char *message)
{
    print_panic();
    print(message);
    print("\n");
    sys_exit(1);
}

/*
 * Where a program comes when a check of its Kernel Python fails, that of malloc too: the compiler's `panic` leaves in
 * registers what is wrong and where (`compiler/prelude.py`).
 */
__attribute__((__noreturn__, used)) static void fail(const char *what, const char *file, uint32_t line)
{
    char digits[] = "            ", *at = digits + sizeof digits - 1;

    for (; line > 0; line /= 10)
        *--at = (char)('0' + line % 10);
    print("panic: ");
    print(program_name);
    print(": ");
    print(file);
    print(":");
    print(at);
    print(": ");
    print(what);
    print("\n");
    sys_exit(1);
}

__asm__(".section .text.check_failed, \"ax\"\n"
        ".globl check_failed\n"
        ".type check_failed, @function\n"
        "check_failed:\n\t"
        "push %edx\n\t"
        "push %ecx\n\t"
        "push %ebx\n\t"
        "call fail\n"
        ".size check_failed, . - check_failed\n"
        ".text\n");
