/*
 * Families that do as chance has it, and hold the kernel to what it says of each call: "SEED ROUNDS DEPTH TURNS".
 *
 * A process knows what its memory must be: 24 pages of regions, malloc pages, pieces of malloc's, a library. Each may
 * map, unmap, protect, fork, exec, spawn, wait, kill, sleep, yield and load a library; its children go on from there.
 * A call may fail for want of memory, and has changed nothing then. After each round as much is free as before.
 */
#include "keelback.h"
#include "libcount.h"

#define SPOTS 24
#define ROW 6 /* spots that are neighbours */
#define RUNS 6
#define PIECES 12
#define CHILDREN 8
#define MARKS 3000
#define OOM ERROR_OUT_OF_MEMORY

enum kind { FREE, ANONYMOUS, SPARSE_PAGE };
static struct {
    enum kind kind;
    uint32_t rights, value;
} spots[SPOTS];
static struct {
    char *start;
    uint32_t pages, value;
} runs[RUNS];
static struct {
    uint8_t *start, value;
    uint32_t size;
} pieces[PIECES];
static struct libcount library;
static int32_t counter; /* of the library; 0: it is not loaded */
static int32_t children[CHILDREN];
static uint32_t child_count, depth, state, marks[MARKS];

static uint32_t chance(uint32_t sides)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (state >> 3) % sides;
}

/* Return the place of a page: rows of neighbours, two of them over the end of a table, on 64 bits of upper ones. */
static char *place(uint32_t spot)
{
#ifdef __x86_64__
    static const uintptr_t rows[SPOTS / ROW] = {0x503fe000, 0x13fffe000, 0x10000000, 0xffffffd000};
#else
    static const uintptr_t rows[SPOTS / ROW] = {0x503fe000, 0x60000000, 0x10000000, 0xe07fd000};
#endif

    return (char *)(rows[spot / ROW] + spot % ROW * PAGESIZE);
}

static void expect(int holds, const char *what, int32_t found)
{
    if (holds)
        return;
    print("WRONG: ");
    print(what);
    print(", ");
    print_number(found);
    print("\n");
    sys_exit(99);
}

static void check_spot(uint32_t spot)
{
    const volatile uint32_t *words = (const volatile uint32_t *)place(spot);
    uint32_t value = spots[spot].value;

    if (spots[spot].kind == FREE || spots[spot].rights == 0)
        return;
    if (spots[spot].kind == SPARSE_PAGE && value == 0) /* the first touch may end a process */
        return;
    expect(words[0] == value && words[511] == (value ? ~value : 0) && words[1023] == value, "a page", (int32_t)spot);
}

static void check_all(void)
{
    for (uint32_t spot = 0; spot < SPOTS; spot++)
        check_spot(spot);
    for (uint32_t i = 0; i < RUNS; i++)
        for (uint32_t page = 0; page < runs[i].pages; page++) {
            uint32_t value = *(uint32_t *)(runs[i].start + page * PAGESIZE);
            expect(value == (runs[i].value ? runs[i].value + page : 0), "a malloc page", (int32_t)page);
        }
    for (uint32_t i = 0; i < PIECES; i++)
        for (uint32_t byte = 0; byte < pieces[i].size; byte += 61)
            expect(pieces[i].start[byte] == pieces[i].value, "a piece", (int32_t)byte);
    if (counter != 0)
        expect(library.next(0) == counter, "the library's data", counter);
}

static void write_spot(void)
{
    uint32_t spot = chance(SPOTS), value = chance(1 << 30) + 1;
    uint32_t *words = (uint32_t *)place(spot);

    if (spots[spot].kind == FREE || spots[spot].rights < 3)
        return;
    if (spots[spot].kind == SPARSE_PAGE && spots[spot].value == 0) {
        int32_t result = sys_uptime((struct uptime *)words); /* a call is told what a touch would be ended for */

        expect(result == 0 || result == OOM, "uptime", result);
        if (result == OOM)
            return;
    }
    words[0] = words[1023] = value;
    words[1] = 0;
    words[511] = ~value;
    spots[spot].value = value;
}

