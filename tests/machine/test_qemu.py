"""QEMU: the image boots there as on the simulated PC, whatever memory and CPU it is given, or says why not."""

import os
import re
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from types import SimpleNamespace

import pytest
from elftools.elf.elffile import ELFFile

import keelback.machine.qemu.qemu
from cli.test_run import command
from keelback.cli.commands.run import RunOptions
from keelback.cli.libraries import payload_libraries
from keelback.cli.ours import build_ours
from keelback.cli.run import run_programs
from keelback.cli.sources import our_programs
from keelback.errors import UserError
from keelback.image.host_tools import install_line
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.linked import make_symbols
from keelback.image.payload import make_payload
from keelback.image.toolchain import TARGETS
from keelback.inspect.lens import look
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64, OTHER_PAGING, USERMODE, with_paging
from keelback.kernel.processes.processes import Ending, ProcessState
from keelback.lang import text_of
from keelback.machine.observed import Outcome
from keelback.machine.qemu import qemu
from keelback.machine.qemu.qemu import WAIT, Medium, Qemu, Verdict
from keelback.machine.qemu.qmp import QemuError
from keelback.machine.simulated.boot_loader import BiosEntry
from keelback.machine.simulated.compiled import CompiledPc
from support import MIB, c_program, code_program, sliced, some_of, stack_frame
from variants import VARIANTS, name_of

GIB = 1 << 30
WHITE_ON_RED = 0x4F
MEMORY = 16 * MIB
COUNTING_FRAMES = (
    "frames",
    "bomb",
    "bomb.py",
    "mallocs",
    "mallocs.py",
    "libraries",
    "allocator",
    "allocator.py",
    "fork",
    "forkexit",
    "forkexit.py",
    "joins",
)
"""Programs that say or expect what depends on how much memory the others have at that moment."""
ARGUMENTS = {"primes": "500", "primes.py": "500", "sleeper": "1"}


@cache
def programs(layout=MICROKERNEL):
    """Return all programs, in C and in Kernel Python, by name."""
    return build_ours(our_programs(), layout.image_base, TARGETS[layout.paging.word_bits])


def image_of(*lines, files=None, layout=MICROKERNEL):
    files = programs(layout) | payload_libraries(TARGETS[layout.paging.word_bits]) if files is None else files
    members = {"etc/init": "".join(line + "\n" for line in lines).encode(), **files}
    return make_image(layout, make_payload(members), compiled(layout))


@dataclass
class Ended:
    """What a machine left."""

    verdict: Verdict
    console: str
    kernel: Kernel
    ram: object


def boot(image, *, memory=MEMORY, layout=MICROKERNEL, **options):
    """Run an image on QEMU to its end."""
    with Qemu(make_image_file(layout, image), memory=memory, **options) as machine:
        verdict = machine.wait()
        return Ended(verdict, machine.console.decode("ascii"), look(layout, machine.ram), machine.ram)


def simulated(image, kernel, memory=MEMORY):
    """Run an image on a simulated PC that has the BIOS memory map of another machine; return it."""
    map = kernel.memory.bios_map.table
    entries = [
        BiosEntry(each.base_low | each.base_high << 32, each.size_low | each.size_high << 32, each.type) for each in map
    ]
    pc = CompiledPc(kernel.layout, image, memory=memory, memory_map=tuple(entries))
    pc.boot()
    assert pc.run() is Outcome.POWERED_OFF
    return pc


def endings(kernel):
    """Return how every process ended, as the records say."""
    found = []
    for process in kernel.processes.table:
        if process.state != ProcessState.FREE:
            fault = process.fault
            told = (fault.vector, fault.error, fault.address, fault.access, fault.instruction)
            found.append((process.pid, text_of(process.name), process.ending, process.exit_status, told))
    return found


# Programs.


AT_ONCE = {"fork"}
"""Their processes work at the same time: which of them comes first depends on when the timer ticks."""


