/* In place of musl's: no system call of Linux's can be made here: none of these functions is anywhere. */
#ifdef __x86_64__
#define __SYSCALL_LL_E(x) (x)
#else
#define __SYSCALL_LL_E(x) \
    ((union { long long whole; long half[2]; }){.whole = (x)}).half[0], \
    ((union { long long whole; long half[2]; }){.whole = (x)}).half[1]
#endif
#define __SYSCALL_LL_O(x) __SYSCALL_LL_E(x)

long __syscall0(long number);
long __syscall1(long number, ...);
long __syscall2(long number, ...);
long __syscall3(long number, ...);
long __syscall4(long number, ...);
long __syscall5(long number, ...);
long __syscall6(long number, ...);