static void set_spots(uint32_t spot, uint32_t count, enum kind kind, uint32_t rights)
{
    for (uint32_t i = spot; i < spot + count; i++) {
        spots[i].kind = kind;
        spots[i].rights = rights & 2 ? 3 : rights;
        spots[i].value = 0;
    }
}

static void change_regions(void)
{
    uint32_t spot = chance(SPOTS), count = 1 + chance(ROW - spot % ROW), rights = chance(4), used = 0;
    uint32_t sparse = chance(4) == 0 ? 4 : 0;
    size_t size = count * PAGESIZE;
    intptr_t result;

    for (uint32_t i = spot; i < spot + count; i++)
        used += spots[i].kind != FREE;
    switch (chance(8)) {
    default:
        result = (intptr_t)sys_map(place(spot), size - chance(PAGESIZE), (enum permission)(rights | sparse));
        expect(result == (used ? ERROR_NO_ROOM : (intptr_t)place(spot)) || (!used && result == OOM), "map", (int32_t)result);
        if (!failed(result))
            set_spots(spot, count, sparse ? SPARSE_PAGE : ANONYMOUS, rights);
        break;
    case 0:
    case 1:
        result = sys_unmap(place(spot), size);
        expect(result == 0 || result == OOM, "unmap", (int32_t)result);
        if (result == 0)
            set_spots(spot, count, FREE, 0);
        break;
    case 2:
    case 3:
        result = sys_protect(place(spot), size, (enum permission)rights);
        expect(used < count ? result == ERROR_BAD_ADDRESS : result == 0 || result == OOM, "protect", (int32_t)result);
        for (uint32_t i = spot; result == 0 && i < spot + count; i++)
            spots[i].rights = rights & 2 ? 3 : rights;
        break;
    case 4:
        result = sys_new_page(place(spot));
        expect(result == 0 || result == OOM, "page_alloc", (int32_t)result);
        if (result == 0)
            set_spots(spot, 1, ANONYMOUS, 3);
    }
}

static void change_malloc_pages(void)
{
    uint32_t i = chance(RUNS);

    if (runs[i].pages > 0) {
        uint32_t count = 1 + chance(runs[i].pages);

        runs[i].pages -= count;
        expect(sys_free_pages(runs[i].start + runs[i].pages * PAGESIZE, count) == 0, "free_pages", 0);
    } else {
        uint32_t count = 1 + chance(chance(8) ? 5 : 60);
        intptr_t result = (intptr_t)sys_malloc_pages(count);

        expect(!failed(result) || result == OOM, "malloc_pages", (int32_t)result);
        if (failed(result))
            return;
        runs[i].start = (char *)result;
        runs[i].pages = count;
        runs[i].value = 0;
    }
    if (chance(3) > 0) {
        runs[i].value = chance(1 << 28) + 1;
        for (uint32_t page = 0; page < runs[i].pages; page++)
            *(uint32_t *)(runs[i].start + page * PAGESIZE) = runs[i].value + page;
    }
}

static void change_piece(void)
{
    uint32_t i = chance(PIECES), size = 1 + chance(chance(4) ? 300 : 20000);
    uint8_t *start;

    if (pieces[i].size > 0 && chance(2)) {
        free(pieces[i].start);
        pieces[i].size = 0;
        return;
    }
    start = realloc(pieces[i].size > 0 ? pieces[i].start : NULL, size);
    if (start == NULL)
        return;
    for (uint32_t byte = 0; byte < pieces[i].size && byte < size; byte += 7)
        expect(start[byte] == pieces[i].value, "what realloc keeps", (int32_t)byte);
    pieces[i].start = start;
    pieces[i].size = size;
    pieces[i].value = (uint8_t)chance(256);
    memset(start, pieces[i].value, size);
}

