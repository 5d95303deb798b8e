"""The emulated CPU's registers in a saved context, by name, to be read and written."""

from operator import itemgetter

from keelback.machine.simulated.engine import Engine
from keelback.machine.simulated.offsets import GENERAL, Offsets, offsets

INTERRUPTS = 1 << 9
VIRTUAL_8086 = 1 << 17
SELECTORS = ("es", "cs", "ss", "ds", "fs", "gs")
NAMED = ("eip", "eflags", "flags_before", "mode", "cr0", "cr2", "cr3", "cr4", "error", "is_int", "in_flight")


def _places(at: Offsets) -> dict[str, int]:
    """Return which word of a context each register is."""
    named = {name: getattr(at, name) for name in NAMED} | {"idt": at.gates, "idt_limit": at.gates_limit}
    general = dict(zip(GENERAL, at.general, strict=True))
    selectors = {name: at.cs + at.segment * (number - 1) for number, name in enumerate(SELECTORS)}
    return {name: offset // 4 for name, offset in {**named, **general, **selectors, "task": at.task}.items()}


class _Register:
    """A register of a saved state."""

    def __set_name__(self, _owner: type, name: str) -> None:
        self.name = name

    def __get__(self, state: "SavedState", _owner: type) -> int:
        return state.words[state.places[self.name]]

    def __set__(self, state: "SavedState", value: int) -> None:
        state.words[state.places[self.name]] = value


class SavedState:
    """A context of an engine as it is now, until it is saved again; selectors have other bits above their 16."""

    edi, esi, ebp, esp = _Register(), _Register(), _Register(), _Register()
    ebx, edx, ecx, eax = _Register(), _Register(), _Register(), _Register()
    eip, eflags = _Register(), _Register()
    es, cs, ss, ds, fs, gs = _Register(), _Register(), _Register(), _Register(), _Register(), _Register()
    cr0, cr2, cr3, cr4 = _Register(), _Register(), _Register(), _Register()
    idt, idt_limit, task = _Register(), _Register(), _Register()
    mode = _Register()  # the ring among others, in the emulator's own bits
    flags_before = _Register()  # the arithmetic flags before the instruction that a page fault interrupted
    error = _Register()
    is_int = _Register()  # not 0 when an `int` instruction raised the exception
    in_flight = _Register()  # the exception that the CPU believes it is delivering

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.context = engine.new_context()
        bytes_ = memoryview(self.context.bytes).cast("B")
        self.words = bytes_.cast("I")
        at = offsets(engine.model)
        self.places = _places(at)
        self.segments = bytes_[at.cs : at.ss + at.segment]
        """All that the emulator keeps of the code and the stack segment."""
        self._general = itemgetter(*(self.places[name] for name in GENERAL))

    def save(self) -> None:
        """Take the engine's present state."""
        self.engine.save(self.context)

    def restore(self) -> None:
        """Make this the engine's present state."""
        self.engine.restore(self.context)

    def general(self) -> tuple[int, ...]:
        """Return edi, esi, ebp, esp, ebx, edx, ecx and eax."""
        return self._general(self.words)  # type: ignore[no-any-return]

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
        return bool(self.eflags & VIRTUAL_8086)

    @property
    def takes_interrupts(self) -> bool:
        """Say whether interrupts are on."""
        return bool(self.eflags & INTERRUPTS)
