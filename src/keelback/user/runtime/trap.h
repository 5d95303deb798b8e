/*
 * How a program traps into the kernel: by which instruction, which registers a call loses, and the one of its fourth
 * argument. With 32 bits a program asks by a segment whether `sysenter` makes calls, which takes from ecx and edx what
 * to come back with, else it takes `int`. So does a library, whose code knows no address, and who names the record
 * of a message, in edx.
 */
#ifndef KEELBACK_TRAP_H
#define KEELBACK_TRAP_H

#ifdef __x86_64__
#define KEELBACK_TRAP "syscall"
#define KEELBACK_RECORD_TRAP KEELBACK_TRAP
#define KEELBACK_CHANGED "r11", "cc", "memory"
#define KEELBACK_LOST "rcx", KEELBACK_CHANGED
#define KEELBACK_FRAME "rbp"
#define KEELBACK_COUNT "rcx"
#define KEELBACK_RECORD "rdx"
#else
#define KEELBACK_RECORD_TRAP "int $0x80"
#ifdef __PIC__
#define KEELBACK_TRAP KEELBACK_RECORD_TRAP
#else
#define KEELBACK_TRAP \
    "verr 3f\n\tjnz 1f\n\tmovl %%esp, %%ecx\n\tmovl $2f, %%edx\n\tsysenter\n" \
    ".byte 0xb8\n3:\t.long 0x43\n" /* the selector of that segment, in an instruction that nobody comes to */ \
    "1:\tint $0x80\n2:"
#endif
#define KEELBACK_CHANGED "cc", "memory"
#define KEELBACK_LOST "ecx", KEELBACK_CHANGED
#define KEELBACK_FRAME "ebp"
#define KEELBACK_COUNT "ecx"
#define KEELBACK_RECORD "edx"
#endif

#define KEELBACK_WITH_RECORD 0x80000000u /* WITH_RECORD: marks the handle of a call that names a record, in edx */

/* Make a system call with four arguments; those that the call does not take are ignored. */
static inline __attribute__((unused)) __INTPTR_TYPE__ keelback_call(
    __UINTPTR_TYPE__ number, __UINTPTR_TYPE__ a, __UINTPTR_TYPE__ b, __UINTPTR_TYPE__ c, __UINTPTR_TYPE__ d)
{
    __INTPTR_TYPE__ result;

    /*
     * The compiler may be using ebp for its frame, so it can't be named as an operand: the fourth
     * argument comes in edx, which the call loses anyway. Every operand has a register of its own,
     * so the push moves none of them.
     */
    __asm__ volatile("push %%" KEELBACK_FRAME "\n\t"
                     "mov %1, %%" KEELBACK_FRAME "\n\t"
                     KEELBACK_TRAP "\n\t"
                     "pop %%" KEELBACK_FRAME
                     : "=a"(result), "+d"(d)
                     : "0"(number), "b"(a), "S"(b), "D"(c)
                     : KEELBACK_LOST);
    return result;
}

/*
 * Make a system call that carries a message of words: three there and back, behind them the badge that comes.
 *
 * As above, ebp is no operand: its word comes and goes in edx.
 */
static inline __attribute__((unused)) __INTPTR_TYPE__ keelback_words(
    __UINTPTR_TYPE__ number, __UINTPTR_TYPE__ handle, __UINTPTR_TYPE__ *words)
{
    __UINTPTR_TYPE__ first = words[0], second = words[1], third = words[2];
    __INTPTR_TYPE__ result;

    __asm__ volatile("push %%" KEELBACK_FRAME "\n\t"
                     "mov %%" KEELBACK_RECORD ", %%" KEELBACK_FRAME "\n\t"
                     KEELBACK_TRAP "\n\t"
                     "mov %%" KEELBACK_FRAME ", %%" KEELBACK_RECORD "\n\t"
                     "pop %%" KEELBACK_FRAME
                     : "=a"(result), "+b"(handle), "+S"(first), "+D"(second), "+d"(third)
                     : "0"(number)
                     : KEELBACK_LOST);
    if ((__UINTPTR_TYPE__)result >= (__UINTPTR_TYPE__)-255)
        return result;
    words[0] = first;
    words[1] = second;
    words[2] = third;
    words[3] = handle;
    return result;
}

/* Make one that only sends words: they stay as they are. */
static inline __attribute__((unused)) __INTPTR_TYPE__ keelback_send_words(
    __UINTPTR_TYPE__ number, __UINTPTR_TYPE__ handle, const __UINTPTR_TYPE__ *words)
{
    return keelback_call(number, handle, words[0], words[1], words[2]);
}

/*
 * Make one whose message has more than words, in a record, whose address is in edx; what comes besides goes there.
 *
 * The word of ebp comes and goes in ecx, which is lost in the call alone.
 */
static inline __attribute__((unused)) __INTPTR_TYPE__ keelback_message(
    __UINTPTR_TYPE__ number, __UINTPTR_TYPE__ handle, __UINTPTR_TYPE__ *words)
{
    __UINTPTR_TYPE__ first = words[0], second = words[1], third = words[2], came = (__UINTPTR_TYPE__)words;
    __INTPTR_TYPE__ result;

    handle |= KEELBACK_WITH_RECORD;
    __asm__ volatile("push %%" KEELBACK_FRAME "\n\t"
                     "mov %%" KEELBACK_COUNT ", %%" KEELBACK_FRAME "\n\t"
                     KEELBACK_RECORD_TRAP "\n\t"
                     "mov %%" KEELBACK_FRAME ", %%" KEELBACK_COUNT "\n\t"
                     "pop %%" KEELBACK_FRAME
                     : "=a"(result), "+b"(handle), "+S"(first), "+D"(second), "+c"(third), "+d"(came)
                     : "0"(number)
                     : KEELBACK_CHANGED);
    if ((__UINTPTR_TYPE__)result >= (__UINTPTR_TYPE__)-255)
        return result;
    words[0] = first;
    words[1] = second;
    words[2] = third;
    words[3] = handle;
    /* Behind six words how many bytes came, behind the room for them which handle, then how many pages. */
    __UINT32_TYPE__ *rest = (__UINT32_TYPE__ *)(words + 6);
    rest[0] = (__UINT32_TYPE__)came & 0x7fff;
    rest[2] = (__UINT32_TYPE__)came >> 16;
    if (!(came & 0x8000)) /* else the kernel has said how many, and where */
        rest[6] = 0;
    return result;
}

/* Make one that only sends a message: its record stays as it is. */
static inline __attribute__((unused)) __INTPTR_TYPE__ keelback_send(
    __UINTPTR_TYPE__ number, __UINTPTR_TYPE__ handle, const __UINTPTR_TYPE__ *words)
{
    __UINTPTR_TYPE__ third = words[2], record = (__UINTPTR_TYPE__)words;
    __INTPTR_TYPE__ result;

    __asm__ volatile("push %%" KEELBACK_FRAME "\n\t"
                     "mov %%" KEELBACK_COUNT ", %%" KEELBACK_FRAME "\n\t"
                     KEELBACK_RECORD_TRAP "\n\t"
                     "pop %%" KEELBACK_FRAME
                     : "=a"(result), "+c"(third), "+d"(record)
                     : "0"(number), "b"(handle | KEELBACK_WITH_RECORD), "S"(words[0]), "D"(words[1])
                     : KEELBACK_CHANGED);
    return result;
}

#endif
