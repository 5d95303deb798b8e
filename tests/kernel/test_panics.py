"""Panics: the same message and the same lines in both lives and on QEMU, in RAM and on the console."""

import struct
import sys
from dataclasses import dataclass
from io import BytesIO

import pytest
from elftools.elf.elffile import ELFFile

import keelback.cli.images  # noqa: F401
from keelback.cli.commands.run import RunOptions
from keelback.cli.run import run_programs
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.linked import make_symbols
from keelback.image.live_kernels import kernel_of
from keelback.image.payload import make_payload
from keelback.inspect.lens import look
from keelback.kernel.calls.panics import MESSAGE_SIZE, Message, PanicRecord
from keelback.kernel.calls.places import LONGEST_NAME, Name
from keelback.kernel.devices.power import PANICKED
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.x86.segments import DOUBLE_FAULT_TASK, KERNEL_CODE, USER_CODE
from keelback.kernel.x86.trap_frame import FAILED_CHECK
from keelback.kernel.x86.vectors import VECTOR_NAMES, Vector
from keelback.lang import Panic, address_of, layout_of, size_of, text_of, view
from keelback.machine.panics import panic_of, record_panic
from keelback.machine.qemu.qemu import Qemu, Verdict
from keelback.machine.simulated.compiled import CompiledPc
from kernel.mistaken import compiled_mistaken, mistaken
from support import MIB, entry_place, make_pc, payload_programs


def image_of(*lines, kernel=None, programs=None):
    members = {"etc/init": "".join(line + "\n" for line in lines).encode(), **(programs or payload_programs())}
    return make_image(MICROKERNEL, make_payload(members), kernel or compiled(MICROKERNEL))


def compiled_pc(*lines, kernel=None, image=None):
    return CompiledPc(MICROKERNEL, image or image_of(*lines, kernel=kernel), memory=8 * MIB)


@dataclass
class Told:
    """What a panic left: in RAM, and on the console from its first line on."""

    message: str
    places: list[tuple[str, int]]
    console: list[str]
    record: PanicRecord


def told(kernel, console):
    """Return what a kernel's record and its console say; lines of C and entry code are left out."""
    record = kernel.panics.record
    assert record.happened
    places = [(text_of(each.file), each.line) for each in list(record.places)[: record.depth]]
    _, found, report = bytes(console).decode().partition("\nkeelback: kernel panic: ")
    assert found
    return Told(
        text_of(record.message), [each for each in places if each[0].endswith(".py")], report.splitlines(), record
    )


def panicked(pc):
    """Run a machine, booted or not, to its panic; return that and what it left."""
    with pytest.raises(Panic) as caught:
        if pc.frame == 0:
            pc.boot()
        pc.run()
    return caught.value, told(pc.kernel, pc.console)


# Checks that fail.


def break_a_count(kernel):
    kernel.memory.frames.table[kernel.processes.table[1].space.directory].references = 500


def break_a_sum(kernel):
    kernel.memory.frames.counts.user_free = 0xFFFF_FFFF


def break_a_reference(kernel):
    kernel.threads.table[1].pid = 0xFFFF


def break_a_table(kernel):
    kernel.memory.frames.table.record.count = 10


def break_a_queue(kernel):
    kernel.scheduler.queues[0].first = 0xFFFF


# What is broken from outside, and the messages: compiled code can't tell numbers.
BREAKS = {
    break_a_count: ("assertion failed: a space that is destroyed maps nothing",) * 2,
    break_a_reference: ("index 65535 of an array of 512 elements", "an index is out of range"),
    break_a_queue: ("index 65535 of an array of 1025 elements", "an index is out of range"),
    break_a_sum: ("4294967296 does not fit FrameCounts.user_free: u32", "does not fit FrameCounts.user_free"),
    break_a_table: ("index {table} of an array of 10 elements", "an index is out of range"),
}