@pytest.mark.parametrize("name", sliced(our_programs(), 4))
def test_a_program_says_and_ends_as_on_the_simulated_pc(name):
    image = image_of(f"{name} {ARGUMENTS.get(name, '')}".strip())
    there = boot(image)
    here = simulated(image, there.kernel)
    assert there.verdict is Verdict.DONE
    order = sorted if name in AT_ONCE else list
    assert order(there.console.splitlines(True)) == order(here.console.decode("ascii").splitlines(True))
    assert endings(there.kernel) == endings(here.kernel) and len(endings(here.kernel)) == 1


@pytest.mark.parametrize("layout", some_of(VARIANTS, [MICROKERNEL_64]), ids=name_of)
def test_all_programs_together_end_as_on_the_simulated_pc(layout):
    """Which numbers children get, and what is free at a moment, depends on when the timer ticks.

    There is memory for all at once.  In long mode `sysenter` is invalid on a CPU of AMD's, and QEMU's error codes have
    a vector twice as large.
    """
    together = [name for name in programs() if name not in COUNTING_FRAMES]
    image = image_of(*(f"{name} {ARGUMENTS.get(name, '')}".strip() for name in together), layout=layout)
    there = boot(image, memory=4 * MEMORY, layout=layout, cpu="max,-smap,vendor=GenuineIntel")
    here = simulated(image, there.kernel, 4 * MEMORY)
    assert there.verdict is Verdict.DONE
    assert endings(there.kernel) == endings(here.kernel)
    assert len(endings(here.kernel)) == len(together) > 16
    assert sum(ending == Ending.FAULTED for _, _, ending, _, _ in endings(there.kernel)) == 7
    badly = {name for _, name, ending, status, _ in endings(there.kernel) if ending == Ending.EXITED and status}
    assert badly == set()
    assert there.kernel.memory.frames.counts.user_free == here.kernel.memory.frames.counts.user_free
    texts = (there.console, here.console.decode("ascii"))
    one, other = (sorted(re.sub(r"process \d+|, error code 0x\w+2,|[ \n]", "", text)) for text in texts)
    assert one == other


LONG_TICKS = ("-icount", "shift=0,sleep=off")
"""10,000,000 instructions each, so that none comes while these programs run."""


def test_programs_that_only_yield_take_the_same_turns():
    image = image_of("hello you", "ping 7", "pong 5", "hello.py", "ping.py 3", "pong.py 9", "hello")
    there = boot(image, arguments=LONG_TICKS)
    here = simulated(image, there.kernel)
    assert there.console == here.console.decode("ascii") and there.console.count("\n") == 1 + 3 + 24
    assert endings(there.kernel) == endings(here.kernel)


def test_no_text_is_lost_when_programs_take_turns():
    there = boot(image_of("ping 40", "pong 40"))
    for name in ("ping", "pong"):
        assert there.console.count(name) == 40
    assert there.verdict is Verdict.DONE


def test_the_timer_ends_the_turn_of_a_program_that_never_would():
    files = {"spin": code_program("ebfe"), "exit": code_program("b803000000 bb03000000 cd80")}
    with Qemu(make_image_file(MICROKERNEL, image_of("spin", "exit", files=files)), memory=MEMORY) as machine:
        kernel, end = look(MICROKERNEL, machine.ram), time.monotonic() + WAIT
        while kernel.processes.table[2].state != ProcessState.ZOMBIE:
            assert time.monotonic() < end
            time.sleep(0.01)
        machine.command("stop")
        assert kernel.processes.table[1].state == ProcessState.ALIVE
        assert kernel.processes.table[2].exit_status == 3 and kernel.timer.clock.ticks >= 1


# Memory.

