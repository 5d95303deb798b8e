/* A loader that leaves the CPU in a state of its own, entered instead of the kernel's 32-bit entry; it keeps esi.
 *
 * CR0, CR4 and FLAGS are what it leaves in those registers; PAGES is where it may make page tables, 0 for no paging.
 */
        .code32
        .section .text.leftovers, "ax"
        .globl  start
start:  movl    $0x90000, %esp
        call    1f
1:      popl    %ebp                    # what follows is found by its distance from here
        leal    gdt - 1b(%ebp), %eax
        movl    %eax, gdt_pointer + 2 - 1b(%ebp)
        lgdtl   gdt_pointer - 1b(%ebp)
        movl    $0x20, %eax
        lldt    %ax                     # a call gate to wherever, as any other descriptor
        movl    $1, %eax
        cpuid
        btl     $11, %edx               # sysenter, into the middle of the kernel
        jnc     2f
        xorl    %edx, %edx
        movl    $0x174, %ecx
        movl    $8, %eax
        wrmsr
        incl    %ecx
        movl    $0x90000, %eax
        wrmsr
        incl    %ecx
        movl    $0x100000, %eax
        wrmsr
2:      movl    $0x80000000, %eax
        cpuid
        cmpl    $0x80000001, %eax
        jb      3f
        movl    $0xc0000080, %ecx       # EFER: syscall
        movl    $1, %eax
        xorl    %edx, %edx
        wrmsr
3:      movl    $0x90000, %eax
        movl    %eax, %dr0
        movl    $0x403, %eax            # a breakpoint there
        movl    %eax, %dr7
        movl    $CR4, %eax
        movl    %eax, %cr4
.if PAGES
        movl    $PAGES, %eax
        movl    %eax, %cr3
.if CR4 & 0x20                          /* PAE: four directories of 2 MiB pages, then the table of them */
        leal    0x1000(%eax), %edi
        movl    $0x83, %eax
4:      movl    %eax, (%edi)
        movl    $0, 4(%edi)
        addl    $8, %edi
        addl    $0x200000, %eax
        jnc     4b
        movl    $PAGES, %edi
        leal    0x1001(%edi), %eax
        movl    $4, %ecx
5:      movl    %eax, (%edi)
        movl    $0, 4(%edi)
        addl    $8, %edi
        addl    $0x1000, %eax
        loop    5b
.else                                   /* a directory of 4 MiB pages */
        movl    %eax, %edi
        movl    $0x83, %eax
4:      movl    %eax, (%edi)
        addl    $4, %edi
        addl    $0x400000, %eax
        jnc     4b
.endif
.endif
        movl    $CR0, %eax
        movl    %eax, %cr0
        pushl   $FLAGS
        popfl
        movl    $0x100000, %eax
        jmp     *%eax

        .balign 8
gdt:    .quad   0, 0
        .quad   0x00cf9b000000ffff      # flat code
        .quad   0x00cf93000000ffff      # flat data
        .quad   0x000082002000ffff      # a local descriptor table at 0x2000
gdt_pointer:
        .word   . - gdt - 1
        .long   0