@pytest.mark.parametrize("change", BREAKS)
def test_a_failed_check_tells_the_same_in_both_lives(change):
    found = []
    for pc in (make_pc("hello", check=False), compiled_pc("hello")):
        pc.boot()
        space = pc.kernel.processes.table[1].space
        table = entry_place(pc.kernel, space.directory, space.image.base) >> 12  # of what it reads first
        change(pc.kernel)
        panic, left = panicked(pc)
        assert pc.exit.status == PANICKED
        assert panic.message == left.message == left.console[0]
        assert (panic.file.rpartition("/")[2], panic.line) == left.places[0]
        shown = [line.removeprefix("  at ").partition(" in ")[0] for line in left.console[1:] if " at " in line]
        expected = [f"{file}:{line}" if line else file for file, line in left.places]
        assert [each for each in shown if ".py" in each] == expected
        found.append((left.message, left.places))
    assert [message for message, _ in found] == [message.format(table=table) for message in BREAKS[change]]
    assert found[1][1] == found[0][1]
    assert len(found[1][1]) >= 3 and found[0][1][-1][0] == "kernel.py"


def test_the_record_of_an_interpreted_kernel_has_no_registers():
    pc = make_pc("hello", check=False)
    pc.boot()
    break_a_count(pc.kernel)
    _, left = panicked(pc)
    assert not left.record.has_frame and not any(line.startswith("  eax") for line in left.console)


def test_the_registers_of_a_failed_check_are_on_the_console():
    pc = compiled_pc("hello")
    pc.boot()
    break_a_count(pc.kernel)
    _, left = panicked(pc)
    assert left.record.has_frame and left.record.frame.eax == FAILED_CHECK
    assert left.console[-3:] == register_lines(left.record.frame)


def register_lines(frame):
    rows = ("eax ebx ecx edx", "esi edi ebp esp", "eip eflags")
    return ["".join(f"  {name} {getattr(frame, name):#010x}" for name in row.split()) for row in rows]


@pytest.mark.parametrize("length", [1, LONGEST_NAME - 2, LONGEST_NAME - 1, LONGEST_NAME, 2 * LONGEST_NAME])
def test_a_name_is_cut_alike_in_both_lives_and_ends_in_a_zero(length):
    pc, text = make_pc("hello", check=False), bytes(97 + number % 26 for number in range(length))
    place, record = 0x9000, pc.kernel.panics.record
    pc.ram.bytes[place : place + length + 1] = text + b"\0"
    name = view(pc.ram, Name, place)
    pc.kernel.panics._add(name, name, 7)
    made = record.places[0]
    kept = text[: LONGEST_NAME - 1].ljust(LONGEST_NAME, b"\0")
    assert (bytes(made.file), bytes(made.function), made.line) == (kept, kept, 7)


@pytest.mark.parametrize("length", [1, MESSAGE_SIZE - 2, MESSAGE_SIZE - 1, MESSAGE_SIZE, MESSAGE_SIZE + 1, 500])
def test_a_message_as_long_as_its_room_is_kept_to_its_end_and_no_further(length):
    """Compiled code's is in the image, the interpreted kernel's in a Panic: both are cut to leave a zero byte."""
    pc, text = make_pc("hello", check=False), bytes(97 + number % 26 for number in range(length))
    place, record = 0x9000, pc.kernel.panics.record
    pc.ram.bytes[place : place + length + 1] = text + b"\0"
    before = bytes(pc.ram.bytes[address_of(record) : address_of(record) + size_of(record)])
    pc.kernel.panics._copy_message(view(pc.ram, Message, place).text)
    compiled_code = bytes(pc.ram.bytes[address_of(record) : address_of(record) + size_of(record)])
    record.message.clear()
    record_panic(pc.kernel, Panic(text.decode()), None)
    record.happened = False
    interpreted = bytes(pc.ram.bytes[address_of(record) : address_of(record) + size_of(record)])
    start = layout_of(PanicRecord).field("message").offset
    kept = text[: MESSAGE_SIZE - 1].ljust(MESSAGE_SIZE, b"\0")
    assert compiled_code == interpreted == before[:start] + kept + before[start + MESSAGE_SIZE :]