SIZES = {"16M": 16 * MIB, "64M": 64 * MIB, "1G": GIB, "3.5G": 7 * GIB // 2, "6G": 6 * GIB}


MACHINES = {size: (memory, MICROKERNEL) for size, memory in SIZES.items()}
MACHINES |= {f"{size} usermode": (SIZES[size], USERMODE) for size in ("16M", "6G")}
MACHINES |= {f"{size} PAE": (SIZES[size], with_paging(MICROKERNEL, "PAE")) for size in ("16M", "6G")}


@pytest.mark.parametrize("machine", sliced(MACHINES, 3))
def test_memory_is_laid_out_in_order_whatever_the_machine_has(machine):
    memory, layout = MACHINES[machine]
    ended = boot(image_of("hello", "ping", layout=layout), memory=memory, layout=layout)
    assert ended.verdict is Verdict.DONE and "hello: I am process 1\n" in ended.console
    kernel, low = ended.kernel, min(memory, len(ended.ram))
    bounds, header = kernel.memory.bounds, kernel.memory.header
    order = [
        layout.kernel_start, layout.text_end, layout.records_end, bounds.kernel_top, bounds.bios_map, bounds.kernel_map,
        bounds.heap, kernel.memory.heap.bounds.next, bounds.stack, bounds.zone, bounds.region_top,
    ]  # fmt: skip
    assert order == sorted(order) and bounds.region_top <= layout.region_limit and bounds.region_top <= low
    assert bounds.kernel_top >= header.payload + header.payload_size and bounds.kernel_top == bounds.bios_map
    assert bounds.zone == bounds.stack, "programs ran, so the boot stack is free memory"
    directory, stack = kernel.spaces.kernel.directory, stack_frame(kernel, 0)
    assert (stack + 1 << 12 == layout.records_end) == layout.one_stack, "the entry stack, for all threads"
    allocated = [frame << 12 for frame in ([directory] if layout.one_stack else [directory, stack])]
    assert all(bounds.zone <= address < bounds.region_top for address in allocated), "initial page allocations"
    end = kernel.memory.kernel_map.end() << 12
    top = low if memory == low or layout.physical_limit <= 4 * GIB else 4 * GIB + memory - low
    assert top - MIB < end <= top, "all that the layout may use but what the BIOS keeps"
    limit = layout.physical_limit
    ignored = f"keelback: memory from {limit:#x} on is beyond what this layout uses; ignored\n"
    assert (ignored in ended.console) == (memory > top)
    assert len(kernel.memory.frames.table) == end >> 12
    usable = sum(each.size_low | each.size_high << 32 for each in kernel.memory.bios_map.table if each.type == 1)
    assert memory - 2 * MIB < usable <= memory, "the map is QEMU's own"


FILLING = """
int main(const char *argument)
{
    struct frame_counts counts;
    sys_frame_counts(&counts);
    uint32_t count = counts.user_free - 16, wrong = 0, *words = sys_map(NULL, count * 4096, CAN_WRITE);

    for (uint32_t page = 0; page < count; page++)
        words[page * 1024] = words[page * 1024 + 1023] = page * 2654435761u;
    for (uint32_t page = 0; page < count; page++)
        wrong += words[page * 1024] != page * 2654435761u || words[page * 1024 + 1023] != page * 2654435761u;
    sys_frame_counts(&counts);
    print_unsigned(count);
    print(" pages, wrong: ");
    print_unsigned(wrong);
    print("\\n");
    return counts.user_free > 16;
}"""


def test_memory_above_four_gib_holds_what_is_written_there():
    low, layout = 16 * MIB, with_paging(MICROKERNEL, "PAE")
    image = image_of("filling", files={"filling": c_program(FILLING)}, layout=layout)
    ended = boot(image, memory=40 * MIB, layout=layout, arguments=("-machine", f"max-ram-below-4g={low}"))
    map = ended.kernel.memory.kernel_map
    assert (map.table[map.fill.count - 1].start, map.end()) == (1 << 20, (1 << 20) + (24 * MIB >> 12))
    pages, _, wrong = ended.console.splitlines()[-1].partition(" pages, wrong: ")
    assert (ended.verdict, wrong, process_of(ended, 1).exit_status) == (Verdict.DONE, "0", 0)
    assert int(pages) << 12 > 24 * MIB > low


def process_of(ended, pid):
    return ended.kernel.processes.table[pid]


@pytest.mark.parametrize("memory", [2, 3])
def test_too_little_memory_is_said_and_refused(memory):
    ended = boot(image_of("hello"), memory=memory * MIB)
    assert ended.verdict is Verdict.REFUSED
    start = "keelback: can't start. There is not enough memory: from 0x100000 on it ends at 0x"
    [line] = ended.console.splitlines()
    assert line.startswith(start) and line.endswith(" is needed")
    end, needed = (int(word, 16) for word in line.removeprefix(start[:-2]).removesuffix(" is needed").split(", and "))
    assert end <= memory * MIB and needed > end and needed == ended.kernel.memory.bounds.region_top


def test_the_option_memory_refuses_what_the_machine_would_have():
    ended = boot(image_of("hello"), command_line="memory=2M")
    assert ended.verdict is Verdict.REFUSED and "it ends at 0x200000, and 0x" in ended.console


# CPUs.


@pytest.mark.parametrize("cpu", ["pentium3", "qemu32", "max", "max,-pge", "max,-sse,-fxsr,-mmx,-fpu"])
def test_any_cpu_since_the_pentium_pro_runs_programs(cpu):
    ended = boot(image_of("hello", "null", "divide", "primes 100"), cpu=cpu)
    assert ended.verdict is Verdict.DONE
    assert "hello: I am process 1\n" in ended.console and "primes: 25 primes up to 100\n" in ended.console
    assert [each[2] for each in endings(ended.kernel)] == [Ending.EXITED, Ending.FAULTED, Ending.FAULTED, Ending.EXITED]


NO_CMOV = "keelback: can't start. This CPU can't move by condition (CMOV); a Pentium Pro or later is needed."
NO_PAE = "keelback: can't start. This CPU has no PAE page tables; a kernel with those of i386 is needed."
NO_LONG_MODE = (
    "keelback: can't start. This CPU has no 64-bit mode; a kernel with the page tables of i386 or PAE is needed."
)
NO_CPUID = "keelback: can't start. This CPU has no CPUID instruction; a Pentium Pro or later is needed."


@pytest.mark.parametrize("cpu", ["486", "pentium", "max,-cmov"])
def test_a_cpu_that_lacks_what_compiled_code_needs_is_refused(cpu):
    ended = boot(image_of("hello"), cpu=cpu)
    assert (ended.verdict, ended.console) == (Verdict.REFUSED, NO_CMOV + "\r\n")


@pytest.mark.parametrize(
    "layout", some_of(OTHER_PAGING, [each for each in OTHER_PAGING if each.name == "microkernel"]), ids=name_of
)
def test_a_cpu_without_pae_is_refused_in_a_line_by_what_needs_it(layout):
    ended = boot(image_of("hello", layout=layout), layout=layout, cpu="max,-pae,-lm")
    needed = NO_PAE if layout.paging.word_bits == 32 else NO_LONG_MODE
    assert (ended.verdict, ended.console) == (Verdict.REFUSED, needed + "\r\n")


def test_a_cpu_without_pae_runs_what_does_not_need_it():
    assert boot(image_of("hello"), cpu="max,-pae").verdict is Verdict.DONE


def without_cpuid():
    """Return an image that finds no CPUID flag, as on a CPU that has none: it tries to change another bit."""
    image = bytearray(image_of("hello"))
    flag = b"\x35" + struct.pack("<I", 1 << 21)
    assert image.count(flag) == 1
    place = image.index(flag)
    image[place : place + 5] = b"\x35" + struct.pack("<I", 1 << 1)
    return bytes(image)


def test_a_cpu_without_cpuid_is_refused_on_both_machines():
    image = without_cpuid()
    ended = boot(image)
    assert (ended.verdict, ended.console) == (Verdict.REFUSED, NO_CPUID + "\r\n")
    pc = CompiledPc(MICROKERNEL, image, memory=MEMORY)
    pc.boot()
    assert (pc.outcome, pc.console.decode()) == (Outcome.REFUSED, NO_CPUID + "\r\n")
    assert bytes(pc.ram.bytes[SCREEN : SCREEN + 2 * len(NO_CPUID)]) == b"".join(
        bytes([each, 0x4F]) for each in NO_CPUID.encode()
    )


# The screen, on a machine without the device by which emulators end.


@pytest.fixture
def stays_on(monkeypatch):
    monkeypatch.setattr(keelback.machine.qemu.qemu, "DEBUG_EXIT", 0x1E0)


def screen_bytes(machine):
    """Return what is in a machine's text memory: characters, each with its attribute behind it."""
    file = machine.folder / "screen"
    machine.command("pmemsave", val=SCREEN, size=4000, filename=str(file))
    return file.read_bytes()


def screen_of(machine):
    """Return the characters and the attributes on a machine's screen."""
    content = screen_bytes(machine)
    return content[::2].decode("cp437"), set(content[1::2])


def read_to(machine, end):
    """Return what the serial line sends up to a text."""
    text, limit = b"", time.monotonic() + WAIT
    while end not in text:
        assert select.select([machine.process.stdout], [], [], limit - time.monotonic())[0], text
        text += os.read(machine.process.stdout.fileno(), 4096)
    return text.decode("ascii")


def rows(*lines):
    return "".join(line.ljust(80) for line in lines).ljust(2000)


@pytest.mark.parametrize(
    ("paging", "cpu", "line"),
    [
        ("i386", "486", NO_CMOV),
        ("PAE", "pentium3,-pae", NO_PAE),
        ("x86-64", "pentium", NO_CMOV),
        ("x86-64", "qemu32", NO_LONG_MODE),
    ],
)
def test_a_refused_cpu_is_told_on_the_screen_too(stays_on, paging, cpu, line):
    layout = with_paging(MICROKERNEL, paging)
    with Qemu(make_image_file(layout, image_of("hello", layout=layout)), memory=MEMORY, cpu=cpu) as machine:
        assert read_to(machine, b"\n") == line + "\r\n"
        content, _ = screen_of(machine)
        assert content.startswith(line)
        assert set(screen_bytes(machine)[1 : 2 * len(line) : 2]) == {WHITE_ON_RED}


def test_the_console_is_on_the_screen_too(stays_on):
    with Qemu(make_image_file(MICROKERNEL, image_of("hello", "ping 2")), memory=MEMORY) as machine:
        text = read_to(machine, b"ping 2\n")
        assert screen_of(machine) == (rows(*text.splitlines()), {7})


def test_console_serial_leaves_the_screen_to_the_bios(stays_on):
    with Qemu(
        make_image_file(MICROKERNEL, image_of("ping 2")), memory=MEMORY, command_line="console=serial"
    ) as machine:
        read_to(machine, b"ping 2\n")
        assert "ping" not in screen_of(machine)[0] and "SeaBIOS" in screen_of(machine)[0]


def test_console_screen_leaves_the_serial_line_silent(stays_on):
    with Qemu(
        make_image_file(MICROKERNEL, image_of("ping 2")), memory=MEMORY, command_line="console=screen"
    ) as machine:
        end = time.monotonic() + WAIT
        while "HLT=1" not in machine.monitor("info registers") or "ping 2" not in screen_of(machine)[0]:
            assert time.monotonic() < end
            time.sleep(0.02)
        assert screen_of(machine)[0].rstrip().split()[-4:] == ["ping", "1", "ping", "2"]
        assert not select.select([machine.process.stdout], [], [], 0)[0]


# Verdicts and mistakes.


def test_a_triple_fault_is_a_reset():
    image = bytearray(image_of("hello"))
    elf = ELFFile(BytesIO(make_symbols(MICROKERNEL, compiled(MICROKERNEL))))
    [symbol] = elf.get_section_by_name(".symtab").get_symbol_by_name("kernel_trap")
    place = symbol["st_value"] - MICROKERNEL.kernel_start
    image[place : place + 8] = bytes.fromhex("6a00 6a00 0f011c24")  # push $0, push $0, lidt (%esp)
    image[place + 8 : place + 10] = bytes.fromhex("0f0b")
    assert boot(bytes(image)).verdict is Verdict.RESET


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_machine_that_is_ended_from_outside_was_stopped(number):
    with Qemu(make_image_file(MICROKERNEL, image_of("hello")), memory=MEMORY, arguments=["-S"]) as machine:
        machine.command("query-status")
        machine.process.send_signal(number)
        assert machine.wait() is Verdict.STOPPED


def test_warnings_of_qemu_are_no_failure_of_its_own():
    """QEMU tells about features that it can't emulate; a silent serial line is no sign that it did not start."""
    ended = boot(image_of("hello"), cpu="Skylake-Client", command_line="console=screen")
    assert (ended.verdict, ended.console) == (Verdict.DONE, "")
    assert endings(ended.kernel)[0][2] == Ending.EXITED


def test_nothing_is_left_behind():
    with Qemu(make_image_file(MICROKERNEL, image_of("hello")), memory=MEMORY, arguments=["-S"]) as machine:
        assert machine.command("query-status")["status"] == "prelaunch" and machine.folder.is_dir()
        with pytest.raises(QemuError, match="QEMU refuses fly: The command fly has not been found"):
            machine.command("fly")
    assert machine.process.returncode == -signal.SIGKILL and not machine.folder.exists()


def test_without_qemu_the_line_to_type_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "")
    message = f"there is no qemu-system-x86_64 on this machine: {install_line('qemu-system-x86_64')}"
    with pytest.raises(QemuError, match=message):
        Qemu(b"", memory=MEMORY)
    with pytest.raises(UserError, match=message):
        run("hello", cpu="max")


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("#!/bin/sh\nexit 1", "QEMU ended before its qmp server could be reached, with status 1: {}"),
        ("#!/bin/sh\nexit 3", "QEMU ended before its qmp server could be reached, with status 3: {}"),
        ("#!/bin/sh\necho nonsense; exit 77", "QEMU did not start: status 77"),
        ("#!/bin/sh\necho one >&2; echo 'no luck' >&2; exit 1", "QEMU did not start: no luck"),
        ("#!/bin/sh\nexec sleep 60", "QEMU did not start: its qmp server was not there within 1 seconds"),
        ("nonsense", "QEMU did not start: {}: Exec format error"),
    ],
)
def test_a_program_that_is_no_qemu_is_one_line(monkeypatch, tmp_path, program, says):
    (tmp_path / "qemu-system-x86_64").write_text(program)
    (tmp_path / "qemu-system-x86_64").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(qemu, "WAIT", 1)
    with pytest.raises(QemuError) as refused:
        run("hello", cpu="max")
    assert str(refused.value) == says.format(tmp_path / "qemu-system-x86_64")


