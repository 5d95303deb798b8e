/*
 * Memory in pieces.
 *
 *     span: malloc pages in a row, all of it blocks, each with a header of 8 bytes before its memory
 *
 *     page ┌───┬────────┬───────┬────────┬──────────┬─ ... ─┬─────┐ page
 *          │ 8 │ header │ memory│ header │ memory   │       │ end │
 *          └───┴────────┴───────┴────────┴──────────┴─ ... ─┴─────┘
 *
 * 1. A block is a multiple of 16 bytes, its header included; memory starts at a multiple of 16.
 * 2. A header has the size of its block and of the one before; so both neighbours are found at once.
 * 3. No two blocks that are free touch, and no two spans do.
 * 4. Free blocks are in lists by size, whose bitmap finds one that fits in a few steps.
 * 5. Whole pages of free blocks are given back when there are more than KEPT_PAGES of them.
 */
#include "keelback.h"

enum { PAGE = 4096, UNIT = 16, HEADER = 8, LISTS = 128, SMALL = 512, FEW = 4 };
enum { LEAST_PAGES = 8, KEPT_PAGES = 16, MOST_PAGES = 1 << 18 };
enum state { FREE = 0x5, USED = 0xa, END = 0xe, STATE = 0xf };

#define MOST_BYTES 0x3fff0000u

struct block {
    uint32_t size;   /* with a state in its lowest bits; of an end 0 */
    uint32_t before; /* the size of the block before; of the first in a span 0 */
    struct block *next, *previous; /* in its list, while it is free */
};

static struct block *lists[LISTS];
static uint32_t list_used[LISTS / 32];   /* a bit for each list with a block */
/* A bit for each page, by its number modulo their count; what a heap of 128 MiB needs of it is one page. */
static uint32_t page_owned[MOST_PAGES / 32] __attribute__((aligned(PAGE)));
static uint32_t lowest_page, highest_page; /* numbers of pages; all that was ever ours lies between */
static uint32_t spare_pages;             /* whole pages in free blocks */
static struct malloc_counts counts;

static uint32_t size_of(const struct block *block)
{
    return block->size & ~STATE;
}

static int is(const struct block *block, enum state state)
{
    return (block->size & STATE) == state;
}

static struct block *at(const void *block, uint32_t bytes)
{
    return (struct block *)((char *)block + bytes);
}

static struct block *after(const struct block *block)
{
    return at(block, size_of(block));
}

static struct block *before(const struct block *block)
{
    return at(block, -block->before);
}

/*
 * Pages.
 */

static int owns(const void *address)
{
    uint32_t page = (uint32_t)address / PAGE, place = page % MOST_PAGES;

    return page >= lowest_page && page < highest_page && page_owned[place / 32] >> place % 32 & 1;
}

/* Note that pages became ours, or stop being so. */
static void flip_pages(const void *start, uint32_t count)
{
    uint32_t first = (uint32_t)start / PAGE;

    if (highest_page == 0 || first < lowest_page)
        lowest_page = first;
    if (first + count > highest_page)
        highest_page = first + count;
    for (uint32_t page = first; page < first + count; page++)
        page_owned[page % MOST_PAGES / 32] ^= 1u << page % 32;
}

/* Return how many whole pages a free block has, and where they start. */
static uint32_t whole_pages(const struct block *block, char **start)
{
    uint32_t first = (uint32_t)block, end = (uint32_t)after(block);

    /* What stays before the pages ends with a header, what stays behind them starts as a span does. */
    first = block->before == 0 ? first - HEADER : (first + HEADER + PAGE - 1) & -PAGE;
    end = is(after(block), END) ? end + HEADER : (end - HEADER) & -PAGE;
    *start = (char *)first;
    return end > first ? (end - first) / PAGE : 0;
}

/*
 * Lists of free blocks: one for each size below SMALL, then four for each power of two.
 */

static uint32_t list_of(uint32_t size)
{
    if (size < SMALL)
        return size / UNIT;
    uint32_t power = 31 - (uint32_t)__builtin_clz(size);
    return SMALL / UNIT + (power - 9) * 4 + (size >> (power - 2)) % 4;
}

