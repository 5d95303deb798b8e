/* How a program traps into the kernel: the instruction, which registers a call loses, and the one of its fourth argument. */
#ifndef KEELBACK_TRAP_H
#define KEELBACK_TRAP_H

#ifdef __x86_64__
#define KEELBACK_TRAP "syscall"
#define KEELBACK_LOST "rcx", "r11", "cc", "memory"
#define KEELBACK_FRAME "rbp"
#else
#define KEELBACK_TRAP "int $0x80"
#define KEELBACK_LOST "ecx", "cc", "memory"
#define KEELBACK_FRAME "ebp"
#endif

#endif
