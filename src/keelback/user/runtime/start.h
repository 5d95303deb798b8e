/*
 * How a program is entered: with its argument, and with how many handles `spawn_with` gave it, which is in edx,
 * on x86-64 in rsi.  A program that does not print keeps no note of it.
 */
#pragma once
#include "keelback.h"

#ifdef __x86_64__
#define KEELBACK_START(argument) __attribute__((__noreturn__)) void _start(argument, uint32_t handles)
#else
#define KEELBACK_START(argument) \
    __attribute__((__noreturn__, __regparm__(2))) void _start(uint32_t fast_calls, uint32_t handles, argument)
#endif

extern uint32_t __handles __attribute__((__weak__, __visibility__("hidden")));

/* Note the number; where it is 0, no page is touched for that. */
#define NOTE_HANDLES() \
    do { \
        if (handles != 0 && &__handles != NULL) \
            __handles = handles; \
    } while (0)