static void use_library(void)
{
    if (counter == 0) {
        int32_t result = load_libcount(&library);

        expect(result == 0 || result == OOM, "load_library", result);
        if (result == 0) {
            counter = library.next(0);
            expect(counter == 100, "a library's data as it was loaded", counter);
        }
    } else if (chance(3) > 0) {
        counter += 1 + (int32_t)chance(1000);
        expect(library.next(counter - library.next(0)) == counter, "count_next", counter);
    } else {
        int32_t result = sys_unload_library(library.library);

        expect(result == 0 || result == OOM, "unload_library", result);
        counter = result == 0 ? 0 : counter;
    }
}

/* Make a call that must fail; in a turn that nobody interrupts nothing is in use then that was not. */
static void fail(void)
{
    static struct frame_counts before, after;
    static struct uptime start, end;
    uint32_t spot = chance(SPOTS), what = chance(6), readable = spots[spot].kind != FREE && spots[spot].rights > 0;
    uint32_t next = spot % ROW < ROW - 1 && spots[spot + 1].kind == FREE, writable = readable && spots[spot].rights == 3;
    char *edge = place(spot) + PAGESIZE - 4;
    int32_t result = 0;

    memset(&before, 0, sizeof before);
    memset(&after, 0, sizeof after);
    memset(&end, 0, sizeof end);
    sys_uptime(&start);
    sys_frame_counts(&before);
    if (what == 0)
        result = sys_puts(readable && next ? edge : (char *)0x7ffe000, 8);
    else if (what == 1)
        result = sys_frame_counts((struct frame_counts *)(writable && next ? edge : (char *)0x07ffe000));
    else if (what == 2)
        result = sys_spawn(readable ? (spots[spot].value ? "nobody" : edge) : "nobody", "");
    else if (what == 3)
        result = sys_protect(place(spot) + 1, PAGESIZE, CAN_WRITE);
    else if (what == 4)
        result = sys_kill((int32_t)(0x4000 + spot));
    else
        result = sys_call(NO_CALL + chance(1 << 20), 0, 0, 0, 0);
    expect(failed(result), "a call that must fail", (int32_t)what);
    sys_frame_counts(&after);
    sys_uptime(&end);
    expect(start.ticks != end.ticks || memcmp(&before, &after, sizeof before) == 0, "what a failure takes", (int32_t)what);
}

static void reap(int32_t id)
{
    struct ending ending = {0};
    int32_t ended = sys_wait(id, &ending);

    for (uint32_t i = 0; i < child_count; i++)
        if (children[i] == ended) {
            children[i] = children[--child_count];
            expect(ending.how != EXITED || ending.status == 0, "a child's status", (int32_t)ending.status);
            expect(ending.how != FAULTED || ending.status == 14, "a child's fault", (int32_t)ending.status);
            return;
        }
    expect(0, "wait", ended);
}

static void live(uint32_t turns);

/* Touch what is nobody's, if there is such a page: that ends the process. */
static void trespass(void)
{
    uint32_t spot = chance(SPOTS);

    if (spots[spot].kind != FREE && spots[spot].rights == 3)
        return;
    *(volatile uint32_t *)place(spot) = 5;
    expect(0, "a write to what is nobody's", (int32_t)spot);
}

static void become_another(void)
{
    char argument[32], *end = argument + sizeof argument - 1;
    uint32_t seed = chance(1000000000);

    *end = 0;
    *--end = (char)('0' + depth);
    *--end = ' ';
    *--end = '0';
    *--end = ' ';
    do
        *--end = (char)('0' + seed % 10);
    while (seed /= 10);
    expect(sys_exec("families", end) == OOM, "exec", 0);
    check_all();
}

