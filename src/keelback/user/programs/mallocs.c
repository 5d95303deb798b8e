/*
 * Allocates, resizes and frees memory of random sizes, looks whether all of it keeps its content,
 * and whether everything comes back in the end. The argument says how many operations.
 */
#include "keelback.h"

enum { PIECES = 512, WARM_UP = 200 };

static struct piece { unsigned char *memory; uint32_t size; } pieces[PIECES];
static uint32_t state = 1, asked, most_asked;
static struct malloc_counts at_most;

/* Return a random number below a limit (xorshift, Marsaglia 2003). */
static uint32_t random_below(uint32_t limit)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % limit;
}

/* Most are small, some are pages, a few are many pages. */
static uint32_t random_size(void)
{
    uint32_t kind = random_below(256);

    return kind == 0 ? random_below(100000) : kind < 8 ? random_below(5000) : random_below(200);
}

static uint32_t mark_of(const struct piece *piece)
{
    return 0x01010101 * (uint32_t)(1 + (piece - pieces) % 255);
}

/* Look whether memory, which starts at a multiple of 16, holds the same byte everywhere. */
static void expect_all(const void *memory, uint32_t size, uint32_t mark)
{
    const uint32_t *words = memory;
    const unsigned char *bytes = memory;

    for (uint32_t i = 0; i < size / 4; i++)
        if (words[i] != mark)
            sys_panic("somebody wrote to my memory");
    for (uint32_t i = size & -4u; i < size; i++)
        if (bytes[i] != (unsigned char)mark)
            sys_panic("somebody wrote to my memory");
}

/* Take over memory for a piece; of it `kept` bytes have their content already. */
static void fill(struct piece *piece, unsigned char *memory, uint32_t size, uint32_t kept)
{
    if (memory == NULL)
        sys_panic("there is no memory");
    if ((uintptr_t)memory % 16 != 0)
        sys_panic("memory is not aligned");
    asked += size - piece->size;
    *piece = (struct piece){memory, size};
    expect_all(memory, kept, mark_of(piece));
    memset(memory + kept, (unsigned char)mark_of(piece), size - kept);
}

static void release(struct piece *piece)
{
    expect_all(piece->memory, piece->size, mark_of(piece));
    free(piece->memory);
    asked -= piece->size;
    *piece = (struct piece){NULL, 0};
}

static void operate(struct piece *piece)
{
    uint32_t size = random_size(), how = random_below(4);

    if (piece->memory == NULL && how == 0) {
        unsigned char *memory = calloc(size, 1);
        expect_all(memory, memory == NULL ? 0 : size, 0);
        fill(piece, memory, size, 0);
    } else if (piece->memory == NULL) {
        fill(piece, malloc(size), size, 0);
    } else if (how == 0) {
        fill(piece, realloc(piece->memory, size), size, size < piece->size ? size : piece->size);
    } else {
        release(piece);
    }
}

static void note_most(void)
{
    struct malloc_counts now;

    malloc_count(&now);
    if (now.pages > at_most.pages) {
        at_most = now;
        most_asked = asked;
    }
}

/* Make operations, then free all. */
static void run(uint32_t operations)
{
    for (uint32_t i = 0; i < operations; i++) {
        operate(&pieces[random_below(PIECES)]);
        note_most();
    }
    for (struct piece *piece = pieces; piece < pieces + PIECES; piece++)
        if (piece->memory != NULL)
            release(piece);
    malloc_trim();
}

static void say(const char *what, uint32_t number)
{
    print("mallocs: ");
    print(what);
    print(" ");
    print_unsigned(number);
    print("\n");
}

int main(const char *argument)
{
    uint32_t operations = number_in(argument, 2000);
    struct frame_counts first, last;
    struct malloc_counts left;

    run(WARM_UP); /* what malloc itself needs is there from then on */
    sys_frame_counts(&first);
    run(operations);
    sys_frame_counts(&last);
    malloc_count(&left);

    say("operations:", operations);
    say("pages at most:", at_most.pages);
    say("percent of them asked for:", most_asked / 41 / at_most.pages);
    say("pages left:", left.pages + left.used);
    print("mallocs: free page frames: ");
    print(last.user_free == first.user_free && last.kernel_free == first.kernel_free
              ? "as before\n" : "not as before, since others run too\n");
    return left.pages + left.used == 0 ? 0 : 1;
}
