/* Boot sector and setup code: from the BIOS to the kernel's 32-bit entry.
 *
 *      offset 0       boot sector: says that a boot loader is needed
 *             0x1f1   setup header (boot_protocol.py), read and written by boot loaders
 *             0x200   in it a jump to the setup code: where a boot loader enters in real mode
 *             0x26c   setup code
 *             0x1000  end of both in the file; from here on memory that the loader leaves to setup:
 *             0x1000  boot parameters, a page
 *             0x8000  top of the stack
 *
 * HEADER, HEADER_END, STACK, VERSION_SIZE and SETUP_SIZE are the builder's.
 *
 * All data is addressed from the segment that the boot sector was loaded at, the ds of the entry.  The kernel tests
 * the CPU itself, because some boot loaders enter at the 32-bit entry and skip this code.
 *
 * Source: Linux x86 boot protocol 2.15; ACPI 6.5 section 15.1 (int 15h, E820); Ralf Brown's interrupt list (the older
 * calls); Intel SDM volume 3, section 9.9.1 (switching to protected mode).
 */
#define PARAMETERS      0x1000
#define CODE32          0x214           /* in the setup header: the 32-bit entry */
#define MAP_ENTRIES     (PARAMETERS + 0x1e8)
#define MAP             (PARAMETERS + 0x2d0)
#define ENTRY_SIZE      20
#define MOST_ENTRIES    128
#define USABLE          1
#define SMAP            0x534d4150
#define CODE            0x10            /* the selectors of the boot protocol */
#define DATA            0x18

        .code16
        .section .text, "ax"
        .globl  start
start:  ljmp    $0x07c0, $alone

/* A BIOS took the file for a boot disk. */
alone:  movw    %cs, %ax
        movw    %ax, %ds
        xorw    %ax, %ax
        movw    %ax, %ss
        movw    $0x7c00, %sp
        cld
        movw    $need_loader, %si
        call    print
        xorw    %ax, %ax
        int     $0x16                   # wait for a key
        int     $0x19                   # and start again

/* Print the zero-terminated text at ds:si on the screen. */
print:  lodsb
        testb   %al, %al
        jz      1f
        movb    $0x0e, %ah
        movw    $7, %bx
        int     $0x10
        jmp     print
1:      ret

need_loader:
        .asciz  "Keelback needs a boot loader, such as GRUB. Remove the disk and press a key.\r\n"

        .org    HEADER
header: .org    HEADER_END              # the builder's, with the jump to here

/* The 16-bit entry: ds is the boot sector's segment, cs is 0x20 more.  From here on cs is ds. */
setup:  cld
        movw    %ds, %ax
        movw    %ax, %es
        cli
        movw    %ax, %ss
        movw    $STACK, %sp
        sti
        pushw   %ax
        pushw   $1f
        lretw
1:      call    make_parameters
        call    ask_memory_map
        call    open_a20
        jmp     enter_protected_mode

/* Boot parameters: zero, but for the header as the loader left it. */
make_parameters:
        xorl    %eax, %eax
        movw    $PARAMETERS, %di
        movw    $0x1000 / 4, %cx
        rep stosl
        movw    $header, %si
        movw    $PARAMETERS + HEADER, %di
        movw    $HEADER_END - HEADER, %cx
        rep movsb
        ret

/* Memory map: E820, or what the older calls know. */
ask_memory_map:
        movw    $MAP, %di
        xorl    %ebx, %ebx
next:   movl    $0xe820, %eax
        movl    $SMAP, %edx
        movl    $ENTRY_SIZE, %ecx
        int     $0x15
        jc      end_of_map
        cmpl    $SMAP, %eax
        jne     no_map
        addw    $ENTRY_SIZE, %di
        incb    MAP_ENTRIES
        cmpb    $MOST_ENTRIES, MAP_ENTRIES
        je      map_done
        testl   %ebx, %ebx
        jnz     next
map_done:
        ret
end_of_map:                             # some BIOSes end their map by an error
        cmpb    $0, MAP_ENTRIES
        jne     map_done
no_map: movb    $0, MAP_ENTRIES
        movw    $MAP, %di
        int     $0x12                   # KiB of conventional memory
        movzwl  %ax, %edx
        shll    $10, %edx
        xorl    %eax, %eax
        call    add_range
        xorw    %cx, %cx
        movw    $0xe801, %ax            # KiB from 1 MiB to 16 MiB, blocks of 64 KiB from there
        stc                             # a BIOS that knows no such call may leave it
        int     $0x15
        jc      only_64_mib
        jcxz    1f                      # some BIOSes answer in cx and dx
        movw    %cx, %ax
        movw    %dx, %bx
