"""The heap of a program: malloc and its relatives, for programs in Kernel Python and, by `runtime/malloc.py`, in C.

    span: malloc pages in a row, all of it blocks, each with a header of 8 bytes before its memory

    page ┌───┬────────┬───────┬────────┬──────────┬─ ... ─┬─────┐ page
         │ 8 │ header │ memory│ header │ memory   │       │ end │
         └───┴────────┴───────┴────────┴──────────┴─ ... ─┴─────┘

1. A block is a multiple of 16 bytes, its header included; memory starts at a multiple of 16.
2. A header has the size of its block and of the one before; so both neighbours are found at once.  With the size of the
   one before it has, in the lowest bits, how many bytes of that were not asked for.
3. No two blocks that are free touch, and no two spans do.
4. Free blocks are in lists by size, whose bitmap finds one that fits in a few steps.
5. Whole pages of free blocks are given back when there are more than `KEPT_PAGES` of them.
6. A small block that is freed waits, as it is, for the next request of its size, last in, first out.  All that wait
   become free when none of a wanted size waits, and after `MOST_WAITING` of them.
7. The first and the last byte of a block that were not asked for are marked, so that `free` notices who writes behind
   the end; where a block ends with what was asked for, the next one's header is there.
"""

from keelback.lang import Array, Component, Region, Struct, inline, lowest_bit, native, u8, u32, view, word
from keelback.user.system import PAGE_SIZE, Output, System, failed

UNIT, HEADER = 16, 8
SMALL = 512
SMALL_SIZES = SMALL - UNIT
"""The bits that a small size may have."""
LISTS = 128
FEW = 4
LEAST_PAGES, KEPT_PAGES, MOST_PAGES = 8, 16, 1 << 18
MOST_BYTES = 0x3FFF_0000
MOST_WAITING = 512

# The state of a block, in the lowest bits of its size.
FREE, USED, END, WAITING = 0x5, 0xA, 0xE, 0x3
STATE = 0xF
MARK = 0xFD
"""What a byte is that was not asked for."""

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

    before: u32  # the size of the block before, and its bytes that were not asked for; of the first in a span 0
    size: u32  # with a state in its lowest bits; of the end of a span 0
    next: word
    previous: word


class Byte(Struct):
    """One byte of memory."""

    value: u8


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
    lowest_page: u32  # all pages that were ever the heap's have numbers from it on
    page_span: u32  # and as many as that
    spare_pages: u32  # whole pages in free blocks
    pages: u32
    used: u32  # bytes of blocks that are used or wait, headers included


