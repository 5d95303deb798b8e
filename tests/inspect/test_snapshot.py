"""A snapshot says of a machine whose history is known what that history left, both ways, and of a file the same."""

from pathlib import Path

import pytest

from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.memory.frames import OWNER_BITS, Role
from kernel.driven import (
    ANYWHERE,
    LIBRARY,
    LIBRARY_FILE,
    MALLOC,
    NOBODY,
    PAGE,
    TEXT,
    Call,
    Died,
    driven,
    with_each_kind_of_memory,
)
from support import MIB, entry_at, make_pc

STACK = MICROKERNEL.stack_top - PAGE
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def machine():
    return with_each_kind_of_memory(LIBRARY, NOBODY, check=False, programs={"nobody": LIBRARY_FILE})


@pytest.fixture(scope="module")
def snapshot(machine):
    return Snapshot(machine.lens)


def page(snapshot, pid, address):
    [found] = snapshot.processes[pid].pages(address, address + 1)
    return found


def test_a_page_says_what_it_is_for_and_what_may_be_done(snapshot):
    said = {address: (page(snapshot, 1, address).use, page(snapshot, 1, address).rights) for address in (
        TEXT, ANYWHERE, ANYWHERE + PAGE, MALLOC, STACK,
    )}  # fmt: skip
    assert said == {
        TEXT: ("text", "read-only"),
        ANYWHERE: ("anonymous memory", "copy-on-write"),
        ANYWHERE + PAGE: ("anonymous memory", "shows zeros"),
        MALLOC: ("malloc", "copy-on-write"),
        STACK: ("stack", "copy-on-write"),
    }
    assert page(snapshot, 3, MALLOC).rights == "may be written"
    assert list(snapshot.processes[1].pages(ANYWHERE + 2 * PAGE, ANYWHERE + 3 * PAGE)) == []


def test_a_frame_knows_all_who_show_it(snapshot):
    shared = page(snapshot, 1, ANYWHERE).frame
    assert [each.place for each in shared.pages] == [f"{ANYWHERE:#010x} in it (1)", f"{ANYWHERE:#010x} in it (3)"]
    assert (shared.owner, shared.role, shared.references) == (1, Role.DATA, 2)
    assert repr(shared) == (
        f"<frame {shared.number:#x}: anonymous memory of it (1), 2 references, "
        f"shown at {ANYWHERE:#010x} in it (1), {ANYWHERE:#010x} in it (3)>"
    )
    own = page(snapshot, 3, MALLOC).frame
    assert own.number != page(snapshot, 1, MALLOC).frame.number
    assert repr(own) == f"<frame {own.number:#x}: malloc of it (3), 1 reference, shown at {MALLOC:#010x} in it (3)>"


def test_mappings_are_the_same_both_ways(snapshot):
    one = {(each.space.whose, each.address, each.mapping.frame) for process in snapshot.processes.values()
           for each in process.pages()}  # fmt: skip
    other = {(each.space.whose, each.address, number) for number in range(len(snapshot.frames))
             for each in snapshot.frames[number].pages if each.space.pid}  # fmt: skip
    assert one == other and len(one) > 20


def test_every_frame_in_use_says_what_it_is(snapshot):
    uses = {repr(snapshot.frames[number]).partition(": ")[2].partition(" (")[0].partition(",")[0].rstrip(">")
            for number in range(len(snapshot.frames))}  # fmt: skip
    assert uses == {
        "free", "kernel", "reserved", "console", "kernel stack", "frame of zeros", "kernel's page table",
        "library as loaded", "page directory of it", "page table of it", "page directory of library libit",
        "page table of library libit", "page directory of library nobody", "page table of library nobody",
        "anonymous memory of it", "malloc of it", "stack of it", "data of it", "text of it",
    }  # fmt: skip


def test_a_walk_tells_each_entry(machine, snapshot):
    walk = snapshot.walk(3, MALLOC + 5)
    directory, table = walk.steps
    assert (directory.level, directory.index) == ("page directory", MALLOC >> 22)
    assert (table.level, table.index) == ("page table", MALLOC >> 12 & 1023)
    assert table.entry == entry_at(machine.lens, machine.process(3).space.directory, MALLOC)
    assert walk.mapping.frame == table.leads_to == machine.frame(MALLOC, 3)
    assert directory.leads_to << 12 == table.place
    assert repr(table).startswith(
        f"page table[{table.index}] = {table.entry:#x} → page in frame {table.leads_to:#x}, P"
    )
    nowhere = snapshot.walk(2, MALLOC)
    assert nowhere.mapping is None and "not present" in repr(nowhere.steps[-1])


def test_a_process_tells_its_parts(machine, snapshot):
    process = snapshot.processes[1]
    assert [each.library.name for each in process.libraries] == ["libit", "nobody"]
    assert [each.number for each in process.threads] == [machine.process(1).threads.first]
    assert repr(process.threads[0]).startswith(f"<thread {process.threads[0].number}: ready to run, at 0x")
    [mapped] = [each for each in process.regions if each.start == ANYWHERE]
    assert repr(mapped) == f"<region [{ANYWHERE:#010x}, {ANYWHERE + 3 * PAGE:#010x}): " + (
        "anonymous memory, may be written, 3 pages>"
    )
    assert {each.start for each in process.regions} >= {TEXT, ANYWHERE, MALLOC}
    assert repr(process.libraries[0].library) == "<library libit: 3 frames, mapped by 2 processes>"
    assert repr(snapshot.processes[2]).startswith("<process 2 it: ")


def test_one_that_has_ended_has_no_space_to_walk():
    machine = driven("it", "it")
    with pytest.raises(Died):
        machine.call(Call.EXIT, 3, pid=2)
    process = Snapshot(machine.lens).processes[2]
    assert repr(process) == "<process 2 it: exited>" and list(process.pages()) == [] and process.regions == []
    with pytest.raises(LookupError, match=r"it \(2\) has ended: it has no address space"):
        process.walk(TEXT)


def test_a_files_bytes_say_what_the_machine_does_and_stay_as_they_are(machine, snapshot):
    saved = bytes(machine.pc.contents)
    from_file = Snapshot.of(machine.lens.layout, saved)
    assert repr(from_file) == repr(snapshot)
    for number in range(len(snapshot.frames)):
        assert repr(from_file.frames[number]) == repr(snapshot.frames[number])
    assert saved == bytes(machine.pc.contents)


def test_the_example_of_the_docs_is_true():
    """Its comments are what the expressions before them say, up to the ellipsis."""
    text = (DOCS / "architecture.md").read_text()
    lines = text.partition("```python\n")[2].partition("```")[0].splitlines()
    pc = make_pc("cow", memory=64 * MIB, check=False)
    pc.boot()
    for _ in range(40):
        pc.step()
    names = {"Snapshot": Snapshot, "MICROKERNEL": MICROKERNEL, "pc": pc}
    exec(lines[0], names)
    for line in lines[1:]:
        code, comment = line.split("  # ")
        said, expected = repr(eval(code, names)), comment.strip().removesuffix("…")
        assert said.replace("\n  ", ", then ").startswith(expected), said


def test_a_frame_that_the_machine_has_not_is_one_clear_line(snapshot):
    with pytest.raises(IndexError, match="frame 0x100000 is none of this machine's, which has 0x"):
        snapshot.frames[0x100000]


def test_a_table_whose_owner_is_gone_says_so():
    machine = driven("it", check=False)
    frames = machine.kernel.memory.frames
    table = frames.allocate_kernel(Role.TABLE << OWNER_BITS | 7)
    assert Snapshot(machine.lens).frames[table].use == "a table of process 7, which has no record"