1:      testw   %ax, %ax
        jz      only_64_mib
        movzwl  %ax, %edx
        shll    $10, %edx
        movl    $0x100000, %eax
        call    add_range
        movl    %ebx, %edx
        shll    $16, %edx
        jz      map_done
        movl    $0x1000000, %eax
        jmp     add_range
only_64_mib:
        movb    $0x88, %ah              # KiB from 1 MiB, 63 MiB at most
        clc                             # where it succeeds it may leave that
        int     $0x15
        jc      map_done
        movzwl  %ax, %edx
        shll    $10, %edx
        movl    $0x100000, %eax

/* Add the usable range of edx bytes at eax to the map, at es:di. */
add_range:
        stosl
        xorl    %eax, %eax
        stosl
        movl    %edx, %eax
        stosl
        xorl    %eax, %eax
        stosl
        movb    $USABLE, %al
        stosl
        incb    MAP_ENTRIES
        ret

/* Open addresses from 1 MiB on: by the BIOS, the keyboard controller, the system port. */
open_a20:
        call    a20_is_open
        jne     1f
        movw    $0x2401, %ax
        int     $0x15
        call    a20_is_open
        jne     1f
        call    keyboard_ready
        movb    $0xd1, %al
        outb    %al, $0x64
        call    keyboard_ready
        movb    $0xdf, %al
        outb    %al, $0x60
        call    keyboard_ready
        call    a20_is_open
        jne     1f
        inb     $0x92, %al
        orb     $0x02, %al
        andb    $0xfe, %al              # bit 0 would reset the machine
        outb    %al, $0x92
        movw    $0x400, %cx             # it opens in its own time
2:      call    a20_is_open
        loope   2b
        je      a20_is_closed
1:      ret

a20_is_closed:
        movw    $no_a20, %si
        call    print
2:      hlt
        jmp     2b

no_a20: .asciz  "Keelback can't reach the memory above 1 MiB: the A20 gate stays closed.\r\n"

keyboard_ready:
        movw    $0xffff, %cx
1:      inb     $0x64, %al
        testb   $0x02, %al
        loopnz  1b
        ret

/* Leave the zero flag clear when a write below 1 MiB is not seen 1 MiB higher. */
a20_is_open:
        pushw   %cx
        pushw   %fs
        pushw   %gs
        xorw    %ax, %ax
        movw    %ax, %fs
        decw    %ax
        movw    %ax, %gs
        movw    $0x100, %cx
        movl    %fs:0x200, %edx         # a vector that nobody uses
1:      incl    %fs:0x200
        movl    %gs:0x210, %eax
        cmpl    %fs:0x200, %eax
        loope   1b
        movl    %edx, %fs:0x200
        popw    %gs
        popw    %fs
        popw    %cx
        ret

enter_protected_mode:
        cli
        movb    $0x80, %al              # no NMI while there is no one to take it
        outb    %al, $0x70
        movl    CODE32, %ecx            # a loader may have moved it
        xorl    %ebx, %ebx
        movw    %ds, %bx
        shll    $4, %ebx
        leal    PARAMETERS(%ebx), %esi
        leal    gdt(%ebx), %eax
        movl    %eax, gdt_base
        leal    in_32_bits(%ebx), %eax
        movl    %eax, far_offset
        lgdtl   gdt_pointer
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        .byte   0x66, 0xea              # ljmpl $CODE, $in_32_bits
far_offset:
        .long   0
        .word   CODE

        .code32
in_32_bits:
        movl    $DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %fs
        movl    %eax, %gs
        movl    %eax, %ss
        xorl    %ebp, %ebp
        xorl    %edi, %edi
        xorl    %ebx, %ebx
        jmp     *%ecx

        .balign 8
gdt:    .quad   0, 0
        .quad   0x00cf9b000000ffff      # flat code
        .quad   0x00cf93000000ffff      # flat data
        .word   0
gdt_pointer:
        .word   . - gdt - 2 - 1
gdt_base:
        .long   0
        .org    SETUP_SIZE - VERSION_SIZE
        .fill   VERSION_SIZE            # the version text: the builder's
