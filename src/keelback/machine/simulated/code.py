"""The instruction that the processor stopped at, as far as the emulator does not say what it is."""

from keelback.machine.simulated.page_walks import PageWalks
from keelback.machine.simulated.saved_state import SavedState

LONGEST_INSTRUCTION = 15
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
        for address in range(start, start + count):
            translation = walk(root, address & self.last)
            place = translation.frame << 12 | address & 0xFFF if translation else len(self.memory)
            if place >= len(self.memory):
                break
            found.append(self.memory[place])
        return bytes(found)

    def instruction(self) -> bytes:
        """Return the instruction that eip stands at, and what follows it, without its prefixes."""
        return self.read(self.state.ip, LONGEST_INSTRUCTION).lstrip(self.prefixes)

    def skip(self, length: int) -> None:
        """Move eip behind the instruction that it stands at, `length` bytes without its prefixes."""
        prefixes = len(self.read(self.state.ip, LONGEST_INSTRUCTION)) - len(self.instruction())
        self.state.ip = self.state.ip + prefixes + length & self.last

    def start_of_int(self, vector: int) -> int:
        """Return the address of the `int` that eip stands behind; what reads as its prefixes is taken for them."""
        last = self.read(self.state.ip - 1, 1)
        length = 1 if (vector, last) in ((3, bytes([INT3])), (4, bytes([INTO]))) else 2
        start = self.state.ip - length
        while self.state.ip - start < LONGEST_INSTRUCTION and self._is_prefix(start - 1):
            start -= 1
        return start & self.last

    def _is_prefix(self, address: int) -> bool:
        found = self.read(address, 1)
        return bool(found) and found in self.prefixes

    def is_sse(self) -> bool:
        """Say whether the instruction is one of SSE, which CR4 does not let anybody use."""
        # Imported here: few programs do this.
        from capstone import CS_ARCH_X86, CS_MODE_32, Cs
        from capstone.x86_const import X86_GRP_SSE1, X86_GRP_SSE2, X86_GRP_SSE3, X86_GRP_SSSE3

        groups = {X86_GRP_SSE1, X86_GRP_SSE2, X86_GRP_SSE3, X86_GRP_SSSE3}
        decoder = Cs(CS_ARCH_X86, CS_MODE_32)
        decoder.detail = True
        code = self.read(self.state.ip, LONGEST_INSTRUCTION)
        return any(groups & set(each.groups) for each in decoder.disasm(code, self.state.ip, 1))

    def is_port_string(self) -> bool:
        """Say whether the instruction is `ins` or `outs`, whose ports come before their memory."""
        return self.instruction()[:1] in PORT_STRINGS
