/* Entry code: the instructions that Python can't be.
 *
 *      kernel_start              header (kernel/boot/header.py), the code of this file
 *      kernel_start + FAST_CALL  where `sysenter` enters
 *      kernel_start + STUBS      256 entry stubs of 16 bytes
 *      kernel_start + TEXT       compiled text
 *
 * Nothing here moves with the compiled text.  The words in capitals that are not defined here come from Python:
 * MAGIC and VERSION from kernel/boot/header.py, LAYOUT, LEVELS, PAYLOAD and ENTRY_STACK from the layout, the vectors from
 * x86/vectors.py, STUBS and FAST_CALL from x86/interrupts.py, the selectors from x86/segments.py, the FRAME_… and FROM_…
 * from x86/trap_frame.py, TRAP_STACK from x86/task_state.py, DEBUG_EXIT and REFUSED from kernel/devices/power.py.  STRAYS is where kernel/calls/strays.py
 * counts; TEXT is the builder's.  The linker gives kernel_start, kernel_boot, kernel_begin, kernel_trap and
 * kernel_panic, which are 0 where the kernel is interpreted.
 * Source: System V ABI i386 (calls); Linux x86 boot protocol 2.15 (32-bit entry); Intel SDM volume 2 (SYSENTER, SYSEXIT,
 * STI) and volume 3, sections 5.8.7 (fast system calls) and 17.3.1.4 (single step).
 */
#define FLAGS           (1 << 1)        /* all that the kernel runs with */
#define INTERRUPTS      (1 << 9)        /* in eflags, as all user mode has it */
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

/* Go on in the kernel from where the frame is the stack.  Its segments are the user's, which serve both rings. */
        .macro  enter_kernel
        movw    %cs:user_data, %ds
        movw    %cs:user_data, %es
        xorl    %ebp, %ebp              # the outermost stack frame is the kernel's, not the user's
        movl    FRAME_SIZE(%esp), %esp
        pushl   $FLAGS                  # whatever the program's are: direction, nested task, AC, which opens user pages
        popfl
        .endm

/* Stubs of exceptions come here, vector and error code pushed: in ring 0, one is a mistake of the kernel's. */
fault:  testl   $VIRTUAL_8086, 16(%esp) # eflags
        jnz     virtual
        testb   $3, 12(%esp)            # cs
        jz      in_kernel
        jmp     trap

/* Save the registers of a fast call, where a trap would: flags and error code are still to come. */
        .macro  save_call
        movl    TRAP_STACK(%esp), %esp
        leal    FRAME_VECTOR - FRAME_SIZE(%esp), %esp
        pushal
        movl    %edx, FRAME_EIP(%esp)
        movl    %ecx, FRAME_ESP(%esp)
        movl    $SYSTEM_CALL, FRAME_VECTOR(%esp)
        .endm

/* Stubs of interrupts come here. */
interrupt:
        testl   $VIRTUAL_8086, 16(%esp)
        jnz     virtual

/* The stub of system calls comes here: no code of virtual-8086 mode can be fetched, so none is made from there.
 * The word behind the trap frame is Thread.kernel_stack. */
trap:   pushal
        enter_kernel
        jmp     serve

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

/* An exception of ring 0, vector and error code pushed.  It is a mistake of the kernel's, unless it is the single step
 * of a program that has set TF and then made a fast call: `sysenter` keeps that flag, so the trap comes at the first
 * instruction here, on the entry stack, and the gate has cleared the flag.  Make the frame that `int` would have made:
 * its flags are those that were pushed, and with TF in them they return by `iret`. */
in_kernel:
        cmpl    $DEBUG, (%esp)
        jne     mistake
        cmpl    $fast_call, 8(%esp)     # eip
        jne     mistake
        pushl   %eax
        pushl   %ebx
        movl    28 + TRAP_STACK(%esp), %eax
        movl    24(%esp), %ebx          # eflags
        orl     $INTERRUPTS, %ebx
        movl    %ebx, %ss:FRAME_ERROR - FRAME_SIZE(%eax)        # for the time being: there nothing else is pushed
        popl    %ebx
        popl    %eax
        addl    $20, %esp
        save_call
        movl    FRAME_ERROR(%esp), %eax
        movl    %eax, FRAME_EFLAGS(%esp)
        movl    $0, FRAME_ERROR(%esp)
        movl    $USER_CODE, FRAME_CS(%esp)
        movl    $USER_DATA, FRAME_SS(%esp)
        enter_kernel
        jmp     serve

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

user_data:
        .word   USER_DATA

/* `sysenter` comes here, with the program's stack pointer in ecx and the place that it goes on at in edx, as its stubs
 * have put them there; interrupts are off, and esp is at the task state.  Make the frame that the stub of `int` would:
 * what it has for stack and place is the program's own affair.  Its flags are lost, by contract; its selectors are those
 * of all user mode, which the frame has from an earlier trap, and which `sysexit` does not ask for. */
        .org    FAST_CALL
fast_call:
        save_call
        movl    $(FLAGS | INTERRUPTS), FRAME_EFLAGS(%esp)
        movl    $FROM_FAST_CALL, FRAME_ERROR(%esp)
        enter_kernel
serve:  call    kernel_trap             # the last instruction before `leave`, which the machine relies on

/* The kernel has chosen: eax is the trap frame to restore.  `sysexit` goes to edx with ecx for a stack, which the frame
 * of a fast call has there; wherever these lead, that is in ring 3, where what is the kernel's faults.  Interrupts stay
 * off for one instruction behind `sti`. */
leave:  movl    %eax, %esp
back:   testl   $FROM_FAST_CALL, FRAME_ERROR(%esp)
        jz      1f
        popal
open:   sti
opened: sysexit

/* A frame of ring 0 is the idle thread's: the CPU then pops no stack pointer, so esp stays just above the frame's
 * eflags, where the next interrupt pushes the same frame again. */
1:      movl    $USER_DATA, %eax        # always the user's: no selector travels between processes
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %fs
        movl    %eax, %gs
        popal
        addl    $8, %esp                # vector and error code
        iretl

/* For a machine that restores the trap frame at eax itself. */
trap_return:
        movl    %eax, %esp
        jmp     back

/* A non-maskable interrupt, at any moment, on any stack, with any data segment.  One behind `sti` lets others in when it
 * returns, before user mode is there: make that `sti` again. */
non_maskable:
        incl    %ss:STRAYS + 4 * NON_MASKABLE
        cmpl    $opened, (%esp)
        jne     1f
        movl    $open, (%esp)
        andl    $~INTERRUPTS, 8(%esp)   # eflags
1:      iretl

        .org    STUBS
        .set    vector, 0
        .rept   256
        .if     vector == NON_MASKABLE
        jmp     non_maskable
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
