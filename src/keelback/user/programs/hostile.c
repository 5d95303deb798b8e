/*
 * Has a child for everything that a program may not do to the processor, and looks how it ends:
 * by a fault of the right vector, or well where only the program itself could be hurt. At last it
 * starts the liar, which does the same with system calls.
 */
#include "keelback.h"

enum { DIVISION, DEBUG, BREAKPOINT = 3, INVALID = 6, NO_FPU, PROTECTION = 13, PAGE_FAULT, ANY_FAULT, NONE };

/* What differs by width: registers, and what the processor has no more. */
#ifdef __x86_64__
#define AX "%rax"
#define SP "%rsp"
#define MOVE "movq "
#define SET_FLAG(bit) "pushfq; orl $1 << " #bit ", (%rsp); popfq; nop; "
#define FAR_JUMP "pushq $0x08; pushq $0x100000; lretq"
#define FAR_RETURN "pushq $0x10; pushq $0; pushfq; pushq $0x08; pushq $0x100000; iretq"
#else
#define AX "%eax"
#define SP "%esp"
#define MOVE "movl "
#define SET_FLAG(bit) "pushfl; orl $1 << " #bit ", (%esp); popfl; nop; "
#define FAR_JUMP "ljmp $0x08, $0x100000"
#define FAR_RETURN "pushfl; pushl $0x08; pushl $0x100000; iretl"
#endif
#define EXIT_WELL "movl $3, %eax; xorl %ebx, %ebx; int $0x80"

#define ATTEMPTS(_) \
    _(PROTECTION, halt, "hlt") \
    _(PROTECTION, switch_interrupts_off, "cli") \
    _(PROTECTION, write_port, "outb %al, $0x80") \
    _(PROTECTION, read_port, "inb $0x20, %al") \
    _(PROTECTION, read_cr0, MOVE "%cr0, " AX) \
    _(PROTECTION, write_cr3, MOVE AX ", %cr3") \
    _(PROTECTION, replace_gates, "lidt (" SP ")") \
    _(PROTECTION, read_machine_register, "rdmsr") \
    _(PROTECTION, pretend_page_fault, "int $14") \
    _(PROTECTION, pretend_timer, "int $0x20") \
    _(PROTECTION, use_kernel_data, "movl $0x10, %eax; movl %eax, %ds") \
    _(PROTECTION, jump_to_kernel, FAR_JUMP) \
    _(PROTECTION, return_to_kernel, FAR_RETURN) \
    _(ANY_FAULT, enter_fast, "xorl %eax, %eax; xorl %edx, %edx; sysenter") /* it comes back at 0, if it is there */ \
    _(INVALID, run_undefined, "ud2") \
    _(ANY_FAULT, use_sse, "xorps %xmm0, %xmm0") /* real processors and emulators differ in which */ \
    _(NO_FPU, use_fpu, "fldpi") \
    _(DIVISION, divide_by_zero, "xorl %ecx, %ecx; divl %ecx") \
    _(BREAKPOINT, break_point, "int3") \
    _(DEBUG, step, SET_FLAG(8)) \
    _(PAGE_FAULT, push_without_stack, "xorl %esp, %esp; push $0") \
    _(PAGE_FAULT, push_to_kernel, "movl $0x200000, %esp; push $0") \
    _(PAGE_FAULT, jump_nowhere, "xorl %eax, %eax; jmp *" AX) \
    _(NONE, call_as_nested_task, SET_FLAG(14) EXIT_WELL) \
    _(NONE, call_without_stack, "xorl %esp, %esp; " EXIT_WELL) \
    MORE_ATTEMPTS(_)

#ifdef __x86_64__
/* Addresses that are none: the first behind the lower half, by a jump, a call and a return of the processor's. */
#define NO_ADDRESS "movabsq $0x800000000000, %rax; "
#define MORE_ATTEMPTS(_) \
    _(ANY_FAULT, push_to_no_address, NO_ADDRESS "movq %rax, %rsp; push $0") \
    _(PROTECTION, read_no_address, NO_ADDRESS "movq (%rax), %rax") \
    _(PROTECTION, jump_to_no_address, NO_ADDRESS "jmp *%rax") \
    _(PROTECTION, return_to_no_address, NO_ADDRESS "push %rax; ret") \
    _(PAGE_FAULT, read_kernel_half, "movabsq $0xffff800000000000, %rax; movq (%rax), %rax") \
    _(NONE, call_fast_without_stack, "xorl %esp, %esp; movl $3, %eax; xorl %ebx, %ebx; syscall") \
    _(NONE, call_fast_with_flags, SET_FLAG(14) "std; movl $3, %eax; xorl %ebx, %ebx; syscall")
#else
#define MORE_ATTEMPTS(_)
#endif

#define FUNCTION(vector, name, code) static void name(void) { __asm__ volatile(code); }
#define ROW(vector, name, code) {#name, vector, name},

FLOATING_POINT_FAULTS;
ATTEMPTS(FUNCTION)

static const struct { const char *name; int32_t vector; void (*run)(void); } attempts[] = {
    ATTEMPTS(ROW)
};

/* Tell whether a child ends by a fault of a vector, or well. */
static int ends_by(int32_t vector, int32_t child)
{
    struct ending ending;

    if (sys_wait(child, &ending) != child)
        sys_panic("wait failed");
    if (vector == NONE)
        return ending.how == EXITED && ending.status == 0;
    return ending.how == FAULTED && (vector == ANY_FAULT || ending.status == vector);
}

int main(void)
{
    uint32_t wrong = 0;

    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        int32_t child = sys_fork_child();

        if (child == 0) {
            attempts[i].run();
            return 1;
        }
        if (ends_by(attempts[i].vector, child))
            continue;
        print("hostile: ended otherwise than it should: ");
        print(attempts[i].name);
        print("\n");
        wrong++;
    }
    wrong += !ends_by(NONE, sys_spawn("liar", ""));
    print(wrong == 0 ? "hostile: the kernel stood it all\n" : "hostile: the kernel is not safe\n");
    return wrong == 0 ? 0 : 1;
}