def test_the_longest_message_is_on_the_console_whole():
    pc = make_pc("hello", check=False)
    record_panic(pc.kernel, Panic("x" * 300), None)
    pc.kernel.panics.report()
    assert f"\nkeelback: kernel panic: {'x' * (MESSAGE_SIZE - 1)}\n" in pc.console.decode()


def test_without_a_panic_the_record_is_zero():
    for pc in (make_pc("hello", "null", check=False), compiled_pc("hello", "null")):
        pc.boot()
        pc.run()
        record = pc.kernel.panics.record
        assert not any(pc.ram.bytes[address_of(record) : address_of(record) + size_of(record)])


# A panic while one is reported.


def break_the_screen(kernel):
    kernel.console.screen.state.row = 1_000_000


def test_a_panic_in_the_report_leaves_the_first_one_and_ends_the_machine():
    places = []
    for pc in (make_pc("hello", check=False), compiled_pc("hello")):
        pc.boot()
        before = bytes(pc.console)
        break_the_screen(pc.kernel)
        with pytest.raises(Panic, match="index 80000000 of|an index is out of range") as caught:
            pc.run()
        record = pc.kernel.panics.record
        assert record.happened and text_of(record.message) == caught.value.message
        assert pc.console == before + b"\n", "the screen, which comes first, could scroll once more"
        places.append((text_of(record.places[0].file), record.places[0].line))
    assert places[0] == places[1] and places[0][0] == "screen.py"
    assert pc.exit.status == PANICKED, "an emulator that runs the compiled kernel ends even so"


# Faults of ring 0, made by an image whose code for traps is replaced.

SET = (
    "55 89e5"  # push %ebp; mov %esp, %ebp: a stack frame that backtraces can follow
    "b811111111 bb22222222 b9{ecx} ba44444444 be55555555 bf66666666"
)
LIMIT = MICROKERNEL.globals_end
TEXT = MICROKERNEL.text_end - 256


def words(value):
    return struct.pack("<I", value).hex()


# name: (code, vector, error code, address, how far into the code the CPU was, where it was instead)
FAULTS = {
    "null read": (f"a1{words(0)}", 14, 0, 0, 0),
    "write to nowhere": (f"a3{words(LIMIT)}", 14, 2, LIMIT, 0),
    "write to text": (f"a3{words(TEXT)}", 14, 3, TEXT, 0),
    "general protection": ("8ed8", 13, 0x1110, None, 0),
    "no such task": ("0f00d8", 13, 0x1110, None, 0),
    "division": ("f7f1", 0, 0, None, 0),
    "invalid instruction": ("0f0b", 6, 0, None, 0),
    "breakpoint": ("cc", 3, 0, None, 1),
}
VALUES = {"eax": 0x11111111, "ebx": 0x22222222, "edx": 0x44444444, "esi": 0x55555555, "edi": 0x66666666}


def faulting_image(code, *, ecx="00000000", before=SET):
    """Return an image that runs some code instead of serving traps, and the address of that code after `before`."""
    image = bytearray(image_of("hello"))
    set_up = bytes.fromhex(before.format(ecx=ecx))
    at = kernel_trap() - MICROKERNEL.kernel_start
    start = TEXT + 64 - MICROKERNEL.kernel_start
    assert not any(image[start : start + 128]), "there is room behind the text"
    image[at : at + 5] = b"\xe9" + struct.pack("<i", start - at - 5)
    content = set_up + bytes.fromhex(code)
    image[start : start + len(content)] = content
    return bytes(image), MICROKERNEL.kernel_start + start + len(set_up)


def kernel_trap():
    elf = ELFFile(BytesIO(make_symbols(MICROKERNEL, compiled(MICROKERNEL))))
    [symbol] = elf.get_section_by_name(".symtab").get_symbol_by_name("kernel_trap")
    return symbol["st_value"]


