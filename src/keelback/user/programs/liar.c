/*
 * Lies to the kernel: makes every system call with every kind of bad argument, and looks whether
 * the right error comes back. The dead child that it lies about can still be waited for at the end.
 */
#include "keelback.h"

#define PAGE 4096
#define KERNEL 0x100000
#define NOT_MAPPED 0x60000000
#ifdef __x86_64__
#define HIGH ((uintptr_t)1 << 32) /* a bit that no number here has */
#define LAST_PAGE ((uintptr_t)0x7ffffffff000)
#define MALLOC_LIMIT ((uintptr_t)0x8000000000)
#define MALLOC_SIZE ((uintptr_t)0x4000000000)
#else
#define HIGH ((uintptr_t)1 << 31)
#define LAST_PAGE ((uintptr_t)0xfffff000)
#define MALLOC_LIMIT ((uintptr_t)0xc0000000)
#define MALLOC_SIZE ((uintptr_t)0x40000000)
#endif
#define MY_PAGE ((uintptr_t)name & -PAGE)

static char name[] = "hello", endless[256];
static uint32_t wrong;

/* Make a call that is to fail. */
static void lie(int32_t error, uintptr_t call, uintptr_t a, uintptr_t b, uintptr_t c)
{
    intptr_t result = sys_call(call, a, b, c, 0);

    if (result == error)
        return;
    wrong++;
    print("liar: call ");
    print_number((int32_t)call);
    print(" with ");
    print_hex(a);
    print(", ");
    print_hex(b);
    print(", ");
    print_hex(c);
    print(": not ");
    print_number(error);
    print(" but ");
    print_number((int32_t)result);
    print("\n");
}

static void lie_about_numbers(void)
{
    static const uintptr_t numbers[] = {0, NO_CALL, 0x7fffffff, 0x80000000, UINTPTR_MAX, CALL_GETPID | HIGH};

    for (int i = 0; i < 6; i++)
        lie(ERROR_UNKNOWN_CALL, numbers[i], 0, 0, 0);
    lie(ERROR_BAD_ARGUMENT, CALL_PUTS, (uintptr_t)name, UINTPTR_MAX, 0);
    lie(ERROR_BAD_ARGUMENT, CALL_PUTS, (uintptr_t)name, 0x7fffffff, 0);
    lie(ERROR_BAD_ARGUMENT, CALL_PUTS, (uintptr_t)name, 5 | HIGH, 0);
    lie(ERROR_BAD_ARGUMENT, CALL_SLEEP, 0x80000000, 0, 0);
    lie(ERROR_BAD_ARGUMENT, CALL_SLEEP, HIGH, 0, 0);
    lie(ERROR_BAD_ARGUMENT, CALL_SLEEP, UINTPTR_MAX, 0, 0);
}

static void lie_about_programs(void)
{
    memset(endless, 'x', sizeof endless);
    for (uintptr_t call = CALL_EXEC; call <= CALL_SPAWN; call++) {
        lie(ERROR_NO_SUCH_PROGRAM, call, (uintptr_t) "", (uintptr_t) "", 0);
        lie(ERROR_NO_SUCH_PROGRAM, call, (uintptr_t) "liars", (uintptr_t) "", 0);
        lie(ERROR_NOT_EXECUTABLE, call, (uintptr_t) "etc/init", (uintptr_t) "", 0);
        lie(ERROR_BAD_ARGUMENT, call, (uintptr_t)endless, (uintptr_t) "", 0);
        lie(ERROR_BAD_ARGUMENT, call, (uintptr_t)name, (uintptr_t)endless, 0);
    }
}

static void lie_about_processes(uintptr_t dead)
{
    static const uintptr_t nobody[] = {0, 512, 0x7fffffff, 0x80000000, (uintptr_t)-2};

    for (int i = 0; i < 5; i++) {
        lie(ERROR_NO_CHILD, CALL_WAIT, nobody[i], 0, 0);
        lie(ERROR_NO_SUCH_PROCESS, CALL_KILL, nobody[i], 0, 0);
    }
    lie(ERROR_NO_SUCH_PROCESS, CALL_KILL, (uintptr_t)-1, 0, 0);
    lie(ERROR_NO_SUCH_PROCESS, CALL_KILL, dead, 0, 0);
    lie(ERROR_NO_SUCH_PROCESS, CALL_KILL, (uintptr_t)sys_getpid() | HIGH, 0, 0);
    lie(ERROR_NO_CHILD, CALL_WAIT, dead | HIGH, 0, 0);
    lie(ERROR_NO_CHILD, CALL_WAIT, (uintptr_t)sys_getpid(), 0, 0);
    wrong += sys_kill(1) != ERROR_NOT_PERMITTED && sys_kill(1) != ERROR_NO_SUCH_PROCESS;
}

