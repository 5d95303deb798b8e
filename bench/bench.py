"""What Keelback costs, measured on this run: `make bench`; some of it: `python bench/bench.py messages --paging PAE`.

All figures are medians: times of several runs in this run's own processes, instructions of many rounds in one run.
Rates are of interpreted kernels without checks.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import commands
import qemu
import watching
from elftools.elf.elffile import ELFFile

from keelback.cli.ours import build_ours
from keelback.compiler import compile_program
from keelback.image.compiled import KERNEL_FLAGS
from keelback.image.images import make_image
from keelback.image.kernel_image import CompiledKernel
from keelback.image.kernels import FOR_SPEED, compiled
from keelback.image.live_kernels import entries_of, kernel_of
from keelback.image.payload import make_payload
from keelback.image.programs import build_programs
from keelback.image.toolchain import TARGETS, compile_c
from keelback.kernel.layout import MICROKERNEL, Layout, with_paging
from keelback.machine.observed import Outcome
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.machine.simulated.pc import SimulatedPc
from keelback.user import RUNTIME

MEMORY = 64 << 20
REPEATS = 5
PROGRAMS = Path(__file__).parent / "programs"
COLUMNS = (MICROKERNEL, with_paging(MICROKERNEL, "PAE"), with_paging(MICROKERNEL, "x86-64"))
"""The kernels whose instructions QEMU counts, each with other page tables."""
MEMORY_FIGURES = {
    "zero": "page of zeros, first write",
    "read": "page never written, first read",
    "table": "page of zeros that needs a page table",
    "map_1": "map, touch and unmap of 1 page",
    "map_64": "map, touch and unmap of 64 pages",
    "touch_many": "page of zeros among 1,000 regions more",
    "change": "map and unmap of a region, untouched",
    "change_many": "... among 1,000 regions more",
    "copy": "copy at a write to a shared page",
    "last": "write by the last holder",
    "round": "fork, exit and wait, small process",
    "fork_slope": "each mapped page more, fork alone",
    "round_slope": "each mapped page more, fork, exit and wait",
    "yield": "yield to another process and back",
    "exec": "fork, exec, exit and wait",
    "spawn": "spawn, exit and wait",
    "last_spawn": "... of the last of 200 files more",
    "malloc": "malloc and free of 64 bytes",
    "malloc_page": "malloc_pages and free_pages of a page",
    "object": "memory object of 1 page: made, mapped, touched, unmapped, freed",
    "object_64": "map, touch and unmap of 64 pages of an object",
}
CROWD_FIGURES = {
    "wake": "a tick that wakes a sleeper, which sleeps again",
    "any": "wait for any child, when one has ended",
    "one": "wait for that child",
    "kill": "kill of a sleeper and wait for it",
    "round": "fork, exit and wait",
}
MESSAGE_FIGURES = {
    "words": "call of another process and its reply, words",
    "bytes_64": "... 64 bytes, and as many back",
    "bytes_4096": "... 4,096 bytes, and words back",
    "signal": "signal, nobody waits",
    "bits": "receive of its bits",
}
LIBRARY_FIGURES = {
    "first_load": "load of a library that no process has",
    "last_unload": "unload of it, which frees it",
    "load": "load of a library that another process has",
    "unload": "unload of it, which others keep",
    "stub": "call of a library's function by its stub",
    "direct": "call of the same function in the program",
}
THREAD_FIGURES = {
    "join": "start, end and join of a thread, its stack kept",
    "fresh_join": "... with a new stack",
    "thread_yield": "yield to another thread and back",
    "pass": "two threads by turns, wake and wait_on of each",
    "wake": "wake where nobody waits",
    "changed": "wait_on of another value",
    "lock": "lock and unlock of a mutex",
    "own": "what is a thread's own, by its key",
}
FIRST_INSTRUCTION = """
from keelback.cli.machines import make_interpreted
from keelback.cli.programs import select
from keelback.kernel.layout import MICROKERNEL
pc = make_interpreted(MICROKERNEL, select(["hello"], MICROKERNEL).payload(), memory=64 << 20)
pc.boot()
pc.step()
"""


def start_up() -> float:
    """Return the seconds from starting a Python process to hello's first trap, its programs built before."""
    build_ours(["hello"], MICROKERNEL.image_base)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", FIRST_INSTRUCTION], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def run(
    programs: dict[str, bytes],
    *lines: str,
    life: type[SimulatedPc] = InterpretedPc,
    kernel: CompiledKernel | None = None,
) -> tuple[float, SimulatedPc]:
    """Return the seconds that the lines took from boot to power-off, and the machine; the median run of several."""
    members = {"etc/init": "".join(line + "\n" for line in lines).encode(), **programs}
    image = make_image(MICROKERNEL, make_payload(members), kernel)
    runs = []
    for _ in range(REPEATS):
        pc = life(MICROKERNEL, image, memory=MEMORY)
        pc.boot()
        start = time.perf_counter()
        assert pc.run() is Outcome.POWERED_OFF
        runs.append((time.perf_counter() - start, pc))
    return sorted(runs, key=lambda each: each[0])[REPEATS // 2]


def compile_times() -> tuple[float, float, int]:
    """Return the seconds from the live kernel to C, and from C to an object file, and the bytes of its text."""
    to_c, to_object, size = [], [], 0
    for _ in range(REPEATS):
        kernel, ram = kernel_of(MICROKERNEL)
        start = time.perf_counter()
        program = compile_program(kernel, ram, entries_of(kernel))
        to_c.append(time.perf_counter() - start)
        with TemporaryDirectory() as directory:
            source = Path(directory, "kernel.c")  # a new place, so that the cache has no answer
            source.write_text(program.c)
            start = time.perf_counter()
            content = compile_c(source)
            to_object.append(time.perf_counter() - start)
        size = ELFFile(BytesIO(content)).get_section_by_name(".text").data_size
    return statistics.median(to_c), statistics.median(to_object), size


def without_checks() -> CompiledKernel:
    """Return the kernel compiled without its checks, which no other use is made of."""
    kernel, ram = kernel_of(MICROKERNEL)
    program = compile_program(kernel, ram, entries_of(kernel))
    with TemporaryDirectory() as directory:
        source = Path(directory, "kernel.c")
        source.write_text(program.c)
        content = compile_c(source, defines={"WITHOUT_CHECKS": 1}, flags=["-w", *KERNEL_FLAGS, *FOR_SPEED])
    return CompiledKernel({"kernel.o": content}, program.sections)


def instructions(programs: dict[str, bytes], kernel: CompiledKernel, name: str, processes: int = 1) -> float:
    """Return the kernel's instructions for one trap of a program, by the difference of a long and a short run."""
    seen = []
    for rounds in (1_000, 11_000):
        _, pc = run(programs, *[f"{name} {rounds}"] * processes, life=CompiledPc, kernel=kernel)
        assert isinstance(pc, CompiledPc)
        seen.append((pc.kernel_instructions, pc.traps))
    return (seen[1][0] - seen[0][0]) / (seen[1][1] - seen[0][1])


Columns = Mapping[Layout, dict[str, bytes]]
"""Kernels, each with the programs that measure it."""


def say_calls(columns: Columns) -> None:
    """Print what the shortest way through a kernel takes, and what a start does."""
    calls, fast, boots = zip(*(qemu.counted(*each) for each in columns.items()), strict=True)
    say_each("QEMU, null system call by int", calls)
    say_each("QEMU, null system call by the fast entry", fast)
    say_each("QEMU, 32-bit entry to a program's main", boots)


def say_memory(columns: Columns) -> None:
    """Print what is done to memory and processes."""
    say_all("QEMU, ", MEMORY_FIGURES, [qemu.memory(*each, 64 << 20) for each in columns.items()])
    rounds = [qemu.memory(*each, 1 << 30)["round"] for each in columns.items()]
    say_each("... with 1 GiB: fork, exit and wait", rounds)


def say_crowds(columns: Columns) -> None:
    """Print what is done to one process beside few others, and beside many."""
    for count in (1, 500):
        figures = [qemu.crowd(*each, count) for each in columns.items()]
        say_all(f"... beside {count} that sleep: ", CROWD_FIGURES, figures)


def say_messages(columns: Columns) -> None:
    """Print what messages take."""
    say_all("QEMU, ", MESSAGE_FIGURES, [qemu.messages(*each) for each in columns.items()])


def say_libraries(columns: Columns) -> None:
    """Print what libraries take."""
    say_all("QEMU, ", LIBRARY_FIGURES, [qemu.libraries(*each) for each in columns.items()])


def say_threads(columns: Columns) -> None:
    """Print what threads take."""
    say_all("QEMU, ", THREAD_FIGURES, [qemu.threads(*each) for each in columns.items()])


GROUPS: dict[str, Callable[[Columns], None]] = {
    "calls": say_calls,
    "memory": say_memory,
    "crowds": say_crowds,
    "messages": say_messages,
    "libraries": say_libraries,
    "threads": say_threads,
}
"""What is counted on QEMU, by what it is called on the command line."""


def main() -> None:
    """Print all figures, or those of some groups, of all page tables or some."""
    parser = argparse.ArgumentParser(description="Measure Keelback.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    schemes = [each.paging.name for each in COLUMNS]
    parser.add_argument(
        "--paging",
        action="append",
        choices=schemes,
        type=lambda name: {each.lower(): each for each in schemes}.get(name.lower(), name),
        help="may be given more than once",
    )
    chosen = parser.parse_args()
    if unknown := [each for each in chosen.groups if each not in GROUPS]:
        parser.error(f"there is no group {unknown[0]}; there are {', '.join(GROUPS)}")
    sources = sorted(PROGRAMS.glob("*.c"))
    columns = {
        each: build_programs(
            sources, runtime=RUNTIME, image_base=each.image_base, target=TARGETS[each.paging.word_bits]
        )
        for each in COLUMNS
        if each.paging.name in (chosen.paging or schemes)
    }
    if not chosen.groups and MICROKERNEL in columns:
        say_host(columns[MICROKERNEL])
    say("instructions, by page tables", "".join(f"{each.paging.name:>12}" for each in columns))
    for name in chosen.groups or GROUPS:
        GROUPS[name](columns)


def say_host(programs: dict[str, bytes]) -> None:
    """Print what depends on this machine, and what the simulated PC counts."""
    for typed, seconds in commands.rows():
        say(typed, f"{seconds:.2f} s")
    say("start to first user instruction, programs built", f"{start_up():.2f} s")
    interpreted, _ = run(programs, "calls 30000")
    say("interpreted null system calls", f"{30000 / interpreted:,.0f} /s")
    seconds, _ = run(programs, "yields 10000", "yields 10000")
    say("interpreted yields with a switch of spaces", f"{20000 / seconds:,.0f} /s")
    seconds, _ = run(programs, *["calls 1"] * 50)
    say("interpreted exits, all memory freed", f"{50 / seconds:,.0f} /s")
    seconds, pc = run(programs, "spin 20000000")
    say("user instructions, in registers", f"{pc.time / seconds / 1e6:,.1f} million/s")
    seconds, pc = run(programs, "walk 500")
    say("user instructions, loads and stores", f"{pc.time / seconds / 1e6:,.1f} million/s")
    to_c, to_object, size = compile_times()
    say("the kernel compiled, Python to C", f"{to_c:.2f} s")
    say("the kernel compiled, C to machine code", f"{to_object:.2f} s")
    say("the kernel's text", f"{size:,} bytes")
    kernel, unchecked = compiled(MICROKERNEL), without_checks()
    calls, yields = (instructions(programs, kernel, name, count) for name, count in (("calls", 1), ("yields", 2)))
    say("compiled null system call", f"{calls:.1f} instructions")
    say("compiled yield with a switch of spaces", f"{yields:.1f} instructions")
    calls, yields = (instructions(programs, unchecked, name, count) for name, count in (("calls", 1), ("yields", 2)))
    say("... without checks: null system call", f"{calls:.1f} instructions")
    say("... without checks: yield", f"{yields:.1f} instructions")
    seconds, _ = run(programs, "calls 30000", life=CompiledPc, kernel=kernel)
    say("compiled null system calls, simulated PC", f"{30000 / seconds:,.0f} /s")
    say("compiled to interpreted system calls", f"{interpreted / seconds:.2f} times")
    for what, figure in watching.rows():
        say(what, figure)
    say("QEMU, start to a program's first output", f"{qemu.first_output(MICROKERNEL, programs):.2f} s")


def say_all(start: str, names: Mapping[str, str], columns: Sequence[Mapping[str, int]]) -> None:
    """Print the figures of instructions that have names, of each kind of page tables."""
    for name, what in names.items():
        say_each(start + what, [figures[name] for figures in columns])


def say_each(what: str, figures: Iterable[int]) -> None:
    """Print a figure of instructions for each kind of page tables."""
    say(what, "".join(f"{each:>12,}" for each in figures))


def say(what: str, figure: str) -> None:
    """Print one figure."""
    print(f"{what:<50} {figure:>24}", flush=True)


if __name__ == "__main__":
    main()
