"""The instruction that the processor stopped at, as far as the emulator does not say what it is."""

from keelback.machine.simulated.models import WIDE
from keelback.machine.simulated.page_walks import PageWalks
from keelback.machine.simulated.saved_state import SavedState

LONGEST_INSTRUCTION = 15
STACK, PROTECTION, PAGE_FAULT = 12, 13, 14
PORT_STRINGS = frozenset(bytes([each]) for each in (0x6C, 0x6D, 0x6E, 0x6F))
INT3, INTO = 0xCC, 0xCE


class Code:
    """The code around the place where a processor stopped."""

    def __init__(self, memory: memoryview, walks: PageWalks, state: SavedState) -> None:
        self.memory = memory
        self.walks = walks
        self.state = state
        self.prefixes, self.last = state.width.prefixes, state.width.last

    def read(self, start: int, count: int) -> bytes:
        """Return up to `count` bytes from an address on, fewer where a page is missing."""
        found = bytearray()
        walk, root = self.walks.of(self.state).walk, self.state.cr3
        for number in range(start, start + count):
            address = number & self.last
            translation = walk(root, address) if self.state.width.is_canonical(address) else None
            place = translation.frame << 12 | address & 0xFFF if translation else len(self.memory)
            if place >= len(self.memory):
                break
            found.append(self.memory[place])
        return bytes(found)

    def instruction(self) -> bytes:
        """Return the instruction that the instruction pointer stands at, and what follows it, without its prefixes."""
        return self.read(self.state.ip, LONGEST_INSTRUCTION).lstrip(self.prefixes)

    def skip(self, length: int) -> None:
        """Move the instruction pointer behind the instruction that it stands at, of `length` bytes and its prefixes."""
        prefixes = len(self.read(self.state.ip, LONGEST_INSTRUCTION)) - len(self.instruction())
        self.state.ip = self.state.ip + prefixes + length & self.last

    def start_of_int(self, vector: int) -> int:
        """Return the address of the `int` that the instruction pointer stands behind, as `start_of` does."""
        last = self.read(self.state.ip - 1, 1)
        return self.start_of(1 if (vector, last) in ((3, bytes([INT3])), (4, bytes([INTO]))) else 2)

    def start_of(self, length: int) -> int:
        """Return the address of the instruction that the instruction pointer stands behind.

        It has `length` bytes without its prefixes; what reads as these is taken for them.
        """
        start = self.state.ip - length
        while self.state.ip - start < LONGEST_INSTRUCTION and self._is_prefix(start - 1):
            start -= 1
        return start & self.last

    def _is_prefix(self, address: int) -> bool:
        found = self.read(address, 1)
        return bool(found) and found in self.prefixes

    def missing_instruction(self) -> int | None:
        """Return the address of the first instruction behind this one that lies, all or its end, on a missing page.

        Returns None where this one lies there itself, or where a page fault can't be of fetching what follows it.
        """
        from keelback.machine.simulated.decoding import end_of

        start, page = self.state.ip, self.state.cr2
        if page & 0xFFF or not start < page <= start + 4096 or not self.state.in_user_mode:
            return None
        end = end_of(self.state, self.read(start, page - start))
        return end if start < end and page - end < LONGEST_INSTRUCTION else None

    def is_vector(self) -> bool:
        """Say whether the instruction is one of SSE, which CR4 does not let anybody use, or of CPUs after these."""
        from keelback.machine.simulated.decoding import decode, is_vector

        instruction = decode(self.state, self.read(self.state.ip, LONGEST_INSTRUCTION))
        return instruction is not None and is_vector(instruction)

    def wild_access(self, vector: int) -> int | None:
        """Return the vector of a fault whose cause is an access to what is no address, None when it is another.

        It is a stack fault where the stack's registers lead there.  An access that begins in the last page of the lower
        half and ends behind it is one too, though the emulator looks at the page first.
        """
        state = self.state
        crosses = vector == PAGE_FAULT and state.width.is_canonical(state.cr2) and not self._is_address(state.cr2 + 15)
        if state.width is not WIDE or not (crosses or (vector == PROTECTION and not state.error)):
            return None
        from keelback.machine.simulated.decoding import decode, faulting_access

        instruction = decode(state, self.read(state.ip, LONGEST_INSTRUCTION))
        on_stack = None if instruction is None else faulting_access(state, instruction)
        return None if on_stack is None else STACK if on_stack else PROTECTION

    def _is_address(self, address: int) -> bool:
        return self.state.width.is_canonical(address & self.last)

    def is_port_string(self) -> bool:
        """Say whether the instruction is `ins` or `outs`, whose ports come before their memory."""
        return self.instruction()[:1] in PORT_STRINGS
