"""Processes that do what a test says: each system call and each access is put into a trap frame, and then made.

The machine stands between two traps, and the next process to run is the current one.  Its program is a few
instructions, the same in 32 and 64 bits, of which the trap frame's eip (rip) picks one; until it is told more, it
gives way to the others.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import IntEnum
from functools import cache
from itertools import product
from typing import Any, TypeVar

import pytest

from keelback.abi.calls import CALLS
from keelback.abi.errors import UnknownCall
from keelback.abi.handles import NAMES, WITH_RECORD
from keelback.abi.parts import Part
from keelback.abi.records import Message
from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.inspect.records import regions_of
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64, PUBLISHED, Layout
from keelback.kernel.memory.space_records import MemoryRegion
from keelback.kernel.processes.processes import Process, ProcessState
from keelback.kernel.processes.threads import Thread, ThreadState
from keelback.kernel.x86.trap_frame import TrapFrame, TrapFrame64
from keelback.kernel.x86.vectors import SYSTEM_CALL
from keelback.machine.observed import Outcome
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.machine.simulated.models import Model
from keelback.machine.simulated.pc import SimulatedPc
from kernel.quick import compiled_quickly
from kernel.stock import again
from support import EXECUTE, MIB, READ, WRITE, elf, entry_at, frame_at, some_of, wide_elf
from variants import VARIANTS, word_for

PAGE = 4096
TEXT = MICROKERNEL.image_base
DATA = TEXT + PAGE
BSS = DATA + PAGE
BSS_PAGES = 6
NAME, ARGUMENT, NOBODY, LIBRARY = DATA, DATA + 16, DATA + 32, DATA + 48
ANYWHERE = MICROKERNEL.anonymous_base
MALLOC = MICROKERNEL.malloc_base
STACK = MICROKERNEL.stack_top - PAGE

# int $0x80; jmp CALL | mov (%ebx), %cl; jmp CALL | mov %cl, (%ebx); jmp CALL | mov $2, %eax; jmp CALL
CODE = bytes.fromhex("cd80ebfc 8a0bebf8 880bebf4 b802000000ebed")
CALL, READ_BYTE, WRITE_BYTE, ENTRY = TEXT, TEXT + 4, TEXT + 8, TEXT + 12
CALLED = CALL + 2

TEXTS = b"it".ljust(16, b"\0") + b"argument".ljust(16, b"\0") + b"nobody".ljust(16, b"\0") + b"libit".ljust(16, b"\0")


WRITERS = {32: elf, 64: wide_elf}
"""What writes an ELF file, by the bits of a word."""


def program_of(size: int = (2 + BSS_PAGES) * PAGE, base: int = TEXT, word_bits: int = 32) -> bytes:
    """Return the ELF file of a program whose image has so many bytes from its base on, more than a page."""
    data = (base + PAGE, READ | WRITE, TEXTS, size - PAGE)
    return WRITERS[word_bits]([(base, READ | EXECUTE, CODE, len(CODE)), data], entry=ENTRY - TEXT + base)


# A library of four pages: link page, text, data, and zeros that no file has.
LIBRARY_DATA, LIBRARY_ZEROS, LIBRARY_END = 2 * PAGE, 3 * PAGE, 4 * PAGE
LIBRARY_PARTS = [
    (0, READ, b"a link page".ljust(PAGE, b"\0"), PAGE),
    (PAGE, READ | EXECUTE, CODE, PAGE),
    (LIBRARY_DATA, READ | WRITE, b"pristine", 2 * PAGE),
]
LIBRARY_FILES = {word_bits: write(LIBRARY_PARTS, entry=0, type=3) for word_bits, write in WRITERS.items()}
LIBRARY_FILE = LIBRARY_FILES[32]

LIVES = ("interpreted", "compiled")
of_its_own = pytest.mark.parametrize("life", some_of(LIVES, ["interpreted"]))
"""The lives of a test whose layout few tests have: to compile it for them takes longer than most tests."""
SMALL = replace(MICROKERNEL, processes=8, threads=12)
"""The layout with a process table that is full soon, and read in no time."""
EAGER = replace(SMALL, eager_fork=True)
CROWDED = replace(SMALL, most_references=2)
MOST_REGIONS = 16
LIMITED = replace(SMALL, regions=MOST_REGIONS)
UNUSUAL = replace(
    SMALL,
    guard_pages=0,
    kernel_stack=3 * PAGE,
    kernel_stack_slots=SMALL.threads,
    lowest_number=True,
    malloc_base=MALLOC - PAGE,
)
"""The layout of which each value has a test of its own and none is in another's way: one kernel for all."""
SELDOM = (EAGER, CROWDED, UNUSUAL)
"""Those that few tests have."""