def on_qemu(image, memory=8 * MIB):
    """Run an image on QEMU to its panic; return what it left."""
    with Qemu(make_image_file(MICROKERNEL, image), memory=memory) as machine:
        assert machine.wait() is Verdict.PANICKED
        kernel = look(MICROKERNEL, machine.ram)
        return panic_of(kernel), told(kernel, machine.console.replace(b"\r", b""))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_kernel_is_recorded_with_the_registers_that_it_met(name):
    code, vector, error, address, length = FAULTS[name]
    image, place = faulting_image(code)
    pc = compiled_pc(image=image)
    panic, left = panicked(pc)
    frame = left.record.frame
    assert pc.exit.status == PANICKED and left.message == "" and left.record.has_frame
    assert (frame.vector, frame.error, frame.eip, frame.cs) == (vector, error, place + length, KERNEL_CODE)
    assert left.record.address == (address or 0)
    assert {name: getattr(frame, name) for name in VALUES} == VALUES and frame.ecx == 0
    stack = pc.kernel.threads.table[1].kernel_stack
    assert frame.esp == frame.ebp == stack - 8, "a return address and ebp lie on it"
    assert frame.eflags & 0x202 == 2, "interrupts are off"
    assert [(text_of(each.file), text_of(each.function)) for each in list(left.record.places)[: left.record.depth]] == [
        ("entry.S", "entry code")
    ]
    where = f", address {address:#010x}" if address is not None else ""
    assert left.console[0] == f"{VECTOR_NAMES[vector]}, error code {error:#x}{where}"
    assert left.console[-3:] == register_lines(frame)
    assert panic.message.startswith(VECTOR_NAMES[vector]) and f"in ring 0 at {frame.eip:#010x}" in panic.message


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_kernel_leaves_the_same_record_on_qemu(name):
    code = FAULTS[name][0]
    image, _ = faulting_image(code)
    pc = compiled_pc(image=image)
    panic, left = panicked(pc)
    panic_there, left_there = on_qemu(image)
    assert str(panic) == str(panic_there)
    assert left.console == left_there.console
    assert left.places == left_there.places


def test_a_jump_to_nowhere_is_a_fault_there():
    image, _ = faulting_image("31c0 ffe0")
    _, left = panicked(compiled_pc(image=image))
    assert (left.record.frame.vector, left.record.frame.eip, left.record.address) == (14, 0, 0)
    assert left.record.places[0].line and text_of(left.record.places[0].file) == "entry.S"


@pytest.mark.parametrize("ebp", [0x0700_0000, LIMIT - 8, LIMIT, 0xFFFF_FFF8, 1, 0x0010_0001, 0x0010_0000, 0x0010_2000])
def test_a_stack_frame_that_is_none_ends_the_backtrace_and_not_the_report(ebp):
    image, _ = faulting_image("0f0b", before=f"bd{words(ebp)} 31c9")
    pc = compiled_pc(image=image)
    _, left = panicked(pc)
    assert left.record.depth == 0 and left.record.frame.ebp == ebp
    assert left.console == ["invalid instruction, error code 0x0", *register_lines(left.record.frame)]


def test_a_stack_frame_that_names_itself_ends_the_backtrace():
    image, _ = faulting_image("0f0b", before="68 50001000 89e5 54 89e5 896d00")  # back to entry code
    _, left = panicked(compiled_pc(image=image))
    assert left.record.depth <= 1 and left.console[-3:] == register_lines(left.record.frame)


@pytest.mark.parametrize("machine", ["simulated", "QEMU"])
def test_a_message_that_is_nowhere_halts_the_machine_with_what_is_known(machine):
    """The check's message is read from where ebx points; here that faults while the panic is recorded."""
    image, place = faulting_image(f"b8{words(FAILED_CHECK)} bb{words(LIMIT)} 0f0b")
    if machine == "QEMU":
        with Qemu(make_image_file(MICROKERNEL, image), memory=8 * MIB) as qemu:
            assert qemu.wait() is Verdict.PANICKED
            record = look(MICROKERNEL, qemu.ram).panics.record
    else:
        pc = compiled_pc(image=image)
        with pytest.raises(Panic, match="invalid instruction in ring 0"):
            pc.boot()
            pc.run()
        record = pc.kernel.panics.record
        assert pc.exit.status == PANICKED
    assert record.happened and record.frame.eip == place + 10 and record.depth == 0


GUARD_END = MICROKERNEL.globals_start + MICROKERNEL.kernel_stack_slot + 4096  # of the first process's thread