static void insert(struct block *block)
{
    uint32_t list = list_of(size_of(block));
    char *start;

    block->previous = NULL;
    block->next = lists[list];
    if (lists[list] != NULL)
        lists[list]->previous = block;
    lists[list] = block;
    list_used[list / 32] |= 1u << list % 32;
    spare_pages += whole_pages(block, &start);
}

static void withdraw(struct block *block)
{
    uint32_t list = list_of(size_of(block));
    char *start;

    if (block->next != NULL)
        block->next->previous = block->previous;
    if (block->previous != NULL)
        block->previous->next = block->next;
    else if ((lists[list] = block->next) == NULL)
        list_used[list / 32] &= ~(1u << list % 32);
    spare_pages -= whole_pages(block, &start);
}

/* Return the first block of the first list from one on that has any, or NULL. */
static struct block *first_from(uint32_t list)
{
    uint32_t bits = list_used[list / 32] & -1u << list % 32;

    for (uint32_t word = list / 32;; bits = list_used[word]) {
        if (bits != 0)
            return lists[word * 32 + (uint32_t)__builtin_ctz(bits)];
        if (++word == LISTS / 32)
            return NULL;
    }
}

/* Return a free block of at least a size, or NULL. */
static struct block *find(uint32_t size)
{
    uint32_t list = list_of(size);
    struct block *block = lists[list];

    /* In the size's own list some may be too small; in all that follow, none is. */
    for (int tries = 0; block != NULL && tries < FEW; block = block->next, tries++)
        if (size_of(block) >= size)
            return block;
    return list + 1 < LISTS ? first_from(list + 1) : NULL;
}

/*
 * Blocks that become free, and pages that come and go.
 */

static void make_free(struct block *block, uint32_t size)
{
    block->size = size | FREE;
    after(block)->before = size;
    insert(block);
}

/* Give the whole pages of a free block back; what is left of it at either side stays. */
static void give_back(struct block *block)
{
    struct block *next = after(block);
    char *start;
    uint32_t pages = whole_pages(block, &start), bytes = pages * PAGE;

    if (pages == 0)
        return;
    withdraw(block);
    if (block->before != 0) {
        struct block *end = at(start, -HEADER);
        uint32_t size = (uint32_t)((char *)end - (char *)block);

        end->before = block->before;
        end->size = END;
        if (size != 0)
            make_free(block, size);
    }
    if (!is(next, END)) {
        struct block *first = at(start, bytes + HEADER);

        first->before = 0;
        if (first != next)
            make_free(first, (uint32_t)((char *)next - (char *)first));
    }
    flip_pages(start, pages);
    counts.pages -= pages;
    if (free_pages(start, pages) != 0)
        sys_panic("malloc: the kernel does not take pages back");
}

/* Let a block be free, together with its neighbours. */
static void settle(struct block *block)
{
    struct block *next = after(block);
    uint32_t size = size_of(block);

    if (is(next, FREE)) {
        withdraw(next);
        size += size_of(next);
    }
    if (block->before != 0 && is(before(block), FREE)) {
        block->size = FREE; /* so that to free it once more is noticed */
        block = before(block);
        withdraw(block);
        size += size_of(block);
    }
    make_free(block, size);
    if (spare_pages > KEPT_PAGES)
        give_back(block);
}

/* Let new pages be free, one block with what is free at either side of them. */
static void add_span(char *start, uint32_t pages)
{
    char *end = start + pages * PAGE;
    struct block *block = at(start, HEADER), *next = at(end, -HEADER);
    uint32_t size_before = 0;

    if (owns(start - 1)) {
        block = at(start, -HEADER); /* the end of the span before */
        size_before = block->before;
        if (is(before(block), FREE)) {
            block = before(block);
            size_before = block->before;
            withdraw(block);
        }
    }
    if (owns(end)) {
        next = at(end, HEADER);
        if (is(next, FREE)) {
            withdraw(next);
            next = after(next);
        }
    } else {
        next->size = END;
    }
    flip_pages(start, pages);
    counts.pages += pages;
    block->before = size_before;
    make_free(block, (uint32_t)((char *)next - (char *)block));
}

