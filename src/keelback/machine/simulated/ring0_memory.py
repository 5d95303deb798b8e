"""Memory at the addresses of ring 0, as the CPU itself reads its tables and pushes to its stacks.

Translations are kept, as a TLB keeps them, until other tables are in use or the kernel is interrupted itself.
"""

import struct

from keelback.inspect.walk import WRITABLE
from keelback.lang import Panic
from keelback.machine.simulated.kept import Kept
from keelback.machine.simulated.page_walks import PageWalks
from keelback.machine.simulated.saved_state import SavedState

PAGING = 1 << 31
IN_PAGE = 0xFFF
STACK, PROTECTION, PAGE_FAULT = 12, 13, 14
PAIR = struct.Struct("<II")
MOST_PUSHED = 10


class DeliveryFault(Exception):
    """A fault while a trap is delivered."""

    def __init__(self, vector: int, error: int, why: str, address: int | None = None) -> None:
        super().__init__(why)
        self.vector = vector
        self.error = error
        self.address = address


class Ring0Memory(Kept):
    """RAM by ring 0's translation; which tables are in use is told by `note_tables`."""

    KEPT = "_walker", "_known", "_root", "_frames", "_gates"

    def __init__(self, memory: memoryview, walks: PageWalks, state: SavedState) -> None:
        self.memory = memory
        self.walks = walks
        self.width = state.width
        self._pushed = tuple(struct.Struct(f"<{count}{self.width.cell}") for count in range(MOST_PUSHED + 1))
        self._walker = walks.two_levels
        self._known: tuple[int, ...] = ()
        self._root: int | None = None
        self._frames: dict[tuple[int, bool], int] = {}
        self._gates: dict[int, list[int]] = {}

    def note_tables(self, state: SavedState) -> None:
        """Forget all translations when a state uses other tables than the last did."""
        tables = state.tables()
        if tables != self._known:
            self._known = tables
            self._root = tables[1] if tables[0] & PAGING else None
            self._walker = self.walks.of(state)
            self._frames.clear()
            self._gates.clear()

    def forget(self) -> None:
        """Forget translations, though the same tables are in use; where gates lie stays known."""
        self._frames.clear()

    def gate(self, vector: int) -> tuple[int, ...]:
        """Return the words of a gate, 2 or 4; none is present beyond the table's limit.  Raises: DeliveryFault."""
        places = self._gates.get(vector)
        if places is None:
            *_, base, limit = self._known
            size = self.width.gate_size
            if size * (vector + 1) - 1 > limit:
                return (0,) * (size // 4)
            start = base + size * vector
            places = self._gates[vector] = [self.place_of(start + offset) for offset in range(0, size, PAIR.size)]
        return tuple(word for place in places for word in PAIR.unpack_from(self.memory, place))

    def read(self, address: int) -> int:
        """Return the word, of 32 bits, at an address.  Raises: DeliveryFault."""
        return int(struct.unpack_from("<I", self.memory, self.place_of(address))[0])

    def write(self, address: int, value: int) -> None:
        """Write the word, of 32 bits, at an address.  Raises: DeliveryFault."""
        struct.pack_into("<I", self.memory, self.place_of(address), value)

    def read_pair(self, address: int) -> tuple[int, int]:
        """Return two words of one page.  Raises: DeliveryFault."""
        return PAIR.unpack_from(self.memory, self.place_of(address))

    def push(self, address: int, values: tuple[int, ...]) -> None:
        """Write registers' values from an address on, the last first, as pushes do.  Raises: DeliveryFault."""
        size, last = self.width.size, self.width.last
        length = size * len(values)
        if 0 <= address & IN_PAGE <= IN_PAGE + 1 - length:
            end = self.place_of(address + length - size & last, True) + size
            self._pushed[len(values)].pack_into(self.memory, end - length, *values)
            return
        for number, value in reversed(list(enumerate(values))):
            place = self.place_of(address + size * number & last, True)
            struct.pack_into(f"<{self.width.cell}", self.memory, place, value)

    def place_of(self, address: int, writing: bool = False) -> int:
        """Return the physical address of an address.  Raises: DeliveryFault; Panic when that is not RAM."""
        page = address >> 12, writing
        frame = self._frames.get(page)
        if frame is None:
            frame = self._frames[page] = self._translate(address, writing)
        return frame | address & IN_PAGE

    def _translate(self, address: int, writing: bool) -> int:
        if not self.width.is_canonical(address):
            why = f"a trap needs {address:#x}, which is no address"
            raise DeliveryFault(STACK if writing else PROTECTION, 0, why)
        frame = address & self.width.last & ~IN_PAGE
        if self._root is not None:
            translation = self._walker.walk(self._root, address)
            if translation is None or (writing and not translation.flags & WRITABLE):
                error = (translation is not None) | writing << 1
                raise DeliveryFault(PAGE_FAULT, error, f"a trap needs {address:#010x}, which is not mapped", address)
            frame = translation.frame << 12
        if frame >= len(self.memory):
            raise Panic(f"a trap needs {address:#010x}, where there is no RAM")
        return frame