# Double faults: the stack, or a table, can't take what a trap pushes.


def stored(field, value):
    """Return code that stores a word at an address."""
    return f"c705{words(field)}{words(value)}"


def double_faults():
    """Return code by name, with the last page fault's address, the ring, and how far the CPU is into the code."""
    kernel, _ = kernel_of(MICROKERNEL)
    esp0, frame = address_of(kernel.first_cpu.task) + 4, address_of(kernel.threads.table[1].frame)
    division = address_of(kernel.interrupts.table)
    return {
        "a stack that is nowhere": (f"bc{words(LIMIT)} 50", LIMIT - 4, KERNEL_CODE, 5),
        "a stack that has an end": (f"bc{words(LIMIT + 8)} 60", LIMIT + 4, KERNEL_CODE, 5),
        "a stack that can't be written": (f"bc{words(TEXT)} 50", TEXT - 4, KERNEL_CODE, 5),
        "a kernel stack that overflows": ("e8fbffffff", GUARD_END - 4, KERNEL_CODE, 0),
        "no gate for a fault": (f"0f22d0 {stored(division + 4, 0)} f7f1", 0x11111111, KERNEL_CODE, 13),
        "no stack for traps": (f"{stored(esp0, LIMIT)} b8{words(frame)} c9 c3", LIMIT - 4, USER_CODE, None),
    }


DOUBLE_FAULTS = double_faults()


@pytest.mark.parametrize("name", DOUBLE_FAULTS)
def test_a_double_fault_is_recorded_with_the_registers_that_it_met(name):
    code, address, cs, length = DOUBLE_FAULTS[name]
    image, place = faulting_image(code)
    pc = compiled_pc(image=image)
    panic, left = panicked(pc)
    record, frame = left.record, left.record.frame
    assert pc.exit.status == PANICKED and left.message == "" and record.has_frame
    assert (frame.vector, frame.error, frame.cs) == (Vector.DOUBLE_FAULT, 0, cs)
    assert record.address == address
    assert record.cr3 == pc.kernel.processes.table[1].space.directory << 12
    if length is not None:
        assert frame.eip == place + length
        assert {name: getattr(frame, name) for name in VALUES} == VALUES and frame.ecx == 0
        assert frame.ebp == pc.kernel.threads.table[1].kernel_stack - 8
        assert frame.eflags & 0x202 == 2, "interrupts are off"
    if "stack that" in name:
        assert frame.esp == address + 4
    what = "kernel stack overflow: double fault" if "overflows" in name else "double fault"
    where = f"address {record.address:#010x}, cr3 {record.cr3:#010x}"
    assert left.console[0] == f"{what}, error code 0x0, {where}"
    assert left.console[-3:] == register_lines(frame)
    assert panic.message == f"{what} of {record.address:#010x} in ring 0 at {frame.eip:#010x}, error 0x0"


@pytest.mark.parametrize("name", DOUBLE_FAULTS)
def test_a_double_fault_leaves_the_same_record_on_qemu(name):
    image, _ = faulting_image(DOUBLE_FAULTS[name][0])
    panic, left = panicked(compiled_pc(image=image))
    panic_there, left_there = on_qemu(image)
    assert str(panic) == str(panic_there)
    assert left.console == left_there.console
    assert left.places == left_there.places