/* Get pages for a block of a size; tell whether there were any. */
static int grow(uint32_t size)
{
    uint32_t pages = (size + 2 * HEADER + PAGE - 1) / PAGE;
    uint32_t more = pages < LEAST_PAGES ? LEAST_PAGES : pages;
    void *start = malloc_pages(more);

    if (failed((int32_t)start)) {
        malloc_trim();
        start = malloc_pages(more = pages);
    }
    if (failed((int32_t)start))
        return 0;
    add_span(start, more);
    return 1;
}

/* Return the size of the block for a number of bytes, 0 if that is too large. */
static uint32_t needed(size_t bytes)
{
    return bytes > MOST_BYTES ? 0 : (bytes + HEADER + UNIT - 1) & -UNIT;
}

/* Let a block that is in no list be used and have a size; what it has more is free. */
static void use(struct block *block, uint32_t size)
{
    uint32_t rest = size_of(block) - size;

    block->size = size | USED;
    after(block)->before = size;
    counts.used += size;
    if (rest == 0)
        return;
    after(block)->size = rest | USED;
    settle(after(block));
}

void *malloc(size_t bytes)
{
    uint32_t size = needed(bytes);
    struct block *block = size == 0 ? NULL : find(size);

    if (block == NULL && size != 0 && grow(size))
        block = find(size);
    if (block == NULL)
        return NULL;
    withdraw(block);
    use(block, size);
    return at(block, HEADER);
}

__attribute__((noreturn)) static void refuse(const void *memory, const char *why)
{
    print_flush();
    print("panic: free of ");
    print_hex((uint32_t)memory);
    print(why);
    sys_exit(1);
}

/* Return the block of memory that malloc gave; end the program if it did not. */
static struct block *block_of(const void *memory)
{
    struct block *block = at(memory, -HEADER);

    if ((uint32_t)memory % UNIT != 0 || !owns(block))
        refuse(memory, ", which malloc never gave\n");
    if (is(block, FREE))
        refuse(memory, ", which is free already\n");
    if (!is(block, USED) || !owns(after(block)) || after(block)->before != size_of(block))
        refuse(memory, ", which malloc never gave, or whose end was overwritten\n");
    return block;
}

void free(void *memory)
{
    if (memory == NULL)
        return;
    struct block *block = block_of(memory);

    counts.used -= size_of(block);
    settle(block);
}

void *calloc(size_t count, size_t bytes)
{
    size_t all;

    if (__builtin_mul_overflow(count, bytes, &all))
        return NULL;
    void *memory = malloc(all);
    return memory == NULL ? NULL : memset(memory, 0, all);
}

/* Let a block have a size where it lies, if the room behind it is free; tell whether it was. */
static int resize(struct block *block, uint32_t size)
{
    struct block *next = after(block);
    uint32_t old = size_of(block), room = is(next, FREE) ? old + size_of(next) : old;

    if (size > room)
        return 0;
    if (room > old)
        withdraw(next);
    counts.used -= old;
    block->size = room | USED;
    use(block, size);
    return 1;
}

void *realloc(void *memory, size_t bytes)
{
    if (memory == NULL)
        return malloc(bytes);
    struct block *block = block_of(memory);
    uint32_t size = needed(bytes);

    if (size == 0)
        return NULL;
    if (resize(block, size))
        return memory;
    void *other = malloc(bytes);
    if (other == NULL)
        return NULL;
    memcpy(other, memory, size_of(block) - HEADER);
    free(memory);
    return other;
}

void malloc_trim(void)
{
    for (uint32_t list = list_of(PAGE - 2 * HEADER); list < LISTS; list++)
        for (struct block *block = lists[list], *next; block != NULL; block = next) {
            next = block->next;
            give_back(block);
        }
}

void malloc_count(struct malloc_counts *now)
{
    *now = counts;
}
