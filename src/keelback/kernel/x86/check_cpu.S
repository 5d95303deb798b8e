/* Whether the CPU has what the kernel needs; in 32-bit mode, paging off.  LEVELS is of the page tables.
 *
 * Source: Intel SDM volume 2 (CPUID).
 */
#define CPUID_FLAG      (1 << 21)       /* in eflags: can be changed where there is a CPUID instruction */
#define FEATURE_CMOV    (1 << 15)       /* in edx of CPUID leaf 1: compiled code moves by condition */
#define FEATURE_PAE     (1 << 6)        /* there too: entries of page tables may have two words */
#define EXTENDED        0x80000000      /* the first of the extended leaves */
#define FEATURE_LONG_MODE (1 << 29)     /* in edx of the second */
#define SERIAL          0x3f8
#define POLLS           0x400000
#define SCREEN          0xb8000
#define WHITE_ON_RED    0x4f

/* Return if the CPU has what compiled code needs, else say what is missing, on the screen and the serial line. */
check_cpu:
        pushfl
        popl    %eax
        movl    %eax, %ecx
        xorl    $CPUID_FLAG, %eax
        pushl   %eax
        popfl
        pushfl
        popl    %eax
        xorl    %ecx, %eax
        testl   $CPUID_FLAG, %eax
        jz      no_cpuid
        xorl    %eax, %eax
        cpuid
        testl   %eax, %eax              # the highest leaf
        jz      no_cmov
        movl    $1, %eax
        cpuid
        testl   $FEATURE_CMOV, %edx
        jz      no_cmov
#if LEVELS == 3
        testl   $FEATURE_PAE, %edx
        jz      no_pae
#elif LEVELS > 3
        movl    $EXTENDED, %eax
        cpuid
        cmpl    $EXTENDED + 1, %eax     # the highest leaf of those
        jb      no_long_mode
        movl    $EXTENDED + 1, %eax
        cpuid
        testl   $FEATURE_LONG_MODE, %edx
        jz      no_long_mode
#endif
        ret

no_cpuid:
        movl    $cpuid_missing, %esi
        jmp     refuse
no_pae: movl    $pae_missing, %esi
        jmp     refuse
no_long_mode:
        movl    $long_mode_missing, %esi
        jmp     refuse
no_cmov:
        movl    $cmov_missing, %esi
refuse: movl    $SCREEN, %edi
        movw    $SERIAL + 3, %dx        # 8 bits, 115,200 baud
        movb    $0x80, %al
        outb    %al, %dx
        movw    $SERIAL, %dx
        movb    $1, %al
        outb    %al, %dx
        incw    %dx
        xorb    %al, %al
        outb    %al, %dx
        movw    $SERIAL + 3, %dx
        movb    $3, %al
        outb    %al, %dx
        movl    $POLLS, %ecx            # for all bytes together: a line that is never free is not waited for
1:      movb    (%esi), %bl
        incl    %esi
        testb   %bl, %bl
        jz      3f
        movw    $SERIAL + 5, %dx
2:      inb     %dx, %al
        testb   $0x20, %al              # the transmitter is empty; a port that is not there reads so too
        loopz   2b
        incl    %ecx                    # never 0 before `loopz`, which would mean without end
        movw    $SERIAL, %dx
        movb    %bl, %al
        outb    %al, %dx
        cmpb    $' ', %bl
        jb      1b                      # the screen has no lines to end
        movb    $WHITE_ON_RED, %bh
        movw    %bx, (%edi)
        addl    $2, %edi
        jmp     1b
3:      movl    $REFUSED, %eax          # the verdict, for an emulator
        movw    $DEBUG_EXIT, %dx
        outl    %eax, %dx
        jmp     halt

cpuid_missing:
        .asciz  "keelback: can't start. This CPU has no CPUID instruction; a Pentium Pro or later is needed.\r\n"
cmov_missing:
        .asciz  "keelback: can't start. This CPU can't move by condition (CMOV); a Pentium Pro or later is needed.\r\n"
pae_missing:
        .asciz  "keelback: can't start. This CPU has no PAE page tables; a kernel with those of i386 is needed.\r\n"
long_mode_missing:
        .asciz  "keelback: can't start. This CPU has no 64-bit mode; a kernel with the page tables of i386 or PAE is needed.\r\n"
