/* Entry code: the instructions that Python can't be.
 *
 * The image starts with its header (kernel/header.py).  KERNEL_START, MAGIC, VERSION, LAYOUT and PAYLOAD come
 * from the layout, USER_DATA from the GDT (kernel/segments.py).
 */
        .code32
        .section .text.entry, "ax"
        .globl  start
start:  jmp     halt
        .balign 16
        .long   MAGIC, VERSION, LAYOUT, PAYLOAD
        .long   0                       # payload size: the builder's
        .long   trap_return, idle, 0
        .fill   16                      # build id: the builder's

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