KEPT = []
"""The other sides of connections."""
GREETING = '{"QMP": {}}'


def connected_to(*lines):
    """Return a connection to a server that says some lines, whatever it is asked, and ends."""
    ours, theirs = socket.socketpair()
    theirs.sendall("".join(f"{line}\n" for line in lines).encode())
    theirs.shutdown(socket.SHUT_WR)
    KEPT.append(theirs)
    return ours


@pytest.mark.parametrize("line", ["nonsense", "7", '{"error": 1}', '{"error": {}}', "\x1b[31m", "[" * 90_000])
@pytest.mark.parametrize("before", [[], [GREETING]], ids=["at first", "behind a greeting"])
def test_a_monitor_that_answers_nonsense_is_one_line(monkeypatch, line, before):
    with Qemu(bytes(512), memory=MEMORY, medium=Medium.DISK, arguments=["-S"]) as machine:
        monkeypatch.setattr(machine, "connect", lambda _name: connected_to(*before, line))
        with pytest.raises(QemuError, match=r"^QEMU (does not answer|refuses) \S+") as refused:
            machine.command("cont")
        assert str(refused.value).isprintable() and len(str(refused.value)) < 200
        monkeypatch.setattr(qemu, "WAIT", 0.1)
        monkeypatch.setattr(machine, "connect", lambda _name: connected_to(GREETING))
        with pytest.raises(QemuError, match="^QEMU does not answer cont"):
            machine.command("cont")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cpu": "nonesuch"}, "QEMU did not start: qemu-system-x86_64: unable to find CPU model 'nonesuch'"),
        ({"arguments": ["-nonesuch"]}, "QEMU did not start: qemu-system-x86_64: -nonesuch: invalid option"),
    ],
)
def test_what_qemu_refuses_is_told_in_its_own_words(options, says):
    with pytest.raises(QemuError) as caught:
        boot(image_of("hello"), **options)
    assert str(caught.value) == says


