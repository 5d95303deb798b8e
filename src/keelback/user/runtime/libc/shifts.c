/* Shifts of two words, which zig's part of the library calls. */
#include <stdint.h>

#ifdef __x86_64__
typedef unsigned __int128 whole;
#define NAMED(operation) __##operation##ti3
#else
typedef uint64_t whole;
#define NAMED(operation) __##operation##di3
#endif
#define BITS (8 * (int)sizeof(uintptr_t))

typedef union {
    whole whole;
    struct { uintptr_t low, high; } half;
} pair;

whole NAMED(ashl)(whole value, int count)
{
    pair given = {.whole = value}, made = {0};

    if (count & BITS) {
        made.half.high = given.half.low << (count & (BITS - 1));
    } else {
        made.half.low = given.half.low << count;
        made.half.high = count == 0 ? given.half.high : given.half.high << count | given.half.low >> (BITS - count);
    }
    return made.whole;
}

whole NAMED(lshr)(whole value, int count)
{
    pair given = {.whole = value}, made = {0};

    if (count & BITS) {
        made.half.low = given.half.high >> (count & (BITS - 1));
    } else {
        made.half.high = given.half.high >> count;
        made.half.low = count == 0 ? given.half.low : given.half.low >> count | given.half.high << (BITS - count);
    }
    return made.whole;
}
