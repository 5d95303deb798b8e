"""The emulated CPU's registers in a saved context, by name, to be read and written.

General registers, instruction pointer and flags go by their names without the letter for a width: `ax` is eax or rax.
"""

import zlib
from operator import itemgetter

from keelback.machine.simulated.engine import Engine
from keelback.machine.simulated.kept import Kept, Values
from keelback.machine.simulated.offsets import Offsets, offsets

INTERRUPTS = 1 << 9
VIRTUAL_8086 = 1 << 17
SELECTORS = ("es", "cs", "ss", "ds", "fs", "gs")
DATA_SELECTORS = ("es", "ds", "fs", "gs")
REGISTERS = ("ip", "flags", "flags_before", "cr0", "cr2", "cr3", "cr4", "idt", "task")
WORDS = ("mode", "error", "is_int", "in_flight", "idt_limit")


def _places(at: Offsets) -> dict[str, int]:
    """Return which cell of a context each register is, and which word what has 32 bits at any width."""
    general = dict(zip(at.width.general, at.general, strict=True))
    cells = {**general, **{name: getattr(at, name) for name in REGISTERS}}
    selectors = {name: at.cs + at.segment * (number - 1) for number, name in enumerate(SELECTORS)}
    words = {**selectors, **{name: getattr(at, name) for name in WORDS}}
    return {name: place // at.width.size for name, place in cells.items()} | {
        name: place // 4 for name, place in words.items()
    }


class _Word:
    """A part of a saved state that has 32 bits at any width."""

    def __set_name__(self, _owner: type, name: str) -> None:
        self.name = name

    def __get__(self, state: "SavedState", _owner: type) -> int:
        return state.words[state.places[self.name]]

    def __set__(self, state: "SavedState", value: int) -> None:
        state.words[state.places[self.name]] = value


class _Register(_Word):
    """A register of a saved state, as wide as the CPU's."""

    def __get__(self, state: "SavedState", _owner: type) -> int:
        return state.cells[state.places[self.name]]

    def __set__(self, state: "SavedState", value: int) -> None:
        state.cells[state.places[self.name]] = value


class SavedState(Kept):
    """A context of an engine as it is now, until it is saved again; selectors have other bits above their 16.

    The registers from `r8` on are those of a wide CPU alone.
    """

    di, si, bp, sp = _Register(), _Register(), _Register(), _Register()
    bx, dx, cx, ax = _Register(), _Register(), _Register(), _Register()
    r8, r9, r10, r11 = _Register(), _Register(), _Register(), _Register()
    r12, r13, r14, r15 = _Register(), _Register(), _Register(), _Register()
    ip, flags = _Register(), _Register()
    es, cs, ss, ds, fs, gs = _Word(), _Word(), _Word(), _Word(), _Word(), _Word()
    cr0, cr2, cr3, cr4 = _Register(), _Register(), _Register(), _Register()
    idt, task, idt_limit = _Register(), _Register(), _Word()
    mode = _Word()  # the ring among others, in the emulator's own bits
    flags_before = _Register()  # the arithmetic flags before the instruction that a page fault interrupted
    error = _Word()
    is_int = _Word()  # not 0 when an `int` instruction raised the exception
    in_flight = _Word()  # the exception that the CPU believes it is delivering

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.width = engine.model.width
        self.context = engine.new_context()
        bytes_ = memoryview(self.context.bytes).cast("B")
        self.words = bytes_.cast("I")
        self.cells = bytes_.cast(self.width.cell)
        at = offsets(engine.model)
        self.places = _places(at)
        self.segments = bytes_[at.cs : at.ss + at.segment]
        """All that the emulator keeps of the code and the stack segment."""
        starts = (at.cs + at.segment * (SELECTORS.index(name) - 1) for name in DATA_SELECTORS)
        self._data_segments = [bytes_[start : start + at.segment] for start in starts]
        self._msr_cells = bytes_.cast(self.width.cell)
        self._msrs = {register: place // self.width.size for register, place in at.msrs.items()}
        self._general = itemgetter(*(self.places[name] for name in self.width.general))
        self._tables = itemgetter(*(self.places[name] for name in ("cr0", "cr3", "cr4", "task", "idt")))

    def save(self) -> None:
        """Take the engine's present state."""
        self.engine.save(self.context)

    def restore(self) -> None:
        """Make this the engine's present state."""
        self.engine.restore(self.context)

    def kept(self) -> Values:
        """Return the context's bytes, compressed: most are zero."""
        return (zlib.compress(self.context.copy_of(), 1),)

    def put_back(self, values: Values) -> None:
        """Give the context bytes that `kept` returned."""
        (packed,) = values
        self.context.bytes[:] = zlib.decompress(packed)

    def general(self) -> tuple[int, ...]:
        """Return the general registers, in the order of the width's."""
        return self._general(self.cells)  # type: ignore[no-any-return]

    def tables(self) -> tuple[int, ...]:
        """Return what tells which tables are in use: cr0, cr3, cr4, where task state and IDT are, IDT's limit."""
        return *self._tables(self.cells), self.idt_limit

    def msr(self, register: int) -> int:
        """Return a model-specific register of those that decide how the CPU runs, 0 where it has none such.

        Of a 32-bit CPU's these are the low 32 bits, which no more is used of.
        """
        place = self._msrs.get(register)
        return 0 if place is None else self._msr_cells[place]

    def take_data_segments(self, other: "SavedState") -> None:
        """Take the data segments of another state."""
        for segment, theirs in zip(self._data_segments, other._data_segments, strict=True):
            segment[:] = theirs

    def take_flat_segments(self, other: "SavedState") -> None:
        """Take fs and gs of another state, which is in user mode, and for ds and es the stack segment that it has."""
        stack = other.segments[-len(other.segments) // 2 :]
        es, ds, fs, gs = self._data_segments
        es[:] = ds[:] = stack
        fs[:], gs[:] = other._data_segments[2:]

    def load_spare_segments(self) -> None:
        """Load fs and gs as ds is."""
        _, ds, *spare = self._data_segments
        for segment in spare:
            segment[:] = ds

    def drop_data_segments(self) -> None:
        """Make the data segments null."""
        for segment in self._data_segments:
            segment[:] = bytes(len(segment))

    def selector(self, name: str) -> int:
        """Return a segment register's selector."""
        return self.words[self.places[name]] & 0xFFFF

    @property
    def in_user_mode(self) -> bool:
        """Say whether this is in ring 3, where virtual-8086 mode is too."""
        return self.cs & 3 == 3 or self.in_virtual_8086

    @property
    def in_virtual_8086(self) -> bool:
        """Say whether this is in virtual-8086 mode."""
        return bool(self.flags & VIRTUAL_8086)

    @property
    def takes_interrupts(self) -> bool:
        """Say whether interrupts are on."""
        return bool(self.flags & INTERRUPTS)