def in_both_lives(*layouts: Layout) -> pytest.MarkDecorator:
    """Let a test run with each of some layouts in both lives; those of `SELDOM` are compiled in the campaign alone."""
    cells = [*product(layouts, LIVES)]
    every_run = [(layout, life) for layout, life in cells if life == "interpreted" or layout not in SELDOM]
    return pytest.mark.parametrize(("layout", "life"), some_of(cells, every_run))


AREAS = {name: getattr(MICROKERNEL, name) for name in ("image_base", "anonymous_base", "malloc_base", "malloc_limit")}
"""Where the areas lie that this module's addresses are in."""


def with_our_areas(layout: Layout) -> Layout:
    """Return a published layout with a short process table, whose areas but the stack lie where this module has them.

    So one request, with its addresses, can be made of each of them.
    """
    return replace(layout, processes=8, threads=12, **AREAS)


CELLS = [(life, with_our_areas(layout)) for layout in VARIANTS for life in LIVES]
COMPILED_IN_EVERY_RUN = [with_our_areas(layout) for layout in (MICROKERNEL, MICROKERNEL_64)]
IN_EVERY_RUN = [cell for cell in CELLS if cell[0] == "interpreted" or cell[1] in COMPILED_IN_EVERY_RUN]
in_each_cell = pytest.mark.parametrize(("life", "layout"), some_of(CELLS, IN_EVERY_RUN), ids=word_for)
"""Each kernel with our areas, in both lives; compiled, those that no other test has so are the campaign's."""


def memory_for(layout: Layout) -> int:
    """Return as much memory as the processes of this module need beside a layout's kernel."""
    return max(4 * MIB, layout.owned_end + 2 * MIB)


Call = IntEnum("Call", {each.name.upper(): each.number for each in CALLS})
"""The numbers of the system calls."""
CARRIERS = {each.number for each in CALLS if each.carries}
"""Those that carry a message."""


def carried(handle: int, record: int = 0, *words: int) -> tuple[int, ...]:
    """Return the arguments of a call that carries a message, by register: a record, where one is named, is the last."""
    return (handle | WITH_RECORD, *(*words, 0, 0, 0)[:3], record) if record else (handle, *words)


ERRORS = {each.number: [error.number for error in each.errors] for each in CALLS}


class Died(Exception):
    """The process ended before it could say how its request went."""


class Blocked(Exception):
    """The process waits or sleeps; `finish` goes on with it."""


@cache
def _image(life: str, layout: Layout, init: tuple[str, ...], programs: tuple[tuple[str, bytes], ...]) -> bytes:
    members = {
        "etc/init": "".join(line + "\n" for line in init).encode(),
        "it": program_of(base=layout.image_base, word_bits=layout.paging.word_bits),
        "libit": LIBRARY_FILES[layout.paging.word_bits],
        **dict(programs),
    }
    kernel = compiled if layout in (SMALL, *PUBLISHED) else compiled_quickly
    return make_image(layout, make_payload(members), kernel(layout) if life == "compiled" else None)