static void lie_about_pages(void)
{
    for (uintptr_t call = CALL_MAP; call <= CALL_PROTECT; call++) {
        lie(ERROR_BAD_ARGUMENT, call, NOT_MAPPED + 1, PAGE, CAN_READ);
        lie(ERROR_BAD_ARGUMENT, call, NOT_MAPPED, 0, CAN_READ);
        lie(ERROR_BAD_ADDRESS, call, NOT_MAPPED, UINTPTR_MAX, CAN_READ);
        lie(ERROR_BAD_ADDRESS, call, LAST_PAGE - 0x10000000, 0x7fffffff, CAN_READ);
        lie(ERROR_BAD_ADDRESS, call, KERNEL, PAGE, CAN_READ);
        lie(ERROR_BAD_ADDRESS, call, LAST_PAGE, PAGE, CAN_READ);
    }
    lie(ERROR_BAD_ARGUMENT, CALL_MAP, NOT_MAPPED, PAGE, 16);
    lie(ERROR_NO_ROOM, CALL_MAP, MY_PAGE, PAGE, CAN_READ);
    lie(ERROR_NO_ROOM, CALL_MAP, 0, UINTPTR_MAX, CAN_READ);
    lie(ERROR_BAD_ADDRESS, CALL_UNMAP, 0, PAGE, 0);
    lie(ERROR_BAD_ARGUMENT, CALL_PROTECT, MY_PAGE, PAGE, UINTPTR_MAX);
    lie(ERROR_BAD_ADDRESS, CALL_PROTECT, NOT_MAPPED, PAGE, CAN_READ);
    lie(ERROR_BAD_ARGUMENT, CALL_PAGE_ALLOC, NOT_MAPPED + 1, 0, 0);
    lie(ERROR_BAD_ADDRESS, CALL_PAGE_ALLOC, 0, 0, 0);
    lie(ERROR_BAD_ADDRESS, CALL_PAGE_ALLOC, KERNEL, 0, 0);
    lie(ERROR_BAD_ADDRESS, CALL_PAGE_ALLOC, LAST_PAGE, 0, 0);
}

/* Lie about malloc pages: of these two, the first is given back before. */
static void lie_about_malloc(void)
{
    uintptr_t given_back = (uintptr_t)sys_malloc_pages(2), taken = given_back + PAGE;
    static const uintptr_t strange[] = {0, KERNEL, NOT_MAPPED, LAST_PAGE, MALLOC_LIMIT - PAGE, MALLOC_LIMIT};

    wrong += sys_free_pages((void *)given_back, 1) != 0;
    lie(ERROR_BAD_ARGUMENT, CALL_MALLOC_PAGES, 0, 0, 0);
    lie(ERROR_NO_ROOM, CALL_MALLOC_PAGES, MALLOC_SIZE / PAGE, 0, 0);
    lie(ERROR_NO_ROOM, CALL_MALLOC_PAGES, UINTPTR_MAX, 0, 0);
    lie(ERROR_OUT_OF_MEMORY, CALL_MALLOC_PAGES, MALLOC_SIZE / PAGE - 16, 0, 0);
    lie(ERROR_BAD_ARGUMENT, CALL_FREE_PAGES, taken, 0, 0);
    lie(ERROR_BAD_ARGUMENT, CALL_FREE_PAGES, taken + 1, 1, 0);
    lie(ERROR_BAD_ADDRESS, CALL_FREE_PAGES, taken, 2, 0);
    lie(ERROR_BAD_ADDRESS, CALL_FREE_PAGES, taken, 1 | HIGH, 0);
    lie(ERROR_BAD_ADDRESS, CALL_FREE_PAGES, taken, UINTPTR_MAX, 0);
    lie(ERROR_BAD_ADDRESS, CALL_FREE_PAGES, given_back, 2, 0);
    lie(ERROR_BAD_ADDRESS, CALL_FREE_PAGES, MY_PAGE, 1, 0);
    for (int i = 0; i < 6; i++)
        lie(ERROR_BAD_ADDRESS, CALL_FREE_PAGES, strange[i], 1, 0);
    for (uintptr_t call = CALL_PAGE_ALLOC; call <= CALL_PROTECT; call++) {
        lie(ERROR_BAD_ADDRESS, call, given_back, PAGE, CAN_READ);
        lie(ERROR_BAD_ADDRESS, call, taken, PAGE, CAN_READ);
    }
    lie(ERROR_BAD_ADDRESS, CALL_UNMAP, NOT_MAPPED, MALLOC_LIMIT - NOT_MAPPED, 0);
    lie(ERROR_BAD_ADDRESS, CALL_FRAME_COUNTS, given_back, 0, 0);
    *(uintptr_t *)taken = 1; /* it is still there */
    wrong += sys_free_pages((void *)taken, 1) != 0;
}

