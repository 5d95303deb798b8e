"""Who changed something: the right trap and the right line, of the kernel in both lives and of a program."""

import inspect
import re
from io import BytesIO

import pytest
from elftools.elf.elffile import ELFFile

from keelback.cli.debug_files import WithDebugData
from keelback.image.c_options import OURS
from keelback.image.toolchain import TARGETS
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL, with_paging
from keelback.kernel.memory.frames import Frames
from keelback.lang import PAGE_SHIFT, Panic
from keelback.machine.recorded.changes import ChangeFinder
from keelback.machine.recorded.stores import Store
from keelback.machine.recorded.subjects import NoSubject, subject_of
from machine.test_recording import LIVES, digest, go_wrong_at, machine, recorded
from support import c_program, frame_at, make_pc, some_of

LINES = ("family", "ping 9", "pong 9", "cow", "primes 2000")
CHANGED = (
    "timer.clock.ticks",
    "processes.table[2].state",
    "processes.counts",
    "memory.frames.counts.user_free",
    "1:0x8049000",
    "1:0x8049000.references",
    "scheduler.cpus[0].current",
)


def changes(pc, at, files=None, every=50):
    recording = recorded(pc, every)
    recording.go(at)
    return ChangeFinder(recording, files or {})


def traps_that_change(layout, end):
    """Return the traps that change each subject, by a machine that is not recorded."""
    pc = machine(layout, "interpreted", LINES)
    pc.boot()
    subjects = [subject_of(look(layout, pc.contents), words) for words in CHANGED]
    values = [[each.read() for each in subjects]]
    while pc.traps < end:
        pc.step()
        values.append([each.read() for each in subjects])
    series = zip(*values, strict=True)
    return [[trap for trap in range(1, end + 1) if each[trap] != each[trap - 1]] for each in series]


@pytest.mark.parametrize("paging", some_of(["i386", "PAE", "x86-64"], ["i386"]))
def test_the_last_and_the_next_change_are_found_alike_in_both_lives(paging):
    layout, at = with_paging(MICROKERNEL, paging), 120
    found = {life: changes(machine(layout, life, LINES), at) for life in LIVES}
    for words, traps in zip(CHANGED, traps_that_change(layout, at + 40), strict=True):
        said = {}
        for life, each in found.items():
            before = digest(each.recording.pc)
            last, following = each.last(each.subject(words)), each.next(each.subject(words))
            assert last.step == max((trap for trap in traps if trap <= at), default=0)
            if following is None or following.step > at + 40:
                assert not [trap for trap in traps if trap > at]
            else:
                assert following.step == min(trap for trap in traps if trap > at)
            assert digest(each.recording.pc) == before and each.recording.at == at
            said[life] = [(change.step, change.what, change.event) for change in (last, following) if change]
            for change in (last, following):
                assert (
                    not change or not change.step or re.match(r"kernel/\S+\.py:\d+ \(\w+\.\w+\)", change.store.lines[0])
                )
        assert said["interpreted"] == said["compiled"]


def test_a_seeded_mistake_is_found_by_its_trap_and_its_line_of_python(monkeypatch):
    right, shared = Frames.share, []

    def spy(self, frame):
        shared.append((pc.traps, frame))
        right(self, frame)

    def wrong(self, frame):
        right(self, frame)
        if (pc.traps, frame) == (trap, wanted):
            self.table[frame].references = 9

    def started():
        return make_pc("cow", "ping 30", "pong 30", check=False)

    pc = started()
    monkeypatch.setattr(Frames, "share", spy)
    changes(pc, 70)
    trap, wanted = next(each for each in shared if each[0] and shared.count(each) == 1)
    pc = started()
    monkeypatch.setattr(Frames, "share", wrong)
    found = changes(pc, trap + 3)
    found.recording.go(trap)
    change = found.last(found.subject(f"memory.frames.table[{wanted}].references"))
    line = inspect.getsourcelines(wrong)[1] + 3
    assert change.step == trap and change.what.endswith(" to 9")
    assert change.store.lines[0] == f"test_changes.py:{line} ({wrong.__qualname__})"
    assert "(AddressSpaces._share_all)" in change.store.lines[1]
    assert f"  by {change.store.lines[0]}" in str(change).splitlines()


PROGRAM = """
int shared = 1;

int main(void)
{
    shared = 2;
    sys_yield();
    shared = 3; /* here */
    sys_yield();
    sys_yield();
    return 0;
}
"""