def make_machine(
    *init: str,
    life: str = "interpreted",
    layout: Layout = SMALL,
    memory: int = 4 * MIB,
    check: bool = True,
    programs: Mapping[str, bytes] | None = None,
    model: Model | None = None,
) -> SimulatedPc:
    """Return a machine of either life, not booted; `it` is the program of this module."""
    image = _image(life, layout, init, tuple((programs or {}).items()))
    if life == "compiled":
        return CompiledPc(layout, image, memory=memory, model=model)
    return InterpretedPc(layout, image, memory=memory, check=check, model=model)


def register_name(frame: TrapFrame | TrapFrame64, name: str) -> str:
    """Return what a frame calls a register: `ax` is `eax` or `rax`."""
    return ("r" if isinstance(frame, TrapFrame64) else "e") + name


def register(frame: TrapFrame | TrapFrame64, name: str) -> int:
    """Return a register of a frame, by its name without the width."""
    return int(getattr(frame, register_name(frame, name)))


def set_registers(frame: TrapFrame | TrapFrame64, **values: int) -> None:
    """Set registers of a frame, each by such a name."""
    for name, value in values.items():
        setattr(frame, register_name(frame, name), value)


class Driven:
    """A machine whose processes are all told what to do."""

    def __init__(self, pc: SimulatedPc) -> None:
        self.pc = pc
        self.kernel = pc.kernel
        self.lens = look(pc.layout, pc.ram.contents)
        """The same kernel, to be looked at without being watched by strict RAM."""
        self.counts = self.lens.memory.frames.counts
        self.table = self.lens.processes.table
        self.results: dict[int, int] = {}
        self.waiting: set[int] = set()
        self.known = {each.number for each in CALLS if each.part is None or each.part in pc.layout.parts}
        """The numbers of the calls that the layout has."""
        self.offset = pc.layout.image_base - TEXT
        """What is added to the addresses of this module in another layout than theirs."""
        self.word_bits = pc.layout.paging.word_bits
        pc.trap_time = 0  # no tick comes, however many calls are made
        pc.boot()

    @property
    def current(self) -> int:
        """Return the id of the process that runs next; 0 when the idle thread does."""
        return self._thread().pid

    def _thread(self) -> Thread:
        return self.lens.scheduler.current(self.lens.first_cpu)

    def process(self, pid: int) -> Process:
        return self.table[pid]

    def is_alive(self, pid: int) -> bool:
        return self.table[pid].state == ProcessState.ALIVE

    def alive(self) -> list[int]:
        return [each.pid for each in self.table if each.state == ProcessState.ALIVE]

    def thread(self, pid: int) -> Thread:
        assert self.is_alive(pid), f"process {pid} has ended"
        return self.lens.threads.first(self.table[pid].threads)

    def step(self) -> None:
        """Run to the next trap; whoever has made a call then gives way until it is told more."""
        assert self.pc.outcome is Outcome.RUNNING
        pid = self.current
        self.pc.step()
        for each in (pid, *self.waiting):
            self._note_result(each)

    def _note_result(self, pid: int) -> None:
        """Note what came of the call of a process, if it is done; one that waits is done by somebody else."""
        self.waiting.discard(pid)
        if pid and self.is_alive(pid):
            frame = self.thread(pid).frame
            if self.thread(pid).state == ThreadState.WAITING:
                self.waiting.add(pid)
            elif frame.vector == SYSTEM_CALL and register(frame, "ip") == CALLED + self.offset:
                self.results[pid] = self._signed(register(frame, "ax"))
                self.park(pid)

    def _signed(self, value: int) -> int:
        """Return a register's value, read as a signed number."""
        return value - (value >> self.word_bits - 1 << self.word_bits)

    def park(self, pid: int) -> None:
        set_registers(self.thread(pid).frame, ip=CALL + self.offset, ax=Call.YIELD)

    def run(self, pid: int) -> None:
        """Let others have their turn until it is a process's."""
        for _ in range(2000):
            if self.current == pid:
                return
            self.step()
        raise AssertionError(f"process {pid} never runs")

    def begin(self, pid: int, ip: int, ax: int, *arguments: int, cx: int = 0) -> None:
        """Put a request into a process's trap frame, and let it be the next to run."""
        self.run(pid)
        if ip == CALL and ax in CARRIERS:
            arguments = carried(*arguments)
        bx, si, di, bp, dx = (*(each & (1 << self.word_bits) - 1 for each in arguments), 0, 0, 0, 0, 0)[:5]
        set_registers(self.thread(pid).frame, ip=ip + self.offset, ax=ax, cx=cx, bx=bx, si=si, di=di, bp=bp, dx=dx)
        self.results.pop(pid, None)

    def finish(self, pid: int) -> int:
        """Run until a process has made its request; return the result.  Raises: Died; Blocked."""
        while pid not in self.results:
            if not self.is_alive(pid):
                raise Died
            if self.thread(pid).state in (ThreadState.WAITING, ThreadState.SLEEPING):
                raise Blocked
            self.step()
        return self.results.pop(pid)

    def call(self, number: int, *arguments: int, pid: int = 1) -> int:
        """Let a process make a system call; return its result.  Raises: Died; Blocked."""
        self.begin(pid, CALL, number, *arguments)
        result = self.finish(pid)
        errors = ERRORS[number] if number in self.known else [UnknownCall.number]
        assert not -255 <= result < 0 or result in errors, "the error is documented"
        return result

    def fork(self, pid: int = 1) -> int:
        """Let a process fork; return the child, which is told nothing yet."""
        child = self.call(Call.FORK, pid=pid)
        if child > 0:
            frame = self.thread(child).frame
            assert register(frame, "ax") == 0 and register(frame, "ip") == CALLED + self.offset
            self.park(child)
        return child

    def read(self, address: int, pid: int = 1) -> int:
        """Let a process read a byte.  Raises: Died."""
        self.begin(pid, READ_BYTE, Call.GETPID, address)
        self.finish(pid)
        return register(self.thread(pid).frame, "cx") & 0xFF

    def write(self, address: int, value: int, pid: int = 1) -> None:
        """Let a process write a byte.  Raises: Died."""
        self.begin(pid, WRITE_BYTE, Call.GETPID, address, cx=value)
        self.finish(pid)

    def put(self, address: int, content: bytes, pid: int = 1) -> None:
        """Put bytes into a process's memory, which may be written there."""
        for page in range(address // PAGE * PAGE, address + len(content), PAGE):
            self.write(max(page, address), 0, pid)
        for number, byte in enumerate(content):
            self.pc.ram.bytes[(self.frame(address + number, pid) << 12) + (address + number) % PAGE] = byte

    def get(self, address: int, size: int, pid: int = 1) -> bytes:
        """Return what a process has in its memory, which is mapped."""
        places = range(address, address + size)
        return bytes(self.pc.ram.bytes[(self.frame(each, pid) << 12) + each % PAGE] for each in places)

    def put_message(self, address: int, pid: int = 1, **fields: int) -> int:
        """Put the record of a message into a process's memory; return the address."""
        names = [name for name in Message.__annotations__ if name not in ("first", "second", "third", "badge")]
        assert {*fields} <= {*names}
        words, rest = ("<6I", "7I2I") if self.word_bits == 32 else ("<6Q", "7I4x2Q")
        values = [fields.get(name, 0) for name in names]
        self.put(address, struct.pack(words + rest, 0, 0, 0, 0, *values), pid)
        return address

    def regions(self, pid: int = 1) -> list[MemoryRegion]:
        """Return the regions of a process, lowest first."""
        return regions_of(self.lens, self.table[pid].space)

    def entry(self, address: int, pid: int = 1) -> int:
        """Return the page-table entry of a process for an address; 0 when nothing is mapped."""
        return entry_at(self.lens, self.table[pid].space.directory, address)

    def frame(self, address: int, pid: int = 1) -> int:
        """Return the frame that a process has at an address, which is mapped."""
        frame = frame_at(self.lens, self.table[pid].space.directory, address)
        assert frame, f"process {pid} maps nothing at {address:#x}"
        return frame

    def put_file(self, place: int, file: bytes, room: int) -> None:
        """Put a file in the place of a member of the payload, with so much room; the index has its size."""
        self.pc.ram.bytes[place : place + room] = file.ljust(room, b"\xcc")
        payload = self.lens.payload
        member = next(each for each in payload.members if each.start and payload.address(each.start) == place)
        member.size = len(file)

    def check(self) -> None:
        """Check all invariants.  Raises: InvariantBroken."""
        check(self.lens)

    def spare(self) -> tuple[int, int]:
        """Return how many user frames and how many of the kernel zone are neither in use nor promised."""
        counts = self.counts
        user = counts.user_total - self.lens.memory.frames.user_answered()
        return user, counts.kernel_free - counts.kernel_promised

    def used(self) -> tuple[int, int]:
        """Return how many user frames and how many of the kernel zone are in use, but for a stack that is left."""
        counts, left = self.counts, int(self.lens.first_cpu.left_stack != 0)
        return counts.user_total - counts.user_free, counts.kernel_total - counts.kernel_free - left


class DrivenThreads(Driven):
    """A machine whose threads are told what to do, each by its id: wherever `Driven` has a process's."""

    @property
    def current(self) -> int:
        """Return the id of the thread that runs next; 0 when the idle one does."""
        return self._thread().number

    def is_alive(self, number: int) -> bool:
        return self.lens.threads.table[number].state not in (ThreadState.FREE, ThreadState.ENDED)

    def thread(self, number: int) -> Thread:
        assert self.is_alive(number), f"thread {number} has ended"
        return self.lens.threads.table[number]

    def start(self, by: int = 1, argument: int = 0) -> int:
        """Let a thread start another, which is told nothing yet; return it, or the error."""
        made = self.call(Call.THREAD_CREATE, ENTRY + self.offset, STACK + PAGE - 64, argument, pid=by)
        if made > 0:
            self.park(made)
        return made


def driven_threads(*init: str, **options: object) -> DrivenThreads:
    """Return a machine that has booted, with one thread a process, numbered as those are."""
    return _driven(DrivenThreads, init or ("it",), options)


def driven(*init: str, names: bool = False, **options: object) -> Driven:
    """Return a machine that has booted with its processes ready to be told what to do.

    They have no handles: the one that all get, to the endpoint `names`, is dropped unless it is asked for.
    """
    return _driven(Driven if names else without_handles, init or ("it",), options)


def without_handles(pc: SimulatedPc) -> Driven:
    made = Driven(pc)
    if Part.MESSAGES in pc.layout.parts:
        for pid in made.alive():
            assert made.call(Call.DROP, NAMES, pid=pid) == 0
    return made


D = TypeVar("D", bound=Driven)


def _driven(drive: Callable[[SimulatedPc], D], init: tuple[str, ...], options: dict[str, Any]) -> D:
    key = {**options, "programs": tuple((options.get("programs") or {}).items())}
    made: D = again((drive, init, *sorted(key.items())), lambda: drive(make_machine(*init, **options)))
    return made


def with_each_kind_of_memory(*libraries: int, **options: object) -> Driven:
    """Return a machine: `it` (1) has memory of each kind, and its child (3) has written to one page.

    `libraries` are the addresses of the names of those that it loads.
    """
    made = driven("it", "it", **options)
    for name in libraries:
        assert made.call(Call.LOAD_LIBRARY, name) > 0
    assert made.call(Call.MAP, ANYWHERE, 3 * PAGE, 2) == ANYWHERE
    made.write(ANYWHERE, 7)
    made.read(ANYWHERE + PAGE)
    made.call(Call.MALLOC_PAGES, 2)
    assert made.fork() == 3
    made.write(MALLOC, 2, pid=3)
    return made


def blocks(machine: Driven, pid: int, call: int, *arguments: int) -> None:
    """Let a process make a call that waits, and check the kernel then."""
    try:
        result = machine.call(call, *arguments, pid=pid)
    except Blocked:
        machine.check()
    else:
        raise AssertionError(f"the call returns {result} instead of waiting")
