/* Entry code of long mode: the instructions that Python can't be.
 *
 *      kernel_start             header (kernel/boot/header.py), the code of this file
 *      kernel_start + FAST_CALL where `syscall` enters
 *      kernel_start + STUBS     256 entry stubs of 16 bytes
 *      kernel_start + TEXT      compiled text
 *
 *      records_end - entry_stack = TABLES   temporary page tables: the lowest 4 GiB at their own addresses
 *      ENTRY_STACK                          the end of the entry stack, later that of double faults
 *
 * Nothing here moves with the compiled text.  The words in capitals that are not defined here come from Python, as in
 * entry.S; besides, TRAP_STACK and USER_STACK are fields of the task state, and the FRAME_… are offsets in a trap frame.
 * All that has an address here lies in the lowest 2 GiB.
 * Source: System V ABI x86-64 (calls); Linux x86 boot protocol 2.15 (32-bit entry); Intel SDM volume 3, sections 9.8.5
 * (entering long mode), 6.14 (interrupts) and 5.8.8 (fast system calls); volume 2, SYSRET.
 */
#define FLAGS           (1 << 1)        /* all that the kernel runs with */
#define VIRTUAL_8086    (1 << 17)       /* in rflags */
#define PAGING          (1 << 31)       /* in cr0 */
#define LINK            0x3             /* in an entry of a page table: present, writable */
#define LARGE           0x80            /* it maps 2 MiB */
#define TABLE           0x1000
#define ENTRIES         512

        .code32
        .section .text.entry, "ax"
        .globl  start
#include "header.S"

/* The 32-bit entry: flat segments, paging and interrupts off, the boot parameters' address in esi. */
boot:   movl    $ENTRY_STACK, %esp
        pushl   $FLAGS
        popfl
        call    check_cpu
        movl    $ENTRY_CR0, %eax
        movl    %eax, %cr0
        movl    $ENTRY_CR4, %eax
        movl    %eax, %cr4
        xorl    %eax, %eax
        movl    $TABLES, %edi
        movl    $(ENTRY_TABLES * TABLE / 4), %ecx
        rep     stosl
        movl    $(TABLES + TABLE + LINK), TABLES        # the root; then the pointers, then four page directories
        .irp    number, 0, 1, 2, 3
        movl    $(TABLES + (2 + \number) * TABLE + LINK), TABLES + TABLE + 8 * \number
        .endr
        movl    $(4 * ENTRIES), %ecx
1:      movl    %ecx, %eax
        decl    %eax
        shll    $21, %eax
        orl     $(LARGE + LINK), %eax
        movl    %eax, TABLES + 2 * TABLE - 8(, %ecx, 8)
        loop    1b
        movl    $TABLES, %eax
        movl    %eax, %cr3
        movl    $EFER, %ecx
        xorl    %edx, %edx
        movl    $ENTRY_EFER, %eax
        wrmsr
        movl    $(ENTRY_CR0 | PAGING), %eax
        movl    %eax, %cr0
        lgdt    descriptors_place
        ljmp    $KERNEL_CODE, $long

        .balign 8
descriptors:                            /* until the kernel has its own; those of ring 0 are the same there */
        .quad   0, 0x00af9b000000ffff, 0x00cf93000000ffff
descriptors_place:
        .word   . - descriptors - 1
        .long   descriptors

#include "check_cpu.S"

        .code64
        .cfi_sections .debug_frame
        .cfi_startproc
        .cfi_undefined rip              # a debugger's way ends here
long:   movl    $KERNEL_DATA, %eax
        movl    %eax, %ss
        movl    $ENTRY_STACK, %esp
        xorl    %ebp, %ebp              # the outermost stack frame
        movl    %esi, %r12d
        call    kernel_start
        testq   %rax, %rax              # the end of the boot stack, which memory now has room for
        jz      halt
        movq    %rax, %rsp

/* The timer was tried: its vector enters by the stub that counts, if an interrupt comes to this CPU at all. */
listen: sti
        nop
        cli
        call    kernel_boot
        testb   %al, %al                # a bool: the rest of rax means nothing
        jz      halt

/* The kernel is up and has started nothing: here the machine stops for those who look at it. */
booted: call    kernel_begin
        jmp     leave

/* Save what the CPU and a stub have not: the rest of a trap frame. */
        .macro  save
        .irp    register, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
        pushq   %\register
        .endr
        .endm

        .macro  restore
        .irp    register, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
        popq    %\register
        .endr
        .endm

/* What has a stack of its own comes here, vector and error code pushed, unless it is a mistake of the kernel's: go on
 * with the frame where any other would be. */
