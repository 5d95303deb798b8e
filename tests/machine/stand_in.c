/* A stand-in for a compiled kernel: the smallest one that has user mode, interrupts, idling and the machine's end.
 *
 * Its one user program is the payload's first page, mapped at USER; eax says what it wants of `int $0x80`:
 * 1 nothing, 2 to put the byte in ebx on the console, 3 to sleep for a tick, 4 the end, 5 to go wrong as ebx says,
 * 6 to have the byte in bl stored at ecx in its own page, 7 the control register 4 that the kernel sees.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct frame {
    u32 edi, esi, ebp, unused, ebx, edx, ecx, eax, vector, error, eip, cs, eflags, esp, ss;
};
struct thread {
    struct frame frame;
    u32 kernel_stack;
};
struct task {
    u32 link, esp0, ss0, rest[23];
};
struct boot {
    u32 parameters, cs, ds, cr0, eflags;
};

__attribute__((section("records.threads"))) struct thread threads[2]; /* the program's and the idle one */
__attribute__((section("records.boot"))) struct boot boot;
__attribute__((section("records.gdt"))) u64 gdt[6];
__attribute__((section("records.task"))) struct task task;
__attribute__((section("records.idt"))) u32 idt[256][2];
__attribute__((section("records.pages"))) u32 directory[1024], low[1024], high[1024];
__attribute__((section("records.stacks"))) u8 stacks[3][4096];

static void out8(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static u8 in8(u16 port)
{
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void put(u8 byte)
{
    while (!(in8(0x3fd) & 0x20))
        ;
    out8(0x3f8, byte);
}

static u64 segment(u32 base, u32 limit, u64 access, u64 flags)
{
    return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | access << 40 | (u64)(limit >> 16) << 48 | flags << 52
        | (u64)(base >> 24) << 56;
}

static void start_segments(void)
{
    struct { u16 limit; u32 base; } __attribute__((packed)) table = {sizeof gdt - 1, (u32)gdt};

    gdt[1] = segment(0, 0xfffff, 0x9b, 0xc);
    gdt[2] = segment(0, 0xfffff, 0x93, 0xc);
    gdt[3] = segment(0, 0xfffff, 0xfb, 0xc);
    gdt[4] = segment(0, 0xfffff, 0xf3, 0xc);
    gdt[5] = segment((u32)&task, sizeof task - 1, 0x89, 0);
    task.ss0 = 0x10;
    task.esp0 = (u32)&threads[0].kernel_stack;
    __asm__ volatile("lgdt %0; pushl %1; pushl $1f; lretl; 1: mov %2, %%ds; mov %2, %%es; mov %2, %%ss"
                     : : "m"(table), "r"(8), "r"(0x10) : "memory");
    __asm__ volatile("ltr %0" : : "r"((u16)0x28));
}

static void start_interrupts(void)
{
    struct { u16 limit; u32 base; } __attribute__((packed)) table = {sizeof idt - 1, (u32)idt};

    for (u32 vector = 0; vector < 256; vector++) {
        u32 stub = KERNEL_START + 0x1000 + vector * 16;
        idt[vector][0] = 8 << 16 | (stub & 0xffff);
        idt[vector][1] = (stub & 0xffff0000) | 0x8e00 | (vector == 0x80 ? 0x6000 : 0);
    }
    __asm__ volatile("lidt %0" : : "m"(table));
    out8(0x20, 0x11);
    out8(0x21, 32);
    out8(0x21, 4);
    out8(0x21, 1);
    out8(0x21, 0xfe);
}

static void start_paging(void)
{
    for (u32 page = 1; page < 1024; page++)
        low[page] = page << 12 | 0x63;
    directory[0] = (u32)low | 0x63;
    directory[USER >> 22] = (u32)high | 0x67;
    high[USER >> 12 & 1023] = PAYLOAD | 0x67;
    __asm__ volatile("mov %0, %%cr3" : : "r"(directory) : "memory");
    __asm__ volatile("mov %0, %%cr4" : : "r"(0x80));
    __asm__ volatile("mov %%cr0, %%eax; orl %0, %%eax; mov %%eax, %%cr0" : : "i"(0x80010000) : "eax", "memory");
}

static void start_thread(struct thread *thread, u32 number, u32 eip, u32 ring)
{
    thread->frame.eip = eip;
    thread->frame.cs = ring ? 0x1b : 8;
    thread->frame.ss = ring ? 0x23 : 0x10;
    thread->frame.eflags = ring ? 0x202 : 2;
    thread->frame.esp = ring ? USER + 4096 : 0;
    thread->kernel_stack = (u32)stacks[number + 1];
}

u32 kernel_start(u32 parameters)
{
    boot.parameters = parameters;
    __asm__("mov %%cs, %0; mov %%ds, %1; mov %%cr0, %2; pushfl; popl %3"
            : "=r"(boot.cs), "=r"(boot.ds), "=r"(boot.cr0), "=r"(boot.eflags));
    return *(u8 *)PAYLOAD == 0 ? 0 : (u32)stacks[2];
}

u32 kernel_boot(void)
{
    if (*(u8 *)PAYLOAD == 1)
        return 0xffffff00; /* false: of a bool, eax has one byte */
    start_segments();
    start_interrupts();
    start_paging();
    start_thread(&threads[0], 0, USER, 3);
    start_thread(&threads[1], 1, ((u32 *)KERNEL_START)[IDLE / 4], 0);
    out8(0x43, 0x34);
    out8(0x40, DIVISOR & 0xff);
    out8(0x40, DIVISOR >> 8);
    return 1;
}

u32 kernel_begin(void)
{
    return *(u8 *)PAYLOAD == 2 ? 0 : (u32)&threads[0];
}

/* Keep the trap frame of a mistake in ring 0 where the program's would be, and end the machine. */
void kernel_panic(struct frame *frame)
{
    u32 *to = (u32 *)&threads[0].frame, *from = (u32 *)frame;

    for (u32 word = 0; word < 13; word++)
        to[word] = from[word];
    __asm__ volatile("outl %0, %1" : : "a"(1), "Nd"((u16)0xf4));
}

static void go_wrong(u32 how)
{
    if (how == 0)
        *(volatile u32 *)0x0badf00c = 1;
    else if (how == 1)
        __asm__ volatile("ud2");
    else if (how == 2)
        __asm__ volatile("cli; hlt");
    else if (how == 3)
        idt[0x80][1] = 0;
    else
        task.ss0 = 0x23;
}

static u32 serve(struct frame *frame)
{
    u32 cr4;

    switch (frame->eax) {
    case 2:
        put((u8)frame->ebx);
        break;
    case 3:
        return (u32)&threads[1];
    case 4:
        __asm__ volatile("outl %0, %1" : : "a"(0), "Nd"((u16)0xf4));
        break;
    case 5:
        go_wrong(frame->ebx);
        break;
    case 6:
        *(volatile u8 *)(frame->ecx - USER + PAYLOAD) = (u8)frame->ebx;
        break;
    case 7:
        __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
        frame->eax = cr4;
        break;
    }
    return (u32)&threads[0];
}

u32 kernel_trap(void)
{
    struct frame *frame = &threads[0].frame;

    if (threads[1].frame.vector == 32) { /* the idle thread was interrupted */
        threads[1].frame.vector = 0;
        out8(0x20, 0x20);
        return (u32)frame;
    }
    if (frame->vector == 0x80)
        return serve(frame);
    if (frame->vector == 32) {
        out8(0x20, 0x20);
        return (u32)frame;
    }
    return 0; /* a fault of the program: its frame says which */
}