static void lie_about_libraries(void)
{
    const uintptr_t strange[] = {0, 1, KERNEL, MY_PAGE, NOT_MAPPED, LAST_PAGE, UINTPTR_MAX};
    uintptr_t library = (uintptr_t)sys_load_library("libcount"), text = library + PAGE;

    wrong += failed((intptr_t)library);
    lie(ERROR_NO_SUCH_LIBRARY, CALL_LOAD_LIBRARY, (uintptr_t) "", 0, 0);
    lie(ERROR_NO_SUCH_LIBRARY, CALL_LOAD_LIBRARY, (uintptr_t) "libliar", 0, 0);
    lie(ERROR_NO_SUCH_LIBRARY, CALL_LOAD_LIBRARY, (uintptr_t) "a_name_of_thirty_one_characters", 0, 0);
    lie(ERROR_BAD_ARGUMENT, CALL_LOAD_LIBRARY, (uintptr_t) "a_name_of_thirty_two_characters_", 0, 0);
    lie(ERROR_BAD_ARGUMENT, CALL_LOAD_LIBRARY, (uintptr_t)endless, 0, 0);
    lie(ERROR_NOT_A_LIBRARY, CALL_LOAD_LIBRARY, (uintptr_t)name, 0, 0);
    lie(ERROR_NOT_A_LIBRARY, CALL_LOAD_LIBRARY, (uintptr_t) "etc/init", 0, 0);
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        lie(ERROR_BAD_ARGUMENT, CALL_UNLOAD_LIBRARY, strange[i], 0, 0);
    lie(ERROR_BAD_ARGUMENT, CALL_UNLOAD_LIBRARY, library + 1, 0, 0);
    lie(ERROR_BAD_ARGUMENT, CALL_UNLOAD_LIBRARY, text, 0, 0);
    for (uintptr_t call = CALL_PAGE_ALLOC; call <= CALL_PROTECT; call++)
        lie(call == CALL_MAP ? ERROR_NO_ROOM : ERROR_BAD_ADDRESS, call, text, PAGE, CAN_WRITE);
    lie(ERROR_BAD_ADDRESS, CALL_UNMAP, MY_PAGE, library - MY_PAGE + 1, 0);
    lie(ERROR_BAD_ADDRESS, CALL_FREE_PAGES, text, 1, 0);
    lie(ERROR_BAD_ADDRESS, CALL_FRAME_COUNTS, text, 0, 0);
    wrong += sys_load_library("libcount") != (void *)library || sys_unload_library((void *)library) != 0;
    lie(ERROR_BAD_ARGUMENT, CALL_UNLOAD_LIBRARY, library, 0, 0);
}

/* Lie about an address from which four bytes at most can be read, none of them zero. */
static void lie_about_input(uintptr_t address)
{
    lie(ERROR_BAD_ADDRESS, CALL_PUTS, address, 8, 0);
    lie(ERROR_BAD_ADDRESS, CALL_LOAD_LIBRARY, address, 0, 0);
    for (uintptr_t call = CALL_EXEC; call <= CALL_SPAWN; call++) {
        lie(ERROR_BAD_ADDRESS, call, address, (uintptr_t) "", 0);
        lie(ERROR_BAD_ADDRESS, call, (uintptr_t)name, address, 0);
    }
}

/* Lie about an address to which four bytes at most can be written. */
static void lie_about_output(uintptr_t address, uintptr_t dead)
{
    lie(ERROR_BAD_ADDRESS, CALL_FRAME_COUNTS, address, 0, 0);
    if (address != 0) /* by which wait is told that nobody asks */
        lie(ERROR_BAD_ADDRESS, CALL_WAIT, dead, address, 0);
}

int main(const char *argument)
{
    char *end = (char *)((uintptr_t)argument & -PAGE) + PAGE; /* of the stack, whose last bytes hold the argument */
    char *edge = sys_map(NULL, PAGE, CAN_WRITE), *closed = sys_map(NULL, PAGE, NO_ACCESS);
    uintptr_t places[] = {
        0, KERNEL, NOT_MAPPED, LAST_PAGE - 4, UINTPTR_MAX - 3, (uintptr_t)edge + PAGE - 4, (uintptr_t)closed,
        (uintptr_t)name ^ HIGH,
    };

    if (failed((intptr_t)edge))
        sys_panic("map failed");
    int32_t child = sys_fork_child();
    if (child == 0)
        sys_exit(7);
    memset(end - 4, 'x', 4); /* the argument's room, so that no text ends there */
    memset(edge + PAGE - 4, 'x', 4);
    lie_about_output((uintptr_t)main, (uintptr_t)child);
    lie_about_output((uintptr_t) "read-only", (uintptr_t)child);
    lie_about_output((uintptr_t)end - 4, (uintptr_t)child); /* behind the stack lies nothing, or text */
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        lie_about_input(places[i]);
        lie_about_output(places[i], (uintptr_t)child);
    }
    lie_about_numbers();
    lie_about_programs();
    lie_about_processes((uintptr_t)child);
    lie_about_pages();
    lie_about_malloc();
    lie_about_libraries();

    struct ending ending;
    wrong += sys_wait(child, &ending) != child || ending.how != EXITED || ending.status != 7;
    print(wrong == 0 ? "liar: the kernel believed nothing\n" : "liar: the kernel was taken in\n");
    return wrong == 0 ? 0 : 1;
}