moved:  pushq   %rax
        pushq   %rcx
        movq    TRAP_STACK, %rcx
        .irp    word, 6, 5, 4, 3, 2, 1, 0       # from ss down to the vector
        movq    16 + 8 * \word(%rsp), %rax
        movq    %rax, 8 * \word - 56(%rcx)
        .endr
        popq    -64(%rcx)               # rcx, in the frame to be
        popq    %rax
        leaq    -64(%rcx), %rsp
        popq    %rcx
        jmp     trap

debug:  testl   $VIRTUAL_8086, 32(%rsp) # rflags
        jnz     1f
        testb   $3, 24(%rsp)            # cs
        jnz     moved
        save                            # in ring 0: a mistake
        movq    %rsp, %r12
        movl    $ENTRY_STACK, %esp      # the stack of debug traps has no room for more
        jmp     report
1:      orl     $FROM_VIRTUAL_8086, (%rsp)
        jmp     moved

/* Stubs of exceptions come here, vector and error code pushed: in ring 0, one is a mistake of the kernel's. */
fault:  testl   $VIRTUAL_8086, 32(%rsp)
        jnz     virtual
        testb   $3, 24(%rsp)
        jz      mistake
        jmp     trap

/* Stubs of interrupts come here. */
interrupt:
        testl   $VIRTUAL_8086, 32(%rsp)
        jz      trap

/* Virtual-8086 mode, which QEMU lets ring 3 enter by a 32-bit `iret` even from 64-bit code: cs means nothing. */
virtual:
        orl     $FROM_VIRTUAL_8086, (%rsp)

/* The stub of `int` for system calls comes here.  The word behind the trap frame is Thread.kernel_stack. */
trap:   save
        movq    FRAME_SIZE(%rsp), %rsp
        pushq   $FLAGS                  # whatever the program's are: direction, AC, which opens user pages
        popfq
        jmp     serve

idle:   sti
        hlt
        jmp     idle

/* The frame lies on the stack of the kernel that was interrupted, or of double faults. */
mistake:
        save
        movq    %rsp, %r12
report: pushq   $FLAGS
        popfq
        call    kernel_panic

halt:   cli
        hlt
        jmp     halt

/* `syscall` comes here, with the program's stack pointer still in rsp, its flags in r11 and the place that it goes on
 * at in rcx; the flags that could hurt are clear, interrupts off.  Make the frame that the stub of `int` would. */
        .org    FAST_CALL
        movq    %rsp, USER_STACK
        movq    TRAP_STACK, %rsp
        pushq   $USER_DATA
        pushq   USER_STACK
        pushq   %r11
        pushq   $USER_CODE
        pushq   %rcx
        pushq   $FROM_FAST_CALL           # for the error code
        pushq   $SYSTEM_CALL
        save
        movq    FRAME_SIZE(%rsp), %rsp
serve:  xorl    %ebp, %ebp              # the outermost stack frame is the kernel's, not the user's
        call    kernel_trap             # the last instruction before `leave`, which the machine relies on

/* The kernel has chosen: rax is the trap frame to restore.  `sysret` goes to rcx, with the flags in r11: it serves only
 * where the frame came by `syscall`, and so has in both what it has as place and flags, and where rcx is an address of
 * user space.  Of any other, an Intel CPU would fault in ring 0, on the user's stack. */
leave:  movq    %rax, %rsp
back:   testl   $FROM_FAST_CALL, FRAME_ERROR(%rsp)
        jz      2f
        restore
        cmpq    user_end, %rcx
        jae     1f
        movq    FRAME_RSP - FRAME_VECTOR(%rsp), %rsp
        sysretq
2:      xorl    %edx, %edx              # no selector outlives an interrupt, nor its thread's turn (scheduler.py)
        movl    %edx, %ds
        movl    %edx, %es
        movl    %edx, %fs
        movl    %edx, %gs
        restore
1:      addq    $16, %rsp               # vector and error code
        iretq

/* For a machine that restores the trap frame at rax itself. */
trap_return:
        movq    %rax, %rsp
        jmp     back

user_end:
        .quad   USER_END

        .cfi_endproc

        .org    STUBS
        .set    vector, 0
        .rept   256
        .if     vector == NON_MASKABLE  # at any moment, on a stack of its own
        incl    STRAYS + 4 * NON_MASKABLE
        iretq
        .else
        .if     vector != DOUBLE_FAULT && (vector < 10 || vector > 14) && vector != 17
        pushq   $0                      # the CPU pushes no error code
        .endif
        pushq   $vector
        .if     vector == DOUBLE_FAULT
        jmp     mistake
        .elseif vector == DEBUG
        jmp     debug
        .elseif vector == MACHINE_CHECK
        jmp     moved
        .elseif vector <= LAST_EXCEPTION && vector != RESERVED
        jmp     fault
        .elseif vector == SYSTEM_CALL
        jmp     trap
        .else
        jmp     interrupt
        .endif
        .endif
        .balign 16
        .set    vector, vector + 1
        .endr
        .org    TEXT
