/* Support: the functions that a C compiler may call by itself, for the compiled kernel and for programs.
 *
 * memset, memcpy and memmove use the processor's string instructions, a word at a time: a compiler would turn a loop
 * that copies into a call of memcpy.  The divisions are of two words, from the processor's division of two words by
 * one; dividing by zero is its fault 0.  Source: Hacker's Delight, second edition, section 9-4 (dividing by
 * normalising the divisor).
 */
typedef __SIZE_TYPE__ word;

#ifdef __x86_64__
typedef __int128 signed_pair;
typedef unsigned __int128 pair;
#define NAMED(operation) __##operation##ti3
#define SUFFIX "q" /* of instructions on words */
#else
typedef long long signed_pair;
typedef unsigned long long pair;
#define NAMED(operation) __##operation##di3
#define SUFFIX "l"
#endif
#define BITS (8 * sizeof(word))

void *memset(void *to, int value, word length)
{
    void *at = to;
    word words = length / sizeof(word), rest = length % sizeof(word);
    word pattern = (unsigned char)value * (~(word)0 / 0xff); /* the byte in each place */

    __asm__ volatile("rep stos" SUFFIX : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
    return to;
}

void *memcpy(void *to, const void *from, word length)
{
    void *at = to;
    word words = length / sizeof(word), rest = length % sizeof(word);

    __asm__ volatile("rep movs" SUFFIX : "+D"(at), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, word length)
{
    if ((word)to - (word)from >= length) /* going up overwrites nothing still unread */
        return memcpy(to, from, length);

    word words = length / sizeof(word), rest = length % sizeof(word);
    char *last = (char *)to + length - 1;
    const char *source = (const char *)from + length - 1;
    /* The bytes first: then both pointers go back to the start of the last word. */
    __asm__ volatile("std\n\trep movsb\n\tsub %4, %0\n\tsub %4, %1\n\tmov %3, %2\n\trep movs" SUFFIX "\n\tcld"
                     : "+&D"(last), "+&S"(source), "+&c"(rest)
                     : "r"(words), "i"(sizeof(word) - 1)
                     : "cc", "memory");
    return to;
}

/* Divide high:low by a divisor above high, which the quotient then fits a word of. */
static word divide_words(word high, word low, word divisor, word *rest)
{
    word quotient;

    __asm__("div" SUFFIX " %4" : "=a"(quotient), "=d"(*rest) : "a"(low), "d"(high), "rm"(divisor) : "cc");
    return quotient;
}

static pair divide_by_word(pair dividend, word divisor, pair *rest)
{
    word left, high = divide_words(0, (word)(dividend >> BITS), divisor, &left);
    word low = divide_words(left, (word)dividend, divisor, &left);

    *rest = left;
    return (pair)high << BITS | low;
}

static pair divide(pair dividend, pair divisor, pair *rest)
{
    if (divisor >> BITS == 0)
        return divide_by_word(dividend, (word)divisor, rest);

    /* The quotient fits a word.  By the divisor's highest word of bits it comes out right or one too large. */
    word shift = BITS - 1 - (word)__builtin_clzl((word)(divisor >> BITS)), ignored;
    word top = (word)(divisor >> shift >> 1);
    pair half = dividend >> 1;
    pair quotient = divide_words((word)(half >> BITS), (word)half, top, &ignored) >> shift;

    if (quotient != 0)
        quotient--;
    if (dividend - quotient * divisor >= divisor)
        quotient++;
    *rest = dividend - quotient * divisor;
    return quotient;
}

static pair magnitude(signed_pair value)
{
    return value < 0 ? -(pair)value : (pair)value;
}

pair NAMED(udiv)(pair dividend, pair divisor)
{
    pair rest;

    return divide(dividend, divisor, &rest);
}

pair NAMED(umod)(pair dividend, pair divisor)
{
    pair rest;

    divide(dividend, divisor, &rest);
    return rest;
}

/* Signed division goes towards zero; the remainder has the dividend's sign. */
signed_pair NAMED(div)(signed_pair dividend, signed_pair divisor)
{
    pair quotient = NAMED(udiv)(magnitude(dividend), magnitude(divisor));

    return (signed_pair)((dividend ^ divisor) < 0 ? -quotient : quotient);
}

signed_pair NAMED(mod)(signed_pair dividend, signed_pair divisor)
{
    pair rest = NAMED(umod)(magnitude(dividend), magnitude(divisor));

    return (signed_pair)(dividend < 0 ? -rest : rest);
}