@pytest.mark.parametrize("life", LIVES)
def test_what_a_program_changes_is_its_instructions_doing(life):
    program = c_program(PROGRAM, options=OURS)
    pc = machine(MICROKERNEL, life, ("it",), programs=(("it", program),))
    found = changes(pc, 3, WithDebugData({"it": program}))
    kernel = found.kernel
    page = 0x8049000
    while True:
        frame = frame_at(kernel, kernel.processes.table[1].space.directory, page)
        content = bytes(pc.contents[frame << PAGE_SHIFT : frame + 1 << PAGE_SHIFT])
        if frame and (3).to_bytes(4, "little") in content:
            break
        page += 0x1000
    place = (frame << PAGE_SHIFT) + content.index((3).to_bytes(4, "little"))
    change = found.last(found.subject(f"{place:#x}-{place + 3:#x}"))
    assert change.what == "from 02 00 00 00 to 03 00 00 00"
    assert change.store.lines == () and change.code.startswith("program.c:9 in main, 0x")
    assert str(change).endswith(f"by the program: {change.code}")


FAMILY = """
volatile _Alignas(4096) int page[1024] = {1};

__attribute__((noinline)) void write(void)
{
    page[0] = 2; /* here */
}

int main(void)
{
    if (sys_fork() == 0)
        write();
    sys_yield();
    return 0;
}
"""


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("paging", some_of(["i386", "PAE", "x86-64"], ["i386"]))
def test_what_the_kernel_changes_for_a_program_is_told_with_the_programs_line(life, paging):
    layout = with_paging(MICROKERNEL, paging)
    program = c_program(FAMILY, options=OURS, target=TARGETS[layout.paging.word_bits])
    page = ELFFile(BytesIO(program)).get_section_by_name(".symtab").get_symbol_by_name("page")[0]["st_value"]
    found = changes(machine(layout, life, ("it",), programs=(("it", program),)), 0, WithDebugData({"it": program}))
    subject, values = found.subject(f"2:{page:#x}"), set()
    while len(values) < 3:  # not mapped, its parent's frame, its own
        assert found.recording.at != found.recording.end
        found.recording.go(found.recording.at + 1)
        values.add(subject.read())
    change = found.last(found.subject(f"2:{page:#x}.record"))
    said = r"from data of it \(1\), 2 references \(frame 0x\w+\) to data of it \(2\), 1 reference \(frame 0x\w+\)"
    assert re.fullmatch(said, change.what)
    assert change.code.startswith("program.c:7 in write, 0x") and change.way == ("program.c:13 in main",)
    program_line, caller, kernel_line, *_ = str(change).splitlines()[1:]
    assert (program_line, caller) == (f"  for the program: {change.code}", "     from program.c:13 in main")
    assert kernel_line.startswith("  by kernel/memory/")


@pytest.mark.parametrize("life", LIVES)
def test_the_frame_of_a_trap_is_nobodys_store(life):
    found = changes(machine(MICROKERNEL, life, LINES), 40)
    thread = found.kernel.scheduler.current(found.kernel.first_cpu).number
    change = found.next(found.subject(f"threads.table[{thread}].frame.eip"))
    assert change.store == Store() or change.store.lines[0].startswith("kernel/entry.S:")
    found.recording.go(change.step)
    assert found.last(found.subject(f"threads.table[{thread}].frame.eip")).step == change.step


def test_what_was_never_changed_is_so_since_the_start():
    found = changes(machine(MICROKERNEL, "compiled", LINES), 60)
    assert str(found.last(found.subject("0x2000"))) == "memory 0x2000 is 55 since the programs were started"
    assert found.next(found.subject("0x2000")) is None and found.recording.end is not None


def test_the_store_of_a_panic_is_found_at_its_trap():
    pc = machine(MICROKERNEL, "interpreted", LINES)
    go_wrong_at(pc, 90)
    recording = recorded(pc)
    with pytest.raises(Panic):
        recording.run()
    found = ChangeFinder(recording, {})
    change = found.last(found.subject("panics.record.happened"))
    assert change.step == recording.end == 90 and change.what == "from False to True"


HINT = "; memory is said as 0x2000-0x2fff, a page as 2:0xb0000000"
WRONG = {
    "0x1000000-0x1000003": "0x1000000-0x1000003 is no memory: the machine has 0-0xffffff",
    "1:0x100000000": "0x100000000: an address has 32 bits here",
    "0x20-0x10": "0x20-0x10 is no memory: the machine has 0-0xffffff",
    "999:0x8048000": "there is no process 999: the layout has processes 1 to 511",
    "1:0x8048000.colour": "the record of a frame has no colour",
    "processes.table[2].colour": "the kernel's records have no processes.table[2].colour" + HINT,
    "processes.table[99999].state": "the kernel's records have no processes.table[99999].state" + HINT,
    "processes": "the kernel's records have no processes" + HINT,
    "what is this": "'what is this' is no name of a record" + HINT,
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_not_there_is_told_in_a_line(words):
    with pytest.raises(NoSubject) as caught:
        changes(machine(MICROKERNEL, "interpreted"), 0).subject(words)
    assert str(caught.value) == WRONG[words]
