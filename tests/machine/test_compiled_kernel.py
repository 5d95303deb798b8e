"""The real kernel, compiled, on the simulated PC: equal to the interpreted one, and its panics are Python's."""

from functools import partial

import pytest

from keelback.abi.calls import CALLS
from keelback.cli.libraries import payload_libraries
from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.image.toolchain import TARGETS
from keelback.inspect.lens import look
from keelback.kernel.devices.power import PANICKED
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64, TEACHING
from keelback.kernel.memory.frames import Frames
from keelback.kernel.processes.processes import Ending
from keelback.lang import Panic, text_of
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.simulated.compiled import CompiledPc
from support import (
    EXECUTE,
    MIB,
    READ,
    WRITE,
    c_program,
    code_program,
    console,
    frame_at,
    make_pc,
    payload_programs,
    programs_of,
    some_of,
    wide_elf,
)
from variants import VARIANTS, name_of, variants

NULL_CALLS = """
int main(const char *argument) {
    for (uint32_t left = number_in(argument, 0); left > 0; left--)
        sys_getpid();
    return 0;
}"""


def compiled_pc(*lines, programs=None, memory=8 * MIB, layout=MICROKERNEL):
    programs = programs_of(layout) if programs is None else programs
    members = {"etc/init": "".join(line + "\n" for line in lines).encode(), **programs}
    image = make_image(layout, make_payload(members), compiled(layout))
    return CompiledPc(layout, image, memory=memory)


@pytest.mark.parametrize("layout", some_of(VARIANTS, []), ids=name_of)
def test_all_programs_together_leave_equal_ram_after_every_trap(layout):
    programs = programs_of(layout)
    options = {
        "programs": programs | payload_libraries(TARGETS[layout.paging.word_bits]),
        "layout": layout,
        "memory": max(8 * MIB, layout.owned_end + 2 * MIB),
    }
    report = compare(make_pc(*sorted(programs), check=False, **options), compiled_pc(*sorted(programs), **options))
    assert report.difference is None
    assert report.traps > 80 and report.bytes > 500 * MIB


ONE_AFTER_THE_OTHER = """
int main(void) {
    for (const char *name = "a\\0b\\0c\\0"; *name; name += 2) {
        struct ending ending;
        sys_wait(sys_spawn(name, ""), &ending);
        print_number(ending.how == EXITED ? ending.status : 99);
        print(" ");
    }
    return 0;
}"""


@pytest.mark.parametrize("layout", some_of(VARIANTS, [MICROKERNEL, MICROKERNEL_64]), ids=name_of)
def test_a_program_runs_its_own_code_in_the_frames_of_the_one_before(layout):
    """Each goes to where another's block of code began, with the same bytes at the start of its page."""
    base, bits = layout.image_base, layout.paging.word_bits
    code = "eb0e" + "90" * 14 + "b8{:02x}000000 89c3 b803000000 cd80"  # jmp; mov eax, …; exit(eax)
    programs = {name: code_program(code.format(number), base, bits) for number, name in enumerate("abc")}
    programs["it"] = c_program(ONE_AFTER_THE_OTHER, base, target=TARGETS[bits])
    memory = max(8 * MIB, layout.owned_end + 2 * MIB)
    for pc in (compiled_pc("it", programs=programs, memory=memory, layout=layout),
               make_pc("it", programs=programs, memory=memory, layout=layout)):  # fmt: skip
        pc.boot()
        pc.run()
        assert console(pc) == ["0 1 2 "]


def test_children_run_their_parents_code_in_the_frames_of_those_that_have_ended():
    """What is behind the same call is not the same there: a kernel that has no windows has copied it."""
    numbers = {each.name: each.number for each in CALLS}
    calls, programs = {"before": "getpid fork getpid", "parent": "yield fork fork"}, {}
    for status, (name, words) in enumerate(calls.items(), 1):
        code = [f"b8{numbers[each]:02x}000000 cd80" for each in (*words.split(), "exit")]
        text = bytes.fromhex(" ".join((*code[:-1], f"bb{status:02x}000000", code[-1])))
        own = [(TEACHING.image_base, READ | WRITE | EXECUTE, text, len(text))]  # no text that a fork would share
        programs[name] = wide_elf(own, TEACHING.image_base)
    options = {"programs": programs, "layout": TEACHING, "memory": 2 * MIB}
    given = make_pc(*calls, check=False, **options), compiled_pc(*calls, **options)
    threads, seen = look(TEACHING, given[1].contents).threads, []
    given[1].before_trap.append(lambda: seen.append(threads.table[given[1].kernel.first_cpu.current].frame.rbx))
    assert compare(*given).difference is None
    assert (seen.count(1), seen.count(2)) == (2, 4), "each leaves with its program's status"


@pytest.mark.campaign
@variants
@pytest.mark.parametrize("name", sorted(payload_programs()))
def test_each_program_alone_leaves_equal_ram_after_every_trap(name, layout):
    options = {
        "programs": programs_of(layout) | payload_libraries(TARGETS[layout.paging.word_bits]),
        "layout": layout,
        "memory": max(8 * MIB, layout.owned_end + 2 * MIB),
    }
    first, second = make_pc(name, check=False, **options), compiled_pc(name, **options)
    assert compare(first, second).difference is None
    assert first.outcome is second.outcome is Outcome.POWERED_OFF


