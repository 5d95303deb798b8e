/* In place of musl's: the one thread's record lies at a fixed place, not where gs points. */
__attribute__((visibility("hidden"))) uintptr_t __the_thread(void);

static inline uintptr_t __get_tp(void)
{
    return __the_thread();
}

#ifdef __x86_64__
#define MC_PC gregs[REG_RIP]
#else
#define MC_PC gregs[REG_EIP]
#endif