def test_a_double_fault_that_has_no_task_resets_the_machine():
    task = address_of(kernel_of(MICROKERNEL)[0].segments.table.entries[DOUBLE_FAULT_TASK // 8])
    image, _ = faulting_image(f"{stored(task + 4, 0)} bc{words(LIMIT)} 50")
    pc = compiled_pc(image=image)
    with pytest.raises(Panic, match=r"^vector 14 in ring 0 at .*; the processor resets, .* task 0x30 is none"):
        pc.boot()
        pc.run()
    assert not pc.kernel.panics.record.happened
    with Qemu(make_image_file(MICROKERNEL, image), memory=8 * MIB) as machine:
        assert machine.wait() is Verdict.RESET


# A mistake in the source.

MISTAKE = ("memory.user_memory", "UserMemory", "copy_in", "self.check_range(address, count)",
           'assert count < 20, "a text is short"')  # fmt: skip
MESSAGE = "assertion failed: a text is short"
CALLERS = ["user_memory.py", "system_calls.py", "system_calls.py", "traps.py", "kernel.py"]


@pytest.fixture(scope="module")
def wrong(tmp_path_factory):
    """Return the kernel with a mistake that only a long text meets, compiled."""
    return compiled_mistaken(tmp_path_factory.mktemp("mistake"), MISTAKE)


@pytest.fixture
def both_wrong(wrong, tmp_path):
    """Return that kernel; the interpreted one has the same mistake meanwhile."""
    with mistaken(tmp_path, *MISTAKE):
        yield wrong


def test_a_mistake_is_told_alike_in_both_lives_and_on_qemu(both_wrong):
    image = image_of("ping", "hello", kernel=both_wrong)
    interpreted, left = panicked(make_pc("ping", "hello", check=False))
    assert left.message == MESSAGE and [file for file, _ in left.places] == CALLERS
    for panic, other in (panicked(compiled_pc(image=image)), on_qemu(image), on_qemu(image, 64 * MIB)):
        assert panic.message == interpreted.message
        assert (panic.file, panic.line) == (interpreted.file.rpartition("/")[2], interpreted.line)
        assert other.message == left.message and other.places == left.places
        assert other.console[0] == MESSAGE and other.console[-3:] == register_lines(other.record.frame)
        assert [line for line in other.console if line.startswith("  at user_memory.py:")] == [
            f"  at user_memory.py:{interpreted.line} in user_memory_copy_in"
        ]


def test_every_caller_is_told_at_the_line_of_its_call(both_wrong):
    _, left = panicked(make_pc("hello", check=False))
    _, other = panicked(compiled_pc("hello", kernel=both_wrong))
    assert other.places == left.places


def test_no_caller_is_missing():
    places = []
    for pc in (make_pc("hello", check=False), compiled_pc("hello")):
        pc.boot()
        break_a_queue(pc.kernel)
        places.append([file for file, _ in panicked(pc)[1].places])
    assert places[0] == places[1]


@pytest.mark.parametrize("how", ["interpreted", "compiled", "QEMU"])
def test_the_command_ends_with_status_3_and_one_clear_line(both_wrong, how, monkeypatch, capfd):
    for module in [each for name, each in sys.modules.items() if name.startswith("keelback.")]:
        if vars(module).get("compiled") is compiled:
            monkeypatch.setattr(module, "compiled", lambda layout: both_wrong)
    memory = 16 * MIB if how == "QEMU" else 8 * MIB
    options = RunOptions(on_qemu=how == "QEMU", compiled=how == "compiled", memory=memory, cpu="max")
    status = run_programs(["ping", "hello"], options)
    said = capfd.readouterr()
    assert status == 3
    [line] = said.err.splitlines()
    assert line.startswith("keelback: kernel panic") and line.partition(": assertion")[2].startswith(
        " failed: a text is short"
    )
    assert line.endswith(")") and "(user_memory.py:" in line
    assert "ping 1\n" in said.out and f"keelback: kernel panic: {MESSAGE}\n" in said.out


FRAME_MISTAKE = ("processes.programs", "Programs", "spawn", "self.processes.start(process)",
                 "self.processes.start(process); self.threads.first(process.threads).frame.cs = 0x33")  # fmt: skip


def test_a_trap_frame_that_the_cpu_refuses_is_told(tmp_path):
    image = image_of("hello", kernel=compiled_mistaken(tmp_path, FRAME_MISTAKE))
    panic, left = on_qemu(image)
    assert (left.record.frame.vector, left.record.frame.error) == (13, 0x30)
    assert text_of(left.record.places[0].file) == "entry.S"
    assert panic.message.startswith("general protection fault in ring 0 at 0x0010")
    pc = compiled_pc(image=image)
    pc.boot()
    with pytest.raises(Panic, match="the return path does not lead to user mode"):
        pc.run()
