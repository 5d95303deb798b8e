/* Entry code: the instructions that Python can't be.
 *
 *      kernel_start          header (kernel/boot/header.py), the code of this file
 *      kernel_start + STUBS  256 entry stubs of 16 bytes
 *      kernel_start + TEXT   compiled text
 *
 * Nothing here moves with the compiled text.  The words in capitals that are not defined here come from Python:
 * MAGIC and VERSION from kernel/boot/header.py, LAYOUT, LEVELS, PAYLOAD and ENTRY_STACK from the layout, the vectors from
 * x86/vectors.py, STUBS from x86/interrupts.py, the selectors from x86/segments.py, FRAME_SIZE and FROM_VIRTUAL_8086
 * from x86/trap_frame.py, DEBUG_EXIT and REFUSED from kernel/devices/power.py.  STRAYS is where kernel/calls/strays.py
 * counts; TEXT is the builder's.  The linker gives kernel_start, kernel_boot, kernel_begin, kernel_trap and
 * kernel_panic, which are 0 where the kernel is interpreted.
 * Source: System V ABI i386 (calls); Linux x86 boot protocol 2.15 (32-bit entry).
 */
#define FLAGS           (1 << 1)        /* all that the kernel runs with */
#define VIRTUAL_8086    (1 << 17)       /* in eflags */

        .code32
        .section .text.entry, "ax"
        .globl  start
#include "header.S"

/* The 32-bit entry: flat segments, paging and interrupts off, the boot parameters' address in esi. */
boot:   movl    $ENTRY_STACK, %esp
        pushl   $FLAGS
        popfl
        xorl    %ebp, %ebp              # the outermost stack frame
        pushl   %esi
        call    check_cpu
        call    kernel_start
        testl   %eax, %eax              # the end of the boot stack, which memory now has room for
        jz      halt
        movl    %eax, %esp

/* The timer was tried: its vector enters by the stub that counts, if an interrupt comes to this CPU at all. */
listen: sti
        nop
        cli
        call    kernel_boot
        testb   %al, %al                # a bool: the rest of eax means nothing
        jz      halt

/* The kernel is up and has started nothing: here the machine stops for those who look at it. */
booted: call    kernel_begin
        jmp     leave

/* Virtual-8086 mode, which QEMU lets ring 3 enter by `iret`: the CPU has pushed gs, fs, ds and es above the frame, and
 * cs means nothing.  Move what was pushed up to where the frame belongs; the mark in the vector says what happened. */
virtual:
        pushl   %eax
        .irp    word, 6, 5, 4, 3, 2, 1, 0       # from ss down to the vector
        movl    4 + 4 * \word(%esp), %eax
        movl    %eax, 20 + 4 * \word(%esp)
        .endr
        popl    %eax
        addl    $16, %esp
        orl     $FROM_VIRTUAL_8086, (%esp)
        jmp     trap

/* Stubs of exceptions come here, vector and error code pushed: in ring 0, one is a mistake of the kernel's. */
fault:  testl   $VIRTUAL_8086, 16(%esp) # eflags
        jnz     virtual
        testb   $3, 12(%esp)            # cs
        jz      mistake
        jmp     trap

/* Stubs of interrupts come here. */
interrupt:
        testl   $VIRTUAL_8086, 16(%esp)
        jnz     virtual

/* The stub of system calls comes here: no code of virtual-8086 mode can be fetched, so none is made from there.
 * The word behind the trap frame is Thread.kernel_stack. */
trap:   pushal
        movl    $KERNEL_DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        xorl    %ebp, %ebp              # the outermost stack frame is the kernel's, not the user's
        movl    FRAME_SIZE(%esp), %esp
        pushl   $FLAGS                  # whatever the program's are: direction, nested task, AC, which opens user pages
        popfl
        call    kernel_trap             # the last instruction before `leave`, which the machine relies on

/* The kernel has chosen: eax is the trap frame to restore, 0 when there is none. */
leave:  testl   %eax, %eax
        jz      halt

/* Restore the trap frame at eax.  A frame of ring 0 is the idle thread's: the CPU then pops no stack pointer, so
 * esp stays just above the frame's eflags, where the next interrupt pushes the same frame again. */
trap_return:
        movl    %eax, %esp
        movl    $USER_DATA, %eax        # always the user's: no selector travels between processes
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %fs
        movl    %eax, %gs
        popal
        addl    $8, %esp                # vector and error code
        iretl

idle:   sti
        hlt
        jmp     idle

/* A double fault comes here, by a task switch, on a stack of its own; ebx points at the task state that keeps the
 * registers of what it interrupted.  Make a mistake's frame of them. */
double_fault:
        .irp    place, 36, 76, 32       # eflags, cs, eip
        pushl   \place(%ebx)
        .endr
        pushl   $0                      # the error code
        pushl   $DOUBLE_FAULT
        .irp    place, 40, 44, 48, 52, 56, 60, 64, 68   # eax … edi
        pushl   \place(%ebx)
        .endr
        subl    $20, 12(%esp)           # esp, as `pushal` would have found it
        jmp     panic

/* The frame lies on the stack of the kernel that was interrupted; ring 0's has neither esp nor ss. */
mistake:
        pushal
panic:  pushl   $FLAGS
        popfl
        movl    $KERNEL_DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %esp, %eax
        pushl   %eax
        call    kernel_panic

halt:   cli
        hlt
        jmp     halt

#include "check_cpu.S"

        .org    STUBS
        .set    vector, 0
        .rept   256
        .if     vector == NON_MASKABLE  # at any moment, on any stack, with any data segment
        incl    %ss:STRAYS + 4 * NON_MASKABLE
        iretl
        .elseif vector == DOUBLE_FAULT  # the error code, always 0, is on the stack
        jmp     double_fault
        .else
        .if     (vector < 10 || vector > 14) && vector != 17
        pushl   $0                      # the CPU pushes no error code
        .endif
        pushl   $vector
        .if     vector <= LAST_EXCEPTION && vector != RESERVED && vector != MACHINE_CHECK
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