# The command.


def run(*words, memory=MEMORY, cpu=None, command_line=""):
    return run_programs(words, RunOptions(on_qemu=True, memory=memory, cpu=cpu, command_line=command_line))


def test_the_command_runs_programs_on_qemu():
    done = command("run", "--machine", "qemu", "--memory", "16M", "hello you", "ping 2")
    assert done.returncode == 0 and done.stderr == ""
    assert "hello: I am process 1, and I was told: you\n" in done.stdout and "ping 2\n" in done.stdout
    assert "1  hello    exited with status 0" in done.stdout and ", of which 0 used and" in done.stdout


def test_a_host_without_prctl_runs_qemu_too(monkeypatch, capfd):
    monkeypatch.setattr(qemu, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(qemu, "end_with_parent", None)
    assert run("hello") == 0 and "hello: I am process 1" in capfd.readouterr().out


def test_a_program_that_dies_is_status_1(capfd):
    assert run("null", "hello") == 1
    said = capfd.readouterr()
    assert "killed: page fault, read of 0x00000000, not mapped" in said.out and "at null.c:12 in main, 0x" in said.out
    assert said.err == ""


def test_a_kernel_that_can_t_start_is_status_1_with_its_reason(capfd):
    assert run("hello", cpu="486") == 1
    said = capfd.readouterr()
    assert NO_CMOV in said.out and said.err == "keelback: the kernel could not start: the console says why\n"


def test_the_command_line_reaches_the_kernel(capfd):
    assert run("hello", "null", command_line='init="ping 3" quiet') == 0
    said = capfd.readouterr().out
    assert "keelback: option quiet is unknown; ignored\nping 1\nping 2\nping 3\n" in said
    assert "  ping     exited with status 0" in said and "hello" not in said


def test_init_of_an_unknown_program_is_status_1(capfd):
    assert run("hello", command_line="init=nobody") == 1
    assert "keelback: can't start nobody. There is no program of that name in the payload.\n" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--kernel", "interpreted", "hello"], "QEMU runs the compiled kernel, without --check; "),
        (["--check", "hello"], "QEMU runs the compiled kernel, without --check; try --machine simulated"),
        (["--cpu", "nonesuch", "hello"], "QEMU did not start: qemu-system-x86_64: unable to find CPU model 'nonesuch'"),
        (["--memory", "4097K", "hello"], "--memory 4097K: not a multiple of 1M below 1024G"),
        (["--layout", "teaching", "--memory", "1M", "hello"], "too little memory: the kernel image and its maps need "),
        (["nope"], "no program 'nope'"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_command_is_one_clear_line(words, says):
    done = command("run", "--machine", "qemu", *words)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"keelback: {says}")