static void fork_child(uint32_t turns)
{
    int32_t child = sys_fork_child();

    if (child == 0) {
        depth++;
        child_count = 0;
        state ^= (uint32_t)sys_getpid() * 2654435761u;
        state = state ? state : 1;
        check_all();
        switch (chance(8)) {
        case 0: trespass(); break;
        case 1: become_another(); break;
        case 2: sys_sleep(chance(5)); break;
        }
        live(turns / 2);
        sys_exit(0);
    }
    expect(child > 0 || child == OOM || child == ERROR_NO_PROCESS_SLOT, "fork", child);
    if (child > 0)
        children[child_count++] = child;
}

static void change_family(uint32_t turns)
{
    if (child_count < CHILDREN && depth < 4 && chance(8) > 0)
        fork_child(turns);
    else if (child_count < CHILDREN) {
        int32_t child = sys_spawn("hello", "");

        expect(child > 0 || child == OOM || child == ERROR_NO_PROCESS_SLOT, "spawn", child);
        if (child > 0)
            children[child_count++] = child;
    }
    if (child_count > 0 && chance(8) == 0) {
        int32_t result = sys_kill(children[chance(child_count)]);

        expect(result == 0 || result == ERROR_NO_SUCH_PROCESS, "kill", result);
    }
    if (child_count > 0 && chance(3) == 0)
        reap(chance(2) ? ANY_CHILD : children[chance(child_count)]);
}

static void live(uint32_t turns)
{
    for (uint32_t turn = 0; turn < turns; turn++) {
        switch (chance(12)) {
        default: write_spot(); break;
        case 0:
        case 1:
        case 2: change_regions(); break;
        case 3: change_malloc_pages(); break;
        case 4: change_piece(); break;
        case 5: use_library(); break;
        case 6: fail(); break;
        case 7: change_family(turns); break;
        case 8: chance(2) ? sys_yield() : sys_sleep(chance(3)); break;
        case 9: {
            uint32_t mark = chance(MARKS);

            expect(marks[mark] == 0 || marks[mark] == mark + 1, "data", (int32_t)mark);
            marks[mark] = mark + 1;
        }
        }
        if (chance(4) == 0)
            check_all();
    }
    while (child_count > 0)
        reap(ANY_CHILD);
    check_all();
}

/* Let a child start a family, and wait; orphans may live on for a while. */
static void have_a_family(uint32_t round, uint32_t turns, struct frame_counts *counts)
{
    struct frame_counts now;
    struct ending ending = {0};
    int32_t child = sys_fork_child();

    if (child == 0) {
        depth = 1;
        state += round * 77777;
        live(turns);
        sys_exit(0);
    }
    expect(child > 0 && sys_wait(child, &ending) == child, "the first child", child);
    expect(ending.how == EXITED && ending.status == 0, "how the first child ended", (int32_t)ending.status);
    for (uint32_t try = 0; round > 0 && try < 300; try++) {
        sys_frame_counts(&now);
        if (memcmp(&now, counts, sizeof now) == 0)
            return;
        sys_sleep(20);
    }
    expect(round == 0, "frames that are free", (int32_t)(counts->user_free - now.user_free));
    sys_sleep(2000);
    sys_frame_counts(counts);
}

int main(int argc, char **argv)
{
    struct frame_counts counts;
    uint32_t rounds = number_in(argc > 2 ? argv[2] : "", 2), turns = number_in(argc > 4 ? argv[4] : "", 60);

    state = number_in(argc > 1 ? argv[1] : "", 1) * 2654435761u + 12345;
    state = state ? state : 1;
    depth = number_in(argc > 3 ? argv[3] : "", 0);
    if (depth > 0) {
        live(20);
        return 0;
    }
    memset(marks, 0, sizeof marks);
    memset(&counts, 0, sizeof counts);
    for (uint32_t round = 0; round <= rounds; round++)
        have_a_family(round, turns, &counts);
    print("families: all as it must be\n");
    return 0;
}
