/* Entry code: the instructions that Python can't be.
 *
 *      kernel_start          header (kernel/header.py), the code of this file
 *      kernel_start + STUBS  256 entry stubs of 16 bytes
 *      kernel_start + TEXT   compiled text
 *
 * Nothing here moves with the compiled text.  STUBS comes from kernel/interrupts.py, MAGIC and VERSION from
 * kernel/header.py, LAYOUT, PAYLOAD and ENTRY_STACK from the layout, the selectors from kernel/segments.py and
 * FRAME_SIZE from kernel/threads.py; TEXT is the builder's.  The linker gives kernel_boot and kernel_trap, which are 0
 * where the kernel is interpreted.  Source: System V ABI i386 (calls); Linux x86 boot protocol 2.15 (32-bit entry).
 */
        .code32
        .section .text.entry, "ax"
        .globl  start
start:  jmp     boot
        .balign 16
        .long   MAGIC, VERSION, LAYOUT, PAYLOAD
        .long   0                       # payload size: the builder's
        .long   trap_return, idle, leave
        .fill   16                      # build id: the builder's

/* The 32-bit entry: flat segments, paging and interrupts off, the boot parameters' address in esi. */
boot:   cld
        movl    $ENTRY_STACK, %esp
        pushl   %esi
        call    kernel_boot
        jmp     leave

/* All stubs come here, vector and error code pushed.  The word behind the trap frame is Thread.kernel_stack. */
trap:   pushal
        cld
        movl    $KERNEL_DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    FRAME_SIZE(%esp), %esp
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

halt:   cli
        hlt
        jmp     halt

        .org    STUBS
        .set    vector, 0
        .rept   256
        .if     vector != 8 && (vector < 10 || vector > 14) && vector != 17
        pushl   $0                      # the CPU pushes no error code
        .endif
        pushl   $vector
        jmp     trap
        .balign 16
        .set    vector, vector + 1
        .endr
        .org    TEXT