HOSTILE = (
    "cc", "f1", "fa", "fb", "f4", "0f0b", "cd0e", "cd20", "cd00", "cdff", "b07f0401ce", "d9e8", "0f57c0", "0f20c0",
    "33c08ed0", "33e450", "e460", "e680", "ec", "6c", "6e", "f36c", "0f31cd80", "0f34", "0f05", "f090", "f3f4",
    "0fc7c8",
    "9c810c2400010000 9d90", "9c810c2400400000 9dcf", "6a23 68eeeeffff 6802020200 6a00 6800800408 cf", "31c9f7f1",
    "e9fbff0f00", "b800001000ffe0", "a100000000", "a100001000", "c70500f0ffff00000000", "b9ffffffff bf00b0ffff f3aa",
    "bbffffffff be04000000 b804000000 cd80 0f0b", "b8ffffff7f cd80 0f0b", "31c0 cd80 0f0b", "ebfe",
)  # fmt: skip
"""Machine code that tries what a program must not, each ending in a fault; the last never ends."""


def test_hostile_code_leaves_equal_ram_after_every_trap():
    programs = {f"h{number}": code_program(code) for number, code in enumerate(HOSTILE[:-1])}
    first, second = make_pc(*programs, programs=programs, check=False), compiled_pc(*programs, programs=programs)
    report = compare(first, second)
    assert report.difference is None
    assert first.kernel.processes.counts.alive == 0 and first.outcome is Outcome.POWERED_OFF
    assert {each.ending for each in list(first.kernel.processes.table)[1 : len(programs) + 1]} == {Ending.FAULTED}


def test_slices_are_equal_however_often_a_program_is_cut():
    programs = {"spin": code_program(HOSTILE[-1]), "rdtsc": code_program("0f31 89c3 b803000000 cd80")}
    first = make_pc("spin", "spin", "rdtsc", programs=programs, check=False)
    second = compiled_pc("spin", "spin", "rdtsc", programs=programs)
    for pc in (first, second):
        pc.after_trap.append(partial(stop_after, pc, 60))
    assert compare(first, second).difference is None
    assert first.traps == 60


def stop_after(pc, traps):
    if pc.traps == traps:
        pc.outcome = Outcome.POWERED_OFF


@pytest.mark.parametrize("memory", [4 * MIB, 16 * MIB, 64 * MIB])
def test_both_lives_are_equal_in_any_memory(memory):
    lines = ("hello x", "ping 2", "pong 2", "null", "nobody", "sleeper 1")
    assert compare(make_pc(*lines, check=False, memory=memory), compiled_pc(*lines, memory=memory)).difference is None


def test_too_little_memory_is_refused_in_both_lives():
    only = {"hello": programs_of(MICROKERNEL)["hello"]}
    first = make_pc("hello", programs=only, check=False, memory=5 * MIB // 2)
    second = compiled_pc("hello", programs=only, memory=5 * MIB // 2)
    first.boot()
    second.boot()
    assert first.outcome is second.outcome is Outcome.REFUSED
    assert first.console == second.console


def test_a_null_system_call_takes_less_than_120_instructions():
    counts = []
    for calls in (100, 1100):
        program = c_program(
            "int main(const char *a) { for (uint32_t n = number_in(a, 0); n; n--) sys_getpid(); return 0; }"
        )
        members = {"etc/init": f"calls {calls}\n".encode(), "calls": program}
        image = make_image(MICROKERNEL, make_payload(members), compiled(MICROKERNEL))
        pc = CompiledPc(MICROKERNEL, image, memory=8 * MIB)
        pc.boot()
        pc.run()
        counts.append(pc.kernel_instructions)
    assert (counts[1] - counts[0]) / 1000 < 120


def test_a_panic_of_compiled_code_is_at_the_line_of_the_python():
    """Break an invariant from outside: both lives stop at the same assert."""
    panics = []
    for pc in (make_pc("hello", check=False), compiled_pc("hello")):
        pc.boot()
        stack = pc.layout.stack_top - 0x1000
        frame = frame_at(pc.kernel, pc.kernel.processes.table[1].space.directory, stack)
        pc.kernel.memory.frames.table[frame].references = 0
        with pytest.raises(Panic) as caught:
            pc.run()
        assert pc.exit.status == PANICKED
        record = pc.kernel.panics.record
        assert caught.value.line == record.places[0].line and text_of(record.places[0].file) == "frames.py"
        lines = [(text_of(each.file), each.line) for each in list(record.places)[: record.depth]]
        lines = [each for each in lines if each[0].endswith(".py")]
        console = bytes(pc.console).decode().partition("\nkeelback: kernel panic: ")[2].splitlines()
        panics.append((caught.value.message, lines[0], console[1].partition(" in ")[0]))
        assert caught.value.file.endswith("frames.py")
    assert panics[0] == panics[1]
    assert panics[0][0] == "assertion failed: a dropped frame had a reference"
    assert Frames.drop.__code__.co_firstlineno < panics[0][1][1]
