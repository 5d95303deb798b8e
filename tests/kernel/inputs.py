"""Both lives of the kernel under hostile inputs: each is refused or served, and leaves equal RAM without a mistake."""

import random
from collections import Counter
from dataclasses import replace

from keelback.abi.errors import NotALibrary, NotExecutable
from keelback.abi.parts import Part
from keelback.inspect.executables import broken_rule
from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.kernel.boot.boot_parameters import BootParameters
from keelback.kernel.boot.header import ImageHeader
from keelback.kernel.layout import OTHER_PAGING, TEACHING, USERMODE, Layout
from keelback.kernel.loading.elf_file import Rule
from keelback.kernel.processes.threads import ThreadState
from keelback.lang import layout_of
from keelback.machine.compare import Comparison
from keelback.machine.observed import Outcome
from keelback.machine.simulated.boot_loader import COMMAND_LINE, write_parameters
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.pc import SimulatedPc
from kernel.driven import (
    ARGUMENT,
    BSS,
    BSS_PAGES,
    LIBRARY,
    LIVES,
    NAME,
    PAGE,
    SMALL,
    Blocked,
    Call,
    Died,
    Driven,
    driven,
    make_machine,
    program_of,
)
from kernel.hostile import (
    hostile_call,
    hostile_command_line,
    hostile_elf,
    hostile_map,
    hostile_payload,
    hostile_pointer,
)
from support import MIB

LAYOUTS = (
    SMALL,
    replace(USERMODE, processes=8),
    *(replace(each, processes=8, threads=8) for each in OTHER_PAGING),
    TEACHING,
)
WITH_PROGRAMS = [each for each in LAYOUTS if Part.STARTING in each.parts]
"""Those whose processes start programs, and load libraries."""
MEMORY = {"microkernel": 4 * MIB, "usermode": 10 * MIB, "teaching": 2 * MIB}
SLOT = 16 * 1024
"""Bytes of the payload's member that each hostile file is put into."""
MOST_STEPS = 40


class Files:
    """A pair of machines, whose first process is asked to start or to load one hostile file after the other."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        slot = {"libit": bytes.fromhex("a55a") * (SLOT // 2)}
        memory = MEMORY[layout.name]
        self.lives = [
            driven("it", "it", life=life, layout=layout, memory=memory, programs=slot, check=False) for life in LIVES
        ]
        self.places = [each.pc.ram.contents.find(slot["libit"]) for each in self.lives]
        self.comparison = Comparison(self.lives[0].pc, self.lives[1].pc)
        self.outcomes: Counter[str] = Counter()

    def try_one(self, draw: random.Random) -> None:
        """Spawn, execute or load a hostile file, use it for a while, and end whoever does."""
        call = draw.choice((Call.SPAWN, Call.SPAWN, Call.EXEC, Call.LOAD_LIBRARY))
        library = call == Call.LOAD_LIBRARY
        file = hostile_elf(draw, self.layout, library=library, most=SLOT)
        self._put(file)
        results = [self._use(each, call) for each in self.lives]
        self.equal(f"{call.name} of {file[:400].hex()}")
        assert results[0] == results[1]
        for each in self.lives:
            each.check()
            assert each.alive() == [1, 2]
        rule = broken_rule(file, self.layout) if not library else self.lives[0].lens.loader.file.image.broken
        assert (rule != Rule.NONE) == (results[0] in (NotExecutable.number, NotALibrary.number)), (rule, results)
        self.outcomes[rule.name] += 1

    def _put(self, file: bytes) -> None:
        for each, place in zip(self.lives, self.places, strict=True):
            each.put_file(place, file, SLOT)
            each.pc.processor.forget_code(place, SLOT)

    def _use(self, machine: Driven, call: Call) -> int:
        name, argument = LIBRARY + machine.offset, ARGUMENT + machine.offset
        if call == Call.SPAWN:
            return self._started(machine, machine.call(call, name, argument))
        if call == Call.LOAD_LIBRARY:
            address = machine.call(call, name)
            if address > 0:
                machine.read(address)
                assert machine.call(Call.UNLOAD_LIBRARY, address) == 0
            return min(address, 0)
        child = machine.fork()
        try:
            result = machine.call(call, name, argument, pid=child)
        except (Died, Blocked):  # the new program ran, and ended or sleeps
            result = 0
        self._started(machine, child)
        return result

    def _started(self, machine: Driven, child: int) -> int:
        """Let a child that was started run for some traps, and end it; return its id, or the error."""
        for _ in range(4):
            if child > 0 and machine.is_alive(child):
                machine.step()
        if child > 0:
            machine.call(Call.KILL, child)
            machine.call(Call.WAIT, child, 0)
        return min(child, 0)

    def equal(self, after: str) -> None:
        """Check that all RAM that counts is equal.  Raises: AssertionError."""
        difference = self.comparison.difference()
        assert difference is None, f"{difference}, after {after}"


class Calls:
    """A pair of machines, in which children of the first process make system calls with hostile arguments."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        memory = MEMORY[layout.name]
        self.lives = [driven("it", life=life, layout=layout, memory=memory, check=False) for life in LIVES]
        self.comparison = Comparison(self.lives[0].pc, self.lives[1].pc)
        self.outcomes: Counter[str] = Counter()

    def try_one(self, draw: random.Random) -> None:
        """Let a child make some calls, as long as it lives and can; then end it and all that it started."""
        made: list[tuple[int, ...]] = []
        [child] = {each.fork() for each in self.lives}
        offset = self.lives[0].offset
        names, behind = [each + offset for each in (NAME, ARGUMENT, LIBRARY)], BSS + BSS_PAGES * PAGE + offset
        for _ in range(8):
            made.append(hostile_call(draw, self.layout, names, [*names, child, behind, behind + PAGE]))
            outcomes = [self._make(each, child, made[-1]) for each in self.lives]
            difference = self.comparison.difference()
            assert difference is None and outcomes[0] == outcomes[1], f"{difference}, {outcomes}, after {made}"
            self.outcomes[outcomes[0]] += 1
            if not self.lives[0].is_alive(child) or outcomes[0] == "blocked":
                break
        for each in self.lives:
            each.check()
            for pid in each.alive()[1:]:
                each.call(Call.KILL, pid)
            while each.call(Call.WAIT, -1, 0) > 0:
                pass
            assert each.alive() == [1]

    def _make(self, machine: Driven, child: int, call: tuple[int, ...]) -> str:
        before = machine.alive()
        try:
            result = machine.call(*call, pid=child)
        except Died:
            return "died"
        except Blocked:
            return "blocked"
        finally:
            for pid in machine.alive():
                if pid not in before:
                    machine.park(pid)
        asleep = machine.thread(child).state == ThreadState.SLEEPING
        return "blocked" if asleep else str(min(result, 0))


