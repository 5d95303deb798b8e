"""The heap of a program: malloc and its relatives, for programs in Kernel Python and, by `runtime/malloc.py`, in C.

    span: malloc pages in a row, all of it blocks, each with a header of 8 bytes before its memory

    page ┌───┬────────┬───────┬────────┬──────────┬─ ... ─┬─────┐ page
         │ 8 │ header │ memory│ header │ memory   │       │ end │
         └───┴────────┴───────┴────────┴──────────┴─ ... ─┴─────┘

1. A block is a multiple of 16 bytes, its header included; memory starts at a multiple of 16.
2. A header has the size of its block, and that of the one before if it is free; so both neighbours are found at once.
   For a used or waiting block it has the bytes asked for plus `ROUNDING`; cut to a multiple of 16 that is its size.
3. No two blocks that are free touch, and no two spans do.
4. Free blocks are in lists by size, whose bitmap finds one that fits in a few steps.
5. Whole pages of free blocks are given back when there are more than `KEPT_PAGES` of them.
6. A small block that is freed waits, as it is, for the next request of its size, last in, first out.  All that wait
   become free when none of a wanted size waits, and after `MOST_WAITING` of them.
7. Behind the bytes asked for of a used block are guards, so that `free` notices who writes there: the first 4 bytes,
   the last 4 of the block if none of them was asked for, and the next header's word for the size before.  All bytes of
   guards are equal, so they overlap and are one form for all sizes: nobody asks how many bytes are left.
8. What `free` need not look up in the bitmap of pages lies in the run, pages in a row that are all the heap's.
9. While the process has one thread, nothing is locked, and the quick ways of `malloc` and `free` are open; once it has
   several, they are shut, at no cost to those that never have, and all goes through the lock.
10. Where words have 64 bits, a free block of 16 bytes has no room for its place in a list, and is in none.
"""

from keelback.lang import Array, Component, Region, Struct, at, inline, lowest_bit, native, u8, u16, u32, view, word
from keelback.user.system import PAGE_SIZE, Output, System, failed

UNIT, HEADER = 16, 8
ROUNDING = HEADER + UNIT - 1
SMALL = 512
MOST_SMALL = SMALL - 1 - ROUNDING
"""So many bytes have a block below `SMALL`."""
LISTS = 128
FEW = 4
LEAST_PAGES, KEPT_PAGES, MOST_PAGES = 8, 16, 1 << 18
MOST_BYTES = 0x3FFF_0000
MOST_WAITING = 512

# The state of a block, in the highest bits of its header.
END, FREE, USED, WAITING = 0, 1 << 30, 2 << 30, 3 << 30
STATE = 3 << 30
SIZE = 0x3FFF_FFF0
GUARD = 0xFDFD_FDFD
"""What lies behind the bytes asked for: no size, and bytes that are all equal."""

NEVER_GIVEN, FREED, OVERWRITTEN, OVERRUN = 0, 1, 2, 3
REASONS = (
    "malloc never gave",
    "is free already",
    "malloc never gave, or whose end was overwritten",
    "was written to behind its end",
)
"""Why memory is not the program's to free."""


class Block(Struct):
    """A header, and while the block is free or waits its place in a list."""

    before: u32  # the size of the block before if that is free, a guard if it is not; of the first in a span 0
    size: u32  # with a state; of a block that is used or waits the bytes asked for plus ROUNDING; of an end 0
    next: word
    previous: word


class Guard(Struct):
    """The byte before a guard, which lies at any address, and the guard."""

    value: u32 = at(1)


class Content(Struct):
    """Some bytes of memory."""

    bytes: Array[u8] = inline(PAGE_SIZE)


