/* A kernel of a page: it comes from 32-bit protected mode into long mode, starts one program, counts its calls and
 * answers each with its own number, and ends at the call 0.  The frame ends where the task state's stack begins.
 */
        .code32
start:  movl    %esi, PARAMETERS
        movl    %cr4, %eax
        orl     $1 << 5, %eax           # PAE
        movl    %eax, %cr4
        movl    $ROOT, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx       # EFER
        movl    $0x901, %eax            # no-execute, long mode, system calls
        xorl    %edx, %edx
        wrmsr
        movl    $0x8001003b, %eax
        movl    %eax, %cr0
        lgdt    gdt_at
        ljmp    $KERNEL_CODE, $wide

        .code64
wide:   movl    $KERNEL_DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $BOOT_STACK, %esp
        lidt    idt_at
        movl    $TASK, %eax
        ltr     %ax
        movl    $0xc0000081, %ecx       # STAR
        xorl    %eax, %eax
        movl    $(USER_CODE - 16) << 16 | KERNEL_CODE, %edx
        wrmsr
        incl    %ecx                    # LSTAR
        movl    $by_call, %eax
        xorl    %edx, %edx
        wrmsr
        movl    $0xc0000084, %ecx       # SFMASK
        movl    $0x44700, %eax
        wrmsr
        .globl  listen, booted, leave, trap_return
listen: sti
        nop
        cli
booted: nop
        movl    $FRAME, %eax
        jmp     leave

        .globl  by_int, by_nmi, by_fault
by_int: pushq   $0
        pushq   $0x80
        jmp     trap
by_nmi: incl    COUNTED
        iretq
by_fault:
        pushq   $14
        jmp     trap

by_call:
        movq    %rsp, USER_STACK
        movl    $FRAME_END, %esp
        pushq   $USER_DATA
        pushq   USER_STACK
        pushq   %r11
        pushq   $USER_CODE
        pushq   %rcx
        pushq   $0
        pushq   $0x180
trap:   .irp    register, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
        pushq   %\register
        .endr
        movl    $KERNEL_DATA, %eax      # null after an interrupt
        movl    %eax, %ss
        movq    %rsp, %rdi
        movl    $BOOT_STACK, %esp
        call    serve
leave:  testl   %eax, %eax
        jz      halt
trap_return:
        movl    %eax, %esp
        .irp    register, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
        popq    %\register
        .endr
        cmpq    $0x180, (%rsp)
        jne     1f
        movq    40(%rsp), %rsp
        sysretq
1:      addq    $16, %rsp
        iretq

halt:   cli
        hlt

serve:  incl    COUNTED + 4
        movl    %edi, %eax
        cmpq    $14, 15 * 8(%rdi)
        je      1f
        cmpl    $0, 14 * 8(%rdi)
        je      1f
        movl    COUNTED + 4, %edx
        movq    %rdx, 14 * 8(%rdi)
        ret
1:      xorl    %eax, %eax
        ret

        .balign 8
gdt_at: .word   8 * 8 - 1
        .long   GDT
idt_at: .word   256 * 16 - 1
        .quad   IDT