class Boots:
    """Pairs of machines, each booted with a hostile payload, list, command line and memory map."""

    NAMES = ("it", "stop", "odd")

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.outcomes: Counter[str] = Counter()

    def try_one(self, draw: random.Random) -> None:
        """Boot both lives with the same hostile inputs, and run them for some traps."""
        memory = MEMORY[self.layout.name]
        programs = {
            "stop": program_of(base=self.layout.image_base, word_bits=self.layout.paging.word_bits),
            "odd": bytes(SLOT),
        }
        archive = self._payload(draw)
        pcs = [
            make_machine(life=life, layout=self.layout, memory=memory, programs=programs, check=False) for life in LIVES
        ]
        line = hostile_command_line(draw, list(self.NAMES)) if draw.random() < 0.7 else b""
        entries = hostile_map(draw, self.layout, memory)
        odd_line, odd_page = (hostile_pointer(draw, memory) if draw.random() < 0.15 else None for _ in range(2))
        for pc in pcs:
            self._give(pc, archive, line)
            if isinstance(pc, CompiledPc):
                pc.processor.engine.add_absent(1 << 32)
            write_parameters(pc.ram, tuple(entries), "?" if line else "")
            pc.ram.bytes[COMMAND_LINE : COMMAND_LINE + len(line) + 1] = line + b"\0"
            self._point(pc, odd_line, odd_page)
        self._run(pcs, f"{line!r} at {odd_line}, {entries} at {odd_page}, {archive[:512]!r}")

    def _good(self) -> bytes:
        return program_of(base=self.layout.image_base, word_bits=self.layout.paging.word_bits)

    def _payload(self, draw: random.Random) -> bytes:
        files = {
            "it": self._good(),
            "stop": hostile_elf(draw, self.layout, library=False, most=SLOT),
        }
        files["odd"] = draw.randbytes(100)
        return hostile_payload(draw, files, SLOT)

    def _give(self, pc: SimulatedPc, archive: bytes, line: bytes) -> None:
        """Put a payload into RAM instead of the image's, which is as long or longer."""
        assert len(archive) <= pc.header.payload_size
        start = pc.header.payload
        pc.ram.bytes[start : start + pc.header.payload_size] = archive.ljust(pc.header.payload_size, b"\0")
        size = layout_of(ImageHeader).field("payload_size").offset + pc.layout.kernel_start
        pc.ram.bytes[size : size + 4] = len(archive).to_bytes(4, "little")

    def _point(self, pc: SimulatedPc, line: int | None, page: int | None) -> None:
        """Let the command line, or the boot parameters, be said to lie somewhere else."""
        if line is not None:
            place = pc.parameters + layout_of(BootParameters).field("command_line").offset
            pc.ram.bytes[place : place + 4] = line.to_bytes(4, "little")
        if page is not None:
            pc.parameters = page

    def _run(self, pcs: list[SimulatedPc], given: str) -> None:
        comparison = Comparison(pcs[0], pcs[1])
        for step in (SimulatedPc.bring_up, SimulatedPc.begin, *[SimulatedPc.step] * MOST_STEPS):
            for pc in pcs:
                step(pc)
            difference = comparison.difference()
            assert difference is None, f"{difference}, given {given}"
        if pcs[0].outcome is not Outcome.REFUSED:
            check(look(self.layout, pcs[0].ram.contents))
        self.outcomes[pcs[0].outcome.name] += 1


KINDS = {Files: WITH_PROGRAMS, Calls: LAYOUTS, Boots: LAYOUTS}
"""The kernels that each kind of input is for."""
