/* Support: the functions that a C compiler may call by itself, for the compiled kernel and for programs.
 *
 * memset, memcpy and memmove use the processor's string instructions: a compiler would turn a loop that copies into a
 * call of memcpy.  The divisions are of 64 bits, from the processor's division of 64 bits by 32; dividing by zero is
 * its fault 0.  Source: Hacker's Delight, second edition, section 9-4 (dividing by normalising the divisor).
 */
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

void *memset(void *to, int value, u32 length)
{
    void *at = to;
    u32 words = length / 4, rest = length % 4;
    u32 pattern = (unsigned char)value * 0x01010101u;

    __asm__ volatile("rep stosl" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
    return to;
}

void *memcpy(void *to, const void *from, u32 length)
{
    void *at = to;
    u32 words = length / 4, rest = length % 4;

    __asm__ volatile("rep movsl" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, u32 length)
{
    if ((u32)to - (u32)from >= length) /* going up overwrites nothing still unread */
        return memcpy(to, from, length);

    u32 words = length / 4, rest = length % 4;
    char *last = (char *)to + length - 1;
    const char *source = (const char *)from + length - 1;
    __asm__ volatile("std\n\trep movsb\n\tsubl $3, %0\n\tsubl $3, %1\n\tmovl %3, %2\n\trep movsl\n\tcld"
                     : "+D"(last), "+S"(source), "+c"(rest)
                     : "r"(words)
                     : "cc", "memory");
    return to;
}

/* Divide high:low by a divisor above high, which the quotient then fits 32 bits of. */
static u32 divide_words(u32 high, u32 low, u32 divisor, u32 *rest)
{
    u32 quotient;

    __asm__("divl %4" : "=a"(quotient), "=d"(*rest) : "a"(low), "d"(high), "rm"(divisor) : "cc");
    return quotient;
}

static u64 divide_by_word(u64 dividend, u32 divisor, u64 *rest)
{
    u32 left, high = divide_words(0, (u32)(dividend >> 32), divisor, &left);
    u32 low = divide_words(left, (u32)dividend, divisor, &left);

    *rest = left;
    return (u64)high << 32 | low;
}

static u64 divide(u64 dividend, u64 divisor, u64 *rest)
{
    if (divisor >> 32 == 0)
        return divide_by_word(dividend, (u32)divisor, rest);

    /* The quotient fits a word.  By the divisor's highest 32 bits it comes out right or one too large. */
    u32 shift = 31 - (u32)__builtin_clz((u32)(divisor >> 32)), ignored;
    u32 top = (u32)(divisor >> shift >> 1);
    u64 half = dividend >> 1;
    u64 quotient = divide_words((u32)(half >> 32), (u32)half, top, &ignored) >> shift;

    if (quotient != 0)
        quotient--;
    if (dividend - quotient * divisor >= divisor)
        quotient++;
    *rest = dividend - quotient * divisor;
    return quotient;
}

static u64 magnitude(i64 value)
{
    return value < 0 ? -(u64)value : (u64)value;
}

u64 __udivdi3(u64 dividend, u64 divisor)
{
    u64 rest;

    return divide(dividend, divisor, &rest);
}

u64 __umoddi3(u64 dividend, u64 divisor)
{
    u64 rest;

    divide(dividend, divisor, &rest);
    return rest;
}

/* Signed division goes towards zero; the remainder has the dividend's sign. */
i64 __divdi3(i64 dividend, i64 divisor)
{
    u64 quotient = __udivdi3(magnitude(dividend), magnitude(divisor));

    return (i64)((dividend ^ divisor) < 0 ? -quotient : quotient);
}

i64 __moddi3(i64 dividend, i64 divisor)
{
    u64 rest = __umoddi3(magnitude(dividend), magnitude(divisor));

    return (i64)(dividend < 0 ? -rest : rest);
}
