"""Memory at the addresses of ring 0, as the CPU itself reads its tables and pushes to its stacks.

Translations are kept, as a TLB keeps them, until other tables are in use or the kernel is interrupted itself.
"""

import struct

from keelback.inspect.walk import WRITABLE
from keelback.lang import Panic
from keelback.machine.simulated.page_walks import PageWalks
from keelback.machine.simulated.saved_state import SavedState

PAGING = 1 << 31
TABLE_MASK = 0xFFFF_F000
ALL = 0xFFFF_FFFF
PAGE_FAULT = 14
PAIR = struct.Struct("<II")
MOST_PUSHED = 10
WORDS = tuple(struct.Struct(f"<{count}I") for count in range(MOST_PUSHED + 1))


class DeliveryFault(Exception):
    """A fault while a trap is delivered."""

    def __init__(self, vector: int, error: int, why: str, address: int | None = None) -> None:
        super().__init__(why)
        self.vector = vector
        self.error = error
        self.address = address


class Ring0Memory:
    """RAM by ring 0's translation; which tables are in use is told by `note_tables`."""

    def __init__(self, memory: memoryview, walks: PageWalks, state: SavedState) -> None:
        self.memory = memory
        self.walks = walks
        self._walker = walks.two_levels
        self._known: tuple[int, ...] = ()
        self._root: int | None = None
        self._frames: dict[tuple[int, bool], int] = {}
        self._gates: dict[int, int] = {}

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

    def gate(self, vector: int) -> tuple[int, int]:
        """Return both words of a gate; none is present beyond the table's limit.  Raises: DeliveryFault."""
        place = self._gates.get(vector)
        if place is None:
            *_, base, limit = self._known
            if 8 * vector + 7 > limit:
                return 0, 0
            place = self._gates[vector] = self.place_of(base + 8 * vector)
        return PAIR.unpack_from(self.memory, place)

    def read(self, address: int) -> int:
        """Return the word at an address.  Raises: DeliveryFault."""
        return int(struct.unpack_from("<I", self.memory, self.place_of(address))[0])

    def write(self, address: int, value: int) -> None:
        """Write the word at an address.  Raises: DeliveryFault."""
        struct.pack_into("<I", self.memory, self.place_of(address), value)

    def read_pair(self, address: int) -> tuple[int, int]:
        """Return two words of one page.  Raises: DeliveryFault."""
        return PAIR.unpack_from(self.memory, self.place_of(address))

    def push(self, address: int, words: tuple[int, ...]) -> None:
        """Write words from an address on, the last first, as pushes do.  Raises: DeliveryFault."""
        if 0 <= address & 0xFFF <= 0x1000 - 4 * len(words):
            last = self.place_of(address + 4 * len(words) - 4 & ALL, True)
            WORDS[len(words)].pack_into(self.memory, last - 4 * len(words) + 4, *words)
            return
        for number, word in reversed(list(enumerate(words))):
            struct.pack_into("<I", self.memory, self.place_of(address + 4 * number & ALL, True), word)

    def place_of(self, address: int, writing: bool = False) -> int:
        """Return the physical address of an address.  Raises: DeliveryFault; Panic when that is not RAM."""
        page = address >> 12, writing
        frame = self._frames.get(page)
        if frame is None:
            frame = self._frames[page] = self._translate(address, writing)
        return frame | address & 0xFFF

    def _translate(self, address: int, writing: bool) -> int:
        frame = address & TABLE_MASK
        if self._root is not None:
            translation = self._walker.walk(self._root, address)
            if translation is None or (writing and not translation.flags & WRITABLE):
                error = (translation is not None) | writing << 1
                raise DeliveryFault(PAGE_FAULT, error, f"a trap needs {address:#010x}, which is not mapped", address)
            frame = translation.frame << 12
        if frame >= len(self.memory):
            raise Panic(f"a trap needs {address:#010x}, where there is no RAM")
        return frame
