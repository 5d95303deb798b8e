/* The mover: where a kernel runs below the place that a boot loader can load it to, this is the 32-bit entry.  It lies
 * behind the payload, moves kernel and payload down, and goes on at the kernel's own entry.
 *
 *      KERNEL               where the kernel belongs; END is the end of what is moved there, LIMIT that of its region
 *      LOADED               where it was loaded; this code and ROOM lie above
 *      ROOM                 a page for the boot parameters and one for the command line
 *
 * Boot parameters and command line are moved to ROOM first if they lie in the kernel region.  No stack is needed, and
 * none of the loader's memory but these: its descriptors may be overwritten, since no segment is loaded.
 * The words in capitals are the builder's.
 * Source: Linux x86 boot protocol 2.15 (32-bit boot protocol: flat segments, interrupts off, parameters in esi).
 */
        .code32
        .section .text, "ax"
        .globl  start
start:  cld
        leal    PAGE - KERNEL(%esi), %eax
        cmpl    $(LIMIT - KERNEL + PAGE), %eax
        jae     1f                      # their page touches nothing of [KERNEL, LIMIT)
        movl    $ROOM, %edi
        movl    $(PAGE / 4), %ecx
        rep     movsl
        movl    $ROOM, %esi
1:      movl    %esi, %ebx
        movl    COMMAND_LINE(%ebx), %esi
        leal    PAGE - KERNEL(%esi), %eax
        cmpl    $(LIMIT - KERNEL + PAGE), %eax
        jae     2f
        movl    $(ROOM + PAGE), %edi
        movl    %edi, COMMAND_LINE(%ebx)
        movl    $(PAGE / 4), %ecx
        rep     movsl
2:      movl    $LOADED, %esi
        movl    $KERNEL, %edi
        movl    $((END - KERNEL) / 4), %ecx
        rep     movsl
        movl    %ebx, %esi
        movl    $KERNEL, %eax
        jmp     *%eax
