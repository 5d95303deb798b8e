/* Shifts of two words, which zig's part of the library calls. */
#include <stdint.h>

typedef union {
    uint64_t whole;
    struct { uint32_t low, high; } half;
} pair;

uint64_t __ashldi3(uint64_t value, int count)
{
    pair given = {.whole = value}, made = {0};

    if (count & 32) {
        made.half.high = given.half.low << (count & 31);
    } else {
        made.half.low = given.half.low << count;
        made.half.high = count == 0 ? given.half.high : given.half.high << count | given.half.low >> (32 - count);
    }
    return made.whole;
}

uint64_t __lshrdi3(uint64_t value, int count)
{
    pair given = {.whole = value}, made = {0};

    if (count & 32) {
        made.half.low = given.half.high >> (count & 31);
    } else {
        made.half.high = given.half.high >> count;
        made.half.low = count == 0 ? given.half.low : given.half.low >> count | given.half.high << (32 - count);
    }
    return made.whole;
}
