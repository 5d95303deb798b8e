"""C text that is the same in every program."""

PANIC = 0x21636970
"""What is in eax when compiled code has stopped the machine: `pic!` as bytes."""

PRELUDE = """\
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
typedef uWORD word;
typedef _Bool bool;
typedef struct { const char *at; u32 length; } text;

#if __SIZEOF_POINTER__ == 8
#define SUFFIX "q" /* of instructions on words */
#else
#define SUFFIX "l"
#endif

void *memcpy(void *to, const void *from, __SIZE_TYPE__ size);
void *memmove(void *to, const void *from, __SIZE_TYPE__ size);
void *memset(void *to, int byte, __SIZE_TYPE__ size);
/* So that a size that is known is no call: a small one is stores, and pages of zeros are one instruction. */
static inline __attribute__((always_inline, unused)) void *set_bytes(void *to, int byte, __SIZE_TYPE__ size)
{
    void *at = to;
    __SIZE_TYPE__ words = size / sizeof(words);
    if (!__builtin_constant_p(byte) || byte != 0 || !__builtin_constant_p(size) || size == 0 || size % 4096 != 0)
        return __builtin_memset(to, byte, size);
    __asm__ volatile("rep stos" SUFFIX : "+D"(at), "+c"(words) : "a"((__SIZE_TYPE__)0) : "memory");
    return to;
}
#define memset set_bytes

/* Move bytes by no call, but where memmove does better: downwards, or a few words or a page, if that is known. */
static inline __attribute__((always_inline, unused)) void *move_bytes(void *to, const void *from, __SIZE_TYPE__ size)
{
    void *at = to;
    __SIZE_TYPE__ words = size / sizeof(words), rest = size % sizeof(words);
    bool is_known = __builtin_constant_p(size);
    if ((is_known && (words <= 8 || size >= 1024)) || (__SIZE_TYPE__)to - (__SIZE_TYPE__)from < size)
        return __builtin_memmove(to, from, size);
    __asm__ volatile("rep movs" SUFFIX : "+D"(at), "+S"(from), "+c"(words) : : "memory");
    if (!is_known || rest != 0)
        __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest) : : "memory");
    return to;
}

/* Move elements likewise, of a size that is known; others are many, and their loops need the registers. */
static inline __attribute__((always_inline, unused)) void *move_elements(void *to, const void *from, __SIZE_TYPE__ size)
{
    return __builtin_constant_p(size) ? move_bytes(to, from, size) : __builtin_memmove(to, from, size);
}

#ifndef STOP /* who can take a trap may stop by another instruction */
#define STOP "cli; hlt"
#endif

/* Stop the machine; what went wrong is in the registers. */
__attribute__((noreturn, cold, noinline, nomerge, unused))
static void panic(const char *message, const char *file, u32 line)
{
    for (;;)
        __asm__ volatile(STOP : : "a"(PANIC), "b"(message), "c"(file), "d"(line));
}

#define UNLIKELY(condition) __builtin_expect(condition, 0)

#ifdef WITHOUT_CHECKS /* to measure what they cost */
#define CHECK(condition, message) ((void)0)
#else
#define CHECK(condition, message) \\
    do { \\
        if (UNLIKELY(!(condition))) \\
            panic(message, __FILE__, __LINE__); \\
    } while (0)
#endif

static inline __attribute__((unused)) bool same_bytes(const void *left, const void *right, word size)
{
    const u8 *one = left, *other = right;
    for (; size >= 4; size -= 4, one += 4, other += 4) {
        u32 first, second;
        __builtin_memcpy(&first, one, 4);
        __builtin_memcpy(&second, other, 4);
        if (first != second)
            return 0;
    }
    for (; size > 0; size--)
        if (*one++ != *other++)
            return 0;
    return 1;
}

static inline __attribute__((unused)) i64 floor_div(i64 left, i64 right)
{
    return left / right - (left % right != 0 && (left < 0) != (right < 0));
}

static inline __attribute__((unused)) i64 floor_mod(i64 left, i64 right)
{
    i64 rest = right == -1 ? 0 : left % right; /* the quotient of the smallest by -1 would be too large */
    return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
}
"""
UNMERGED = """\
/* Every call keeps a place of its own in the code, so that a way through it is told by its own lines. */
#pragma clang attribute push(__attribute__((nomerge)), apply_to = function)"""
UNMERGED_END = "#pragma clang attribute pop"
WIDE = """\
typedef __int128 i128;
typedef unsigned __int128 u128;
typedef struct { u64 result; i32 error; } both;

static inline __attribute__((unused)) i128 floor_div_wide(i128 left, i128 right)
{
    return left / right - (left % right != 0 && (left < 0) != (right < 0));
}

static inline __attribute__((unused)) i128 floor_mod_wide(i128 left, i128 right)
{
    i128 rest = right == -1 ? 0 : left % right;
    return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
}
"""
SINK = """\
__attribute__((noinline, unused))
static void PUT_TEXT(text text)
{
    for (u32 i = 0; i < text.length; i++)
        PUT((u8)text.at[i]);
}

__attribute__((noinline, unused))
static void PUT_NUMBER(u64 value, bool negative, u32 base, const char *prefix, u32 width)
{
    char digits[20];
    u32 count = 0;
    do {
        u32 digit = (u32)(value % base);
        digits[count++] = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
        value /= base;
    } while (value != 0 || count < width);
    if (negative)
        PUT('-');
    for (; *prefix; prefix++)
        PUT((u8)*prefix);
    while (count > 0)
        PUT((u8)digits[--count]);
}
"""