class OwnedPages(Struct):
    """A bit for each page, by its number modulo their count."""

    words: Array[u32] = inline(MOST_PAGES // 32)


class HeapState(Struct):
    """What a heap knows; all zero means that it has no page yet."""

    waiting: Array[word] = inline(SMALL // UNIT)  # the first block of each small size that waits
    freed: u32  # small blocks since none waited
    lists: Array[word] = inline(LISTS)
    list_used: Array[u32] = inline(LISTS // 32)  # a bit for each list with a block
    lowest_page: word  # all pages that were ever the heap's have numbers from it on
    page_span: word  # and as many as that
    run: word  # where the run starts
    run_reach: u32  # its bytes but for SMALL: a small block whose header is among them ends in the run too
    spare_pages: u32  # whole pages in free blocks
    pages: u32
    used: word  # bytes of blocks that are used or wait, headers included


class Heap(Component):
    """Memory in pieces, at multiples of 16; an address of 0 says that there is none."""

    def __init__(self, records: Region, system: System, output: Output) -> None:
        self.ram = records.ram
        self.system = system
        self.output = output
        self.state = records.struct(HeapState)
        self.owned = records.struct(OwnedPages, PAGE_SIZE)
        self.wide = records.ram.word_bits == 64
        self.highest = (1 << records.ram.word_bits) - 1

    def malloc(self, count: word) -> word:
        """Return the address of so many bytes, whatever is in them; 0 when there is no memory."""
        if count < self._quick_bytes():
            block: word = self._waiting(count)
            if block != 0:
                return self._reuse(block, count)
        return self._allocate(count)

    def _waiting(self, count: word) -> word:
        """Return the block that waits for a request of so many bytes, at most `MOST_SMALL`; 0 when none does."""
        return self.state.waiting[(count + ROUNDING) // UNIT % (SMALL // UNIT)]

    def _reuse(self, block: word, count: word) -> word:
        """Return the memory of the block that waits for so many bytes, which are used now."""
        self.state.waiting[(count + ROUNDING) // UNIT % (SMALL // UNIT)] = self._at(block).next
        self._mark(block, count)
        return (block + HEADER) & self.highest

    def _allocate(self, count: word) -> word:
        """Return the address of memory that no quick way gives; 0 when there is none."""
        self._take()
        block: word = self._waiting(count) if count <= MOST_SMALL else 0
        memory: word = self._reuse(block, count) if block != 0 else self._cut(count)
        self._leave()
        return memory

    def _cut(self, count: word) -> word:
        """Return the address of the memory of a block that does not wait; 0 when there is none."""
        if count > MOST_BYTES:
            return self._refused()
        size: u32 = self._needed(count)
        self._free_waiting()
        block: word = self._find(size)
        if block == 0 and self._grow(size):
            block = self._find(size)
        if block == 0:
            return self._refused()
        self._withdraw(block)
        self._use(block, count)
        return block + HEADER

    def _refused(self) -> word:
        """Set the program's errno, where it has one, to say that there is no memory; return 0."""
        self.system.note_no_memory()
        return 0

    def calloc(self, count: word, each: word) -> word:
        """Return the address of `count` times `each` bytes, all zero; 0 when there is no memory."""
        if count * each > MOST_BYTES:
            return self._refused()
        size: u32 = count * each
        memory: word = self.malloc(size)
        if memory != 0:
            for done in range(0, size, PAGE_SIZE):
                self._content(memory + done).bytes.fill(0, min(size - done, PAGE_SIZE), 0)
        return memory

    def realloc(self, memory: word, count: word) -> word:
        """Return the address of so many bytes with what was at another; 0 when there is no memory, and that stays."""
        if memory == 0:
            return self.malloc(count)
        self._take()
        block: word = self._block_of(memory)
        if block == 0 or count > MOST_BYTES:
            self._leave()
            return self._refused()
        self._free_waiting()
        kept: u32 = self._count(block)
        stays: bool = self._resize(block, count)
        self._leave()
        if stays:
            return memory
        other: word = self._allocate(count)
        if other != 0:
            for done in range(0, kept, PAGE_SIZE):
                content = self._content(memory + done).bytes
                self._content(other + done).bytes.copy_from(0, content, 0, min(kept - done, PAGE_SIZE))
            self._free_checked(memory)
        return other

    def free(self, memory: word) -> None:
        """Free what `malloc` gave; anything else, but 0, ends the program."""
        # The quick way: the run says that both ends of the block are the heap's, so no page is looked up.
        state = self.state
        block: word = (memory - HEADER) & self.highest
        if memory % UNIT == 0 and (block - state.run) & self.highest < state.run_reach:
            count: u32 = self._count(block)
            if count < self._quick_bytes() and self._is_guarded(block, count) and state.freed < MOST_WAITING:
                self._wait(block, count)
                return
        self._free_checked(memory)

    def _free_checked(self, memory: word) -> None:
        """Free what the quick way does not; anything but 0 that `malloc` did not give ends the program."""
        self._take()
        block: word = self._block_of(memory) if memory != 0 else 0
        if block != 0:
            self._release(block)
        self._leave()

    def _release(self, block: word) -> None:
        """Keep a used block for the next request if it is small, free it if not."""
        if self.state.freed >= MOST_WAITING:
            self._free_waiting()
        count: u32 = self._count(block)
        if count <= MOST_SMALL:
            self._wait(block, count)
        else:
            self._settle(block)

    def _wait(self, block: word, count: u32) -> None:
        """Put a small block that was used among those that wait, fewer than `MOST_WAITING`."""
        state, number = self.state, (count + ROUNDING) // UNIT % (SMALL // UNIT)
        self._at(block).size = count + ROUNDING | WAITING
        self._at(block).next = state.waiting[number]
        state.waiting[number] = block
        state.freed = (state.freed + 1) & 0xFFFF_FFFF

    def _free_waiting(self) -> None:
        """Free all blocks that wait."""
        state = self.state
        if state.freed == 0:
            return
        state.freed = 0
        for number in range(SMALL // UNIT):
            block: word = state.waiting[number]
            state.waiting[number] = 0
            while block != 0:
                following: word = self._at(block).next
                self._settle(block)
                block = following

    def trim(self) -> None:
        """Give all whole pages of free blocks back."""
        self._take()
        self._trim()
        self._leave()

    def _trim(self) -> None:
        self._free_waiting()
        for number in range(self._list_of(PAGE_SIZE - 2 * HEADER), LISTS):
            block: word = self.state.lists[number]
            while block != 0:
                following: word = self._at(block).next
                self._give_back(block)
                block = following

    # One thread at a time (`runtime/sharing.c`).

    @native('extern __attribute__((visibility("hidden"))) u16 __quick_bytes; return __quick_bytes;')
    def _quick_bytes(self) -> u16:
        """Return how many bytes are too many for the quick ways: with several threads, all."""
        return MOST_SMALL + 1

    @native(f"extern void __take_heap(word); __take_heap({MOST_SMALL + 1});")
    def _take(self) -> None:
        """Let no other thread change the heap."""

    @native("extern void __leave_heap(void); __leave_heap();")
    def _leave(self) -> None:
        """Let other threads change it."""

    # Blocks.

    def _at(self, block: word) -> Block:
        return view(self.ram, Block, block)

    def _content(self, address: word) -> Content:
        return view(self.ram, Content, address)

    def _size(self, block: word) -> u32:
        return self._at(block).size & SIZE

    def _is(self, block: word, state: u32) -> bool:
        return self._at(block).size & STATE == state

    def _after(self, block: word) -> word:
        return block + self._size(block)

    def _needed(self, count: u32) -> u32:
        """Return the size of the block for a number of bytes that is at most `MOST_BYTES`."""
        return count + ROUNDING & SIZE

    def _count(self, block: word) -> u32:
        """Return how many bytes of a used block were asked for; of any other header more than `MOST_BYTES`."""
        return (self._at(block).size - (USED + ROUNDING)) & 0xFFFF_FFFF

    def _mark(self, block: word, count: u32) -> None:
        """Make a block used for a number of bytes, with the guards behind them."""
        self._at(block).size = count + ROUNDING | USED
        self._guard(self._first_guard(block, count)).value = GUARD
        self._guard(self._last_guard(block, count)).value = GUARD
        self._at(self._end(block, count)).before = GUARD

    def _is_guarded(self, block: word, count: u32) -> bool:
        """Say whether the guards are there behind the bytes of a used block."""
        return (
            self._at(self._end(block, count)).before == GUARD
            and self._guard(self._last_guard(block, count)).value == GUARD
            and self._guard(self._first_guard(block, count)).value == GUARD
        )

    def _end(self, block: word, count: u32) -> word:
        """Return where a block ends, and the next header is."""
        return (block + (count + ROUNDING & SIZE)) & self.highest

    def _first_guard(self, block: word, count: u32) -> word:
        return (block + HEADER + count) & self.highest

    def _last_guard(self, block: word, count: u32) -> word:
        return max(self._first_guard(block, count), (self._end(block, count) - 4) & self.highest)

    def _guard(self, address: word) -> Guard:
        return view(self.ram, Guard, (address - 1) & self.highest)

    # Pages.

    def _owns(self, address: word) -> bool:
        state = self.state
        page: word = address // PAGE_SIZE
        if (page - state.lowest_page) & self.highest >= state.page_span:
            return False
        place: u32 = page % MOST_PAGES
        return self.owned.words[place // 32] >> place % 32 & 1 != 0

    def _owns_end(self, block: word, count: u32) -> bool:
        """Say whether the end of a block of the heap's is the heap's too, as it is on the same page."""
        end: word = self._end(block, count)
        return (block ^ end) < PAGE_SIZE or self._owns(end)

    def _flip_pages(self, start: word, count: u32) -> None:
        """Note that pages become the heap's, or stop being so."""
        state = self.state
        first: word = start // PAGE_SIZE
        lowest: word = first if state.page_span == 0 else min(first, state.lowest_page)
        state.page_span = max(state.lowest_page + state.page_span, first + count) - lowest
        state.lowest_page = lowest
        for page in range(first, first + count):
            place: u32 = page % MOST_PAGES
            self.owned.words[place // 32] ^= 1 << place % 32

    def _add_to_run(self, start: word, end: word) -> None:
        """Make new pages a part of the run, or the run itself if they are more."""
        state = self.state
        run_end: word = self._run_end()
        if state.run_reach != 0 and start == run_end:
            self._set_run(state.run, end)
        elif state.run_reach != 0 and end == state.run:
            self._set_run(start, run_end)
        elif end - start > run_end - state.run:
            self._set_run(start, end)

    def _take_from_run(self, start: word, end: word) -> None:
        """Take pages that are given back from the run; its longer part stays."""
        run, run_end = self.state.run, self._run_end()
        if end <= run or start >= run_end:
            return
        below: u32 = start - run if start > run else 0
        above: u32 = run_end - end if run_end > end else 0
        if below > above:
            self._set_run(run, start)
        else:
            self._set_run(run_end - above, run_end)

    def _run_end(self) -> word:
        state = self.state
        return state.run if state.run_reach == 0 else state.run + state.run_reach + SMALL

    def _set_run(self, start: word, end: word) -> None:
        self.state.run = start
        self.state.run_reach = end - start - SMALL if end > start else 0

    def _first_whole_page(self, block: word) -> word:
        """Return where the whole pages of a free block start; what stays before them ends with a header."""
        if self._at(block).before == 0:
            return block - HEADER
        return (block + HEADER + PAGE_SIZE - 1) // PAGE_SIZE * PAGE_SIZE

    def _whole_pages(self, block: word) -> u32:
        """Return how many whole pages a free block has; what stays behind them starts as a span does."""
        start: word = self._first_whole_page(block)
        end: word = self._after(block)
        end = end + HEADER if self._is(end, END) else end - HEADER
        return (end - start) // PAGE_SIZE if end > start else 0

    # Lists of free blocks: one for each size below SMALL, then four for each power of two.

    @native("return 31 - (u32)__builtin_clz(value);")
    def _highest_bit(self, value: u32) -> u32:
        return value.bit_length() - 1

    def _list_of(self, size: u32) -> u32:
        if size < SMALL:
            return size // UNIT
        power: u32 = self._highest_bit(size)
        return SMALL // UNIT + (power - 9) * 4 + (size >> (power - 2 & 31)) % 4

    def _insert(self, block: word) -> None:
        if self.wide and self._size(block) == UNIT:
            return
        state = self.state
        number: u32 = self._list_of(self._size(block))
        first: word = state.lists[number]
        self._at(block).previous = 0
        self._at(block).next = first
        if first != 0:
            self._at(first).previous = block
        state.lists[number] = block
        state.list_used[number // 32] |= 1 << number % 32
        state.spare_pages += self._whole_pages(block)

    def _withdraw(self, block: word) -> None:
        if self.wide and self._size(block) == UNIT:
            return
        state = self.state
        number: u32 = self._list_of(self._size(block))
        following: word = self._at(block).next
        previous: word = self._at(block).previous
        if following != 0:
            self._at(following).previous = previous
        if previous != 0:
            self._at(previous).next = following
        else:
            state.lists[number] = following
            if following == 0:
                state.list_used[number // 32] ^= 1 << number % 32
        state.spare_pages -= self._whole_pages(block)

    def _first_from(self, number: u32) -> word:
        """Return the first block of the first list from one on that has any, 0 when none has."""
        state = self.state
        bits: u32 = state.list_used[number // 32] >> number % 32 << number % 32
        for place in range(number // 32, LISTS // 32):
            if bits != 0:
                return state.lists[place * 32 + lowest_bit(bits)]
            if place + 1 < LISTS // 32:
                bits = state.list_used[place + 1]
        return 0

    def _find(self, size: u32) -> word:
        """Return a free block of at least a size, 0 when there is none."""
        number: u32 = self._list_of(size)
        block: word = self.state.lists[number]
        # In the size's own list some may be too small; in all that follow, none is.
        for _ in range(FEW):
            if block != 0:
                if self._size(block) >= size:
                    return block
                block = self._at(block).next
        return self._first_from(number + 1)

    # Blocks that become free, and pages that come and go.

    def _make_free(self, block: word, size: u32) -> None:
        self._at(block).size = size | FREE
        self._at(block + size).before = size
        self._insert(block)

    def _settle(self, block: word) -> None:
        """Free a block that was used, together with its neighbours."""
        self.state.used -= self._size(block)
        self._merge(block)

    def _merge(self, block: word) -> None:
        """Put a block among the free ones, together with its neighbours."""
        size: u32 = self._size(block)
        start: word = block
        if self._is(block + size, FREE):
            self._withdraw(block + size)
            size += self._size(block + size)
        before: u32 = self._free_before(block)
        if before != 0:
            self._at(block).size = FREE  # so that to free it once more is noticed
            start = block - before
            self._withdraw(start)
            size += before
        self._make_free(start, size)
        if self.state.spare_pages > KEPT_PAGES:
            self._give_back(start)

    def _free_before(self, block: word) -> u32:
        """Return the size of the free block before a place; 0 if what is there is not free."""
        before: u32 = self._at(block).before
        start: word = (block - before) & self.highest
        if before % UNIT != 0 or not self._owns(start):
            return 0
        return before if self._at(start).size == before | FREE else 0

    def _give_back(self, block: word) -> None:
        """Give the whole pages of a free block back; what is left of it at either side stays."""
        pages: u32 = self._whole_pages(block)
        if pages == 0:
            return
        following: word = self._after(block)
        start: word = self._first_whole_page(block)
        end: word = start + pages * PAGE_SIZE
        self._withdraw(block)
        before = self._at(block).before
        if before != 0:
            self._at(start - HEADER).before = before
            self._at(start - HEADER).size = END
            if start - HEADER > block:
                self._make_free(block, start - HEADER - block)
        if not self._is(following, END):
            self._at(end + HEADER).before = 0
            if end + HEADER < following:
                self._make_free(end + HEADER, following - end - HEADER)
        self._flip_pages(start, pages)
        self._take_from_run(start, end)
        self.state.pages -= pages
        assert self.system.free_pages(start, pages) == 0, "the kernel takes malloc pages back"

    def _grow(self, size: u32) -> bool:
        """Get pages for a block of a size; say whether there were any."""
        pages: u32 = (size + 2 * HEADER + PAGE_SIZE - 1) // PAGE_SIZE
        more: u32 = max(pages, LEAST_PAGES)
        start: word = self.system.malloc_pages(more)
        if failed(start):
            self._trim()
            more = pages
            start = self.system.malloc_pages(more)
        if failed(start):
            return False
        if self.wide and not self._has_bits(start // PAGE_SIZE, more):
            self.system.free_pages(start, more)
            return False
        self._add_span(start, more)
        return True

    def _has_bits(self, first: word, count: u32) -> bool:
        """Say whether each page has a bit of its own when some more become the heap's."""
        state = self.state
        if state.page_span == 0:
            return count <= MOST_PAGES
        end: word = max(state.lowest_page + state.page_span, first + count)
        return end - min(first, state.lowest_page) <= MOST_PAGES

    def _add_span(self, start: word, pages: u32) -> None:
        """Put new pages among the free blocks, one block with what is free at either side of them."""
        end: word = start + pages * PAGE_SIZE
        block: word = start + HEADER
        before: u32 = 0
        if self._owns(start - 1):
            block = start - HEADER  # the end of the span before
            before = self._at(block).before
            free: u32 = self._free_before(block)
            if free != 0:
                block -= free
                before = self._at(block).before
                self._withdraw(block)
        following: word = end - HEADER
        if self._owns(end):
            following = end + HEADER
            if self._is(following, FREE):
                self._withdraw(following)
                following = self._after(following)
        else:
            self._at(following).size = END
        self._flip_pages(start, pages)
        self._add_to_run(start, end)
        self.state.pages += pages
        self._at(block).before = before
        self._make_free(block, following - block)

    # Blocks that are used.

    def _use(self, block: word, count: u32) -> None:
        """Use a block that is in no list for a number of bytes; what it has more is free."""
        size: u32 = self._needed(count)
        rest: u32 = self._size(block) - size
        self._mark(block, count)
        self.state.used += size
        if rest > 0:
            self._at(block + size).size = rest | USED
            self._merge(block + size)

    def _resize(self, block: word, count: u32) -> bool:
        """Resize a block where it lies, if the room behind it is free; say whether it was."""
        old: u32 = self._size(block)
        room: u32 = old
        if self._is(block + old, FREE):
            room += self._size(block + old)
        if self._needed(count) > room:
            return False
        if room > old:
            self._withdraw(block + old)
        self.state.used -= old
        self._at(block).size = room | USED
        self._use(block, count)
        return True

    def _block_of(self, memory: word) -> word:
        """Return the block of memory that `malloc` gave; end the program if it did not."""
        block: word = (memory - HEADER) & self.highest
        if memory % UNIT != 0 or not self._owns(block):
            return self._refuse(memory, NEVER_GIVEN)
        count: u32 = self._count(block)
        if count <= MOST_BYTES and self._owns_end(block, count):
            if self._is_guarded(block, count):
                return block
            if self._at(self._end(block, count)).before == GUARD:
                return self._refuse(memory, OVERRUN)
        return self._refuse(memory, FREED if self._is_freed(block) else OVERWRITTEN)

    def _is_freed(self, block: word) -> bool:
        """Say whether a block is free or waits, by its header."""
        header: u32 = self._at(block).size
        return header & ~SIZE == FREE or (header ^ WAITING) < SMALL

    def _refuse(self, memory: word, why: u32) -> word:
        """Say why memory is not the program's to free, and end it."""
        self._leave()  # who has the line may wait for it
        self.output.flush()
        self.output.write_panic()
        self.output.write(f"free of {memory:#010x}, which ")
        self.output.write(REASONS[why])
        self.output.write("\n")
        self.system.exit(1)
        return 0

    # What there is.

    def bytes_used(self) -> word:
        """Return the bytes of blocks that are used, headers included."""
        self._take()
        used: word = self.state.used
        for number in range(SMALL // UNIT):
            block: word = self.state.waiting[number]
            while block != 0:
                used -= self._size(block)
                block = self._at(block).next
        self._leave()
        return used
