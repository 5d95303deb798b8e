/*
 * Pages that a program takes for itself: from the first behind its own end on, and on its stack.
 */
#pragma once
#include "keelback.h"

#define WORDS_PER_PAGE (PAGESIZE / 4)
/* The first page behind the program. */
#define FREE_PAGES ((void *)(((uintptr_t)end + PAGESIZE - 1) / PAGESIZE * PAGESIZE))
/* The page of the stack that the caller uses. */
#define STACK_PAGE ((uint32_t *)((uintptr_t)__builtin_frame_address(0) / PAGESIZE * PAGESIZE))

extern char end[];
