/* The header of the kernel image (kernel/boot/header.py); what it names is in the file that includes this. */
start:  jmp     boot
        .balign 16
        .long   MAGIC, VERSION, LAYOUT, LEVELS, PAYLOAD
        .long   0                       # payload size: the builder's
        .long   trap_return, idle, leave, booted, listen
        .fill   16                      # build id: the builder's