class Heap(Component):
    """Memory in pieces, at multiples of 16; an address of 0 says that there is none."""

    def __init__(self, records: Region, system: System, output: Output) -> None:
        self.ram = records.ram
        self.system = system
        self.output = output
        self.state = records.struct(HeapState)
        self.owned = records.struct(OwnedPages, PAGE_SIZE)

    def malloc(self, count: u32) -> word:
        """Return the address of so many bytes, whatever is in them; 0 when there is no memory."""
        if count <= SMALL - UNIT - HEADER:
            state = self.state
            number: u32 = (count + HEADER + UNIT - 1) // UNIT % (SMALL // UNIT)
            block: word = state.waiting[number]
            if block != 0:
                waiting = self._at(block)
                state.waiting[number] = waiting.next
                waiting.size ^= WAITING ^ USED
                self._mark(block, count)
                return block + HEADER
        size: u32 = self._needed(count)
        memory: word = self._allocate(size)
        if memory != 0:
            self._mark(memory - HEADER, count)
        return memory

    def _allocate(self, size: u32) -> word:
        """Return the address of the memory of a block that does not wait; 0 when there is none, or size is 0."""
        if size == 0:
            return 0
        self._free_waiting()
        block: word = self._find(size)
        if block == 0 and self._grow(size):
            block = self._find(size)
        if block == 0:
            return 0
        self._withdraw(block)
        self._use(block, size)
        return block + HEADER

    def calloc(self, count: u32, each: u32) -> word:
        """Return the address of `count` times `each` bytes, all zero; 0 when there is no memory."""
        if count * each > MOST_BYTES:
            return 0
        size: u32 = count * each
        memory: word = self.malloc(size)
        if memory != 0:
            for done in range(0, size, PAGE_SIZE):
                self._content(memory + done).bytes.fill(0, min(size - done, PAGE_SIZE), 0)
        return memory

    def realloc(self, memory: word, count: u32) -> word:
        """Return the address of so many bytes with what was at another; 0 when there is no memory, and that stays."""
        if memory == 0:
            return self.malloc(count)
        block: word = self._block_of(memory)
        size: u32 = self._needed(count)
        if block == 0 or size == 0:
            return 0
        self._free_waiting()
        if self._resize(block, size):
            self._mark(block, count)
            return memory
        other: word = self._allocate(size)
        if other != 0:
            self._mark(other - HEADER, count)
            kept: u32 = self._size(block) - HEADER
            for done in range(0, kept, PAGE_SIZE):
                content = self._content(memory + done).bytes
                self._content(other + done).bytes.copy_from(0, content, 0, min(kept - done, PAGE_SIZE))
            self.free(memory)
        return other

    def free(self, memory: word) -> None:
        """Free what `malloc` gave; anything else, but 0, ends the program."""
        block: word = (memory - HEADER) & 0xFFFF_FFFF
        if memory % UNIT == 0 and self._owns(block):
            size: u32 = self._at(block).size ^ USED
            end: u32 = (block + size) & 0xFFFF_FFFF
            if size & ~SMALL_SIZES == 0 and self._owns_end(block, end) and (self._at(end).before ^ size) < UNIT:
                if not self._is_marked(end):
                    self._refuse(memory, OVERRUN)
                self._wait(block, size)
                return
        if memory != 0:
            block = self._block_of(memory)
            if block != 0:
                self._settle(block)

    def _wait(self, block: word, size: u32) -> None:
        """Put a small block that was used among those that wait."""
        state, number = self.state, size // UNIT % (SMALL // UNIT)
        self._at(block).size = size | WAITING
        self._at(block).next = state.waiting[number]
        state.waiting[number] = block
        state.freed += 1
        if state.freed > MOST_WAITING:
            self._free_waiting()

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
        self._free_waiting()
        for number in range(self._list_of(PAGE_SIZE - 2 * HEADER), LISTS):
            block: word = self.state.lists[number]
            while block != 0:
                following: word = self._at(block).next
                self._give_back(block)
                block = following

    # Blocks.

    def _at(self, block: word) -> Block:
        return view(self.ram, Block, block)

    def _content(self, address: word) -> Content:
        return view(self.ram, Content, address)

    def _size(self, block: word) -> u32:
        return self._at(block).size & ~STATE

    def _is(self, block: word, state: u32) -> bool:
        return self._at(block).size & STATE == state

    def _after(self, block: word) -> word:
        return block + self._size(block)

    def _needed(self, count: u32) -> u32:
        """Return the size of the block for a number of bytes, 0 if that is too large."""
        return 0 if count > MOST_BYTES else (count + HEADER + UNIT - 1) // UNIT * UNIT

    def _mark(self, block: word, count: u32) -> None:
        """Note how many bytes of a used block were not asked for, and mark them."""
        size: u32 = self._size(block)
        end: word = (block + size) & 0xFFFF_FFFF
        spare: u32 = (HEADER - count) % UNIT
        self._at(end).before = size | spare
        if spare != 0:
            self._byte_before(end, spare).value = MARK
            self._byte_before(end, 1).value = MARK

    def _is_marked(self, end: word) -> bool:
        """Say whether the marks are there of a used block that ends somewhere."""
        spare: u32 = self._at(end).before % UNIT
        return spare == 0 or self._byte_before(end, spare).value == self._byte_before(end, 1).value == MARK

    def _byte_before(self, end: word, distance: u32) -> Byte:
        return view(self.ram, Byte, (end - distance) & 0xFFFF_FFFF)

    # Pages.

    def _owns(self, address: word) -> bool:
        state = self.state
        page: u32 = address // PAGE_SIZE
        if (page - state.lowest_page) & 0xFFFF_FFFF >= state.page_span:
            return False
        place: u32 = page % MOST_PAGES
        return self.owned.words[place // 32] >> place % 32 & 1 != 0

    def _owns_end(self, block: word, end: word) -> bool:
        """Say whether the end of a block of the heap's is the heap's too, as it is on the same page."""
        return (block ^ end) < PAGE_SIZE or self._owns(end)

    def _flip_pages(self, start: word, count: u32) -> None:
        """Note that pages become the heap's, or stop being so."""
        state = self.state
        first: u32 = start // PAGE_SIZE
        lowest: u32 = first if state.page_span == 0 else min(first, state.lowest_page)
        state.page_span = max(state.lowest_page + state.page_span, first + count) - lowest
        state.lowest_page = lowest
        for page in range(first, first + count):
            place: u32 = page % MOST_PAGES
            self.owned.words[place // 32] ^= 1 << place % 32

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
        before: u32 = self._at(block).before & ~STATE
        if before != 0 and self._is(block - before, FREE):
            self._at(block).size = FREE  # so that to free it once more is noticed
            start = block - before
            self._withdraw(start)
            size += before
        self._make_free(start, size)
        if self.state.spare_pages > KEPT_PAGES:
            self._give_back(start)

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
        self.state.pages -= pages
        assert self.system.free_pages(start, pages) == 0, "the kernel takes malloc pages back"

    def _grow(self, size: u32) -> bool:
        """Get pages for a block of a size; say whether there were any."""
        pages: u32 = (size + 2 * HEADER + PAGE_SIZE - 1) // PAGE_SIZE
        more: u32 = max(pages, LEAST_PAGES)
        start: word = self.system.malloc_pages(more)
        if failed(start):
            self.trim()
            more = pages
            start = self.system.malloc_pages(more)
        if failed(start):
            return False
        self._add_span(start, more)
        return True

    def _add_span(self, start: word, pages: u32) -> None:
        """Put new pages among the free blocks, one block with what is free at either side of them."""
        end: word = start + pages * PAGE_SIZE
        block: word = start + HEADER
        before: u32 = 0
        if self._owns(start - 1):
            block = start - HEADER  # the end of the span before
            before = self._at(block).before
            last: word = block - (before & ~STATE)
            if self._is(last, FREE):
                block = last
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
        self.state.pages += pages
        self._at(block).before = before
        self._make_free(block, following - block)

    # Blocks that are used.

    def _use(self, block: word, size: u32) -> None:
        """Mark a block that is in no list used, with a size; what it has more is free."""
        rest: u32 = self._size(block) - size
        self._at(block).size = size | USED
        self._at(block + size).before = size
        self.state.used += size
        if rest > 0:
            self._at(block + size).size = rest | USED
            self._merge(block + size)

    def _resize(self, block: word, size: u32) -> bool:
        """Resize a block where it lies, if the room behind it is free; say whether it was."""
        old: u32 = self._size(block)
        room: u32 = old
        if self._is(block + old, FREE):
            room += self._size(block + old)
        if size > room:
            return False
        if room > old:
            self._withdraw(block + old)
        self.state.used -= old
        self._at(block).size = room | USED
        self._use(block, size)
        return True

    def _block_of(self, memory: word) -> word:
        """Return the block of memory that `malloc` gave; end the program if it did not."""
        block: word = (memory - HEADER) & 0xFFFF_FFFF
        if memory % UNIT != 0 or not self._owns(block):
            return self._refuse(memory, NEVER_GIVEN)
        size: u32 = self._at(block).size ^ USED
        end: u32 = (block + size) & 0xFFFF_FFFF
        if size & STATE == 0 and self._owns_end(block, end) and (self._at(end).before ^ size) < UNIT:
            return block if self._is_marked(end) else self._refuse(memory, OVERRUN)
        if self._is(block, FREE) or self._is(block, WAITING):
            return self._refuse(memory, FREED)
        return self._refuse(memory, OVERWRITTEN)

    def _refuse(self, memory: word, why: u32) -> word:
        """Say why memory is not the program's to free, and end it."""
        self.output.flush()
        self.output.write_panic()
        self.output.write(f"free of {memory:#010x}, which ")
        self.output.write(REASONS[why])
        self.output.write("\n")
        self.system.exit(1)
        return 0

    # What there is.

    def bytes_used(self) -> u32:
        """Return the bytes of blocks that are used, headers included."""
        used: u32 = self.state.used
        for number in range(SMALL // UNIT):
            block: word = self.state.waiting[number]
            while block != 0:
                used -= self._size(block)
                block = self._at(block).next
        return used
