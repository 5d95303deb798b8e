"""Where own pages are, and the tale of one: each word against the machine's records and a walk that is not ours."""

from itertools import pairwise

import pytest

from keelback.errors import UserError
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import MICROKERNEL_64, TEACHING
from keelback.kernel.memory.frames import PINNED
from keelback.view.page_tale import tale_of_address, tale_of_frame
from keelback.view.runs import runs
from kernel.driven import (
    ANYWHERE,
    MALLOC,
    PAGE,
    SMALL,
    STACK,
    TEXT,
    Call,
    driven,
)
from support import MIB


def test_runs_have_each_page_of_each_region_once_and_with_its_own_frame(machine, snapshot):
    for process in snapshot.processes.values():
        listed = list(runs(process))
        assert all(first.end <= second.start for first, second in pairwise(listed))
        pages = sum(region.end - region.start for region in process.regions) // PAGE
        assert sum(run.pages for run in listed) == pages
        for run in listed:
            for index, page in enumerate(range(run.start, run.end, PAGE)):
                expected = 0 if run.frame is None else run.frame + (0 if run.one_frame else index)
                found = process.walk(page).mapping
                assert (found.frame if found else 0) == expected, hex(page)
                if run.frame is not None:
                    record = machine.lens.memory.frames.table[expected]
                    assert (run.references, run.owner == snapshot.name_of(process.pid)) == (
                        record.references,
                        record.owner == process.pid,
                    )


def test_a_run_names_who_else_shows_its_frames(snapshot):
    of_child = {run.start: run for run in runs(snapshot.processes[3])}
    assert [run.shared_with for run in (of_child[TEXT], of_child[MALLOC], of_child[MALLOC + PAGE])] == [
        "it (1), it (2)", "", "it (1)",
    ]  # fmt: skip
    assert of_child[MALLOC].rights == "may be written" and of_child[MALLOC].owner == "it (3)"
    zeros = of_child[ANYWHERE + PAGE]
    assert (zeros.owner, zeros.references, zeros.counted, zeros.others) == ("zeros", PINNED, "pinned", ())


def test_many_pages_of_zeros_are_one_run_of_one_frame():
    made = driven("it", layout=SMALL)
    made.call(Call.MAP, ANYWHERE, 9 * PAGE, 2)
    for page in range(5):
        made.read(ANYWHERE + page * PAGE)
    zeros, rest = [run for run in runs(Snapshot(made.lens).processes[1]) if ANYWHERE <= run.start < MALLOC]
    assert (zeros.pages, zeros.one_frame, zeros.frames) == (5, True, f"{made.frame(ANYWHERE):#x}")
    assert (rest.pages, rest.frame) == (4, None)


def told(snapshot, pid, address):
    return dict(tale_of_address(snapshot.processes[pid], address).facts)


def test_a_tale_says_region_rights_frame_and_who_else(machine, snapshot):
    tale = told(snapshot, 3, MALLOC + PAGE + 5)
    frame = machine.frame(MALLOC + PAGE, 3)
    assert tale == {
        "region": f"malloc [{MALLOC:#010x}, {MALLOC + 2 * PAGE:#010x}): may be written, 2 pages",
        "page": "copy-on-write: who writes first, and is not alone, gets a copy",
        "frame": f"frame {frame:#x}: malloc of it (1), 2 references (physical {frame * PAGE:#010x})",
        "owner": "it (1)",
        "also": f"{MALLOC + PAGE:#010x} in it (1): malloc, copy-on-write",
    }


@pytest.mark.parametrize(
    ("address", "word", "begins"),
    [
        (ANYWHERE + 2 * PAGE, "page", "not there yet"),
        (ANYWHERE + 3 * PAGE, "region", "none"),
        (STACK + PAGE - SMALL.stack_pages * PAGE - 1, "guard", "below the stack"),
        (0x10_0000, "kernel", "the kernel part"),
        (0, "kernel", "the kernel part"),
    ],
)
def test_a_tale_says_why_no_page_is_there(snapshot, address, word, begins):
    assert told(snapshot, 3, address)[word].startswith(begins)


def test_where_no_touch_brings_a_page_nothing_says_that_it_comes():
    made = driven("it", layout=SMALL)
    made.call(Call.MAP, ANYWHERE, 2 * PAGE, 2 | 16)  # with a guard
    for _ in range(3):
        made.call(Call.MALLOC_PAGES, 1)
    made.call(Call.FREE_PAGES, MALLOC + PAGE, 1)
    snapshot = Snapshot(made.lens)
    told_of = {each: told(snapshot, 1, each)["page"] for each in (ANYWHERE, ANYWHERE + PAGE, MALLOC + PAGE)}
    assert told_of == {
        ANYWHERE: "not there: whoever touches it ends",
        ANYWHERE + PAGE: "not there yet: it comes when it is touched",
        MALLOC + PAGE: "not there: whoever touches it ends",
    }
    rights = {run.start: run.rights for run in runs(snapshot.processes[1])}
    assert [rights[each] for each in told_of] == ["not there", "not there yet", "not there"]


def test_where_no_entry_has_a_letter_no_line_says_what_letters_mean(snapshot):
    tale = tale_of_address(snapshot.processes[1], 0x9999_9000)
    assert [step.entry for step in tale.steps] == [0]
    assert [*tale.lines()][-1].endswith("0x0: not present") and [*tale.way()] == [
        f"{word} = {said}" for word, said in tale.rows()[-1:]
    ]


def test_a_tale_has_the_entry_of_each_level_and_what_its_letters_mean(machine, snapshot):
    lines = list(tale_of_address(snapshot.processes[3], MALLOC).lines())
    entry = machine.entry(MALLOC, 3) & 0xFFF
    assert f"page directory[{MALLOC >> 22}]" in lines[-3] and f"page table[{MALLOC >> 12 & 1023}]" in lines[-2]
    assert f"{machine.frame(MALLOC, 3):x}{entry:03x}: page in frame" in lines[-2]
    assert lines[-1].strip().split(", ")[:2] == ["P present", "W writable"]
    wide = driven("it", layout=MICROKERNEL_64, memory=16 * MIB)
    steps = tale_of_address(Snapshot(wide.lens).processes[1], STACK_64).steps
    assert steps[0].level == "page map level 4" and len(steps) == 4


STACK_64 = MICROKERNEL_64.stack_top - 1


@pytest.mark.parametrize(
    ("layout", "beyond", "bits"),
    [
        (SMALL, 1 << 32, "32 bits here"),
        (MICROKERNEL_64, 1 << 47, "48 bits here, and those above are all as the highest of these"),
    ],
    ids=["i386", "x86-64"],
)
def test_what_is_no_address_of_the_cpu_has_no_tale(layout, beyond, bits):
    process = Snapshot(driven("it", layout=layout, memory=16 * MIB).lens).processes[1]
    with pytest.raises(UserError, match=f"^{beyond:#x}: an address has {bits}$"):
        tale_of_address(process, beyond)
    assert tale_of_address(process, beyond - 1).steps


def test_a_librarys_pages_name_it_and_the_processes_that_map_it(machine, snapshot):
    place = snapshot.processes[1].libraries[0].address
    [run] = [each for each in runs(snapshot.processes[1]) if each.start == place]
    assert (run.owner, run.shared_with) == ("libit", "it (3)")


def test_every_frame_has_a_tale_that_names_who_shows_it(snapshot):
    for number in range(len(snapshot.frames)):
        frame, tale = snapshot.frames[number], tale_of_frame(snapshot, number)
        assert tale.facts[0][1].startswith(frame.said)
        shown = [said for word, said in tale.facts if word == "shown"]
        assert len(shown) == min(len(frame.pages), 8)
    with pytest.raises(IndexError):
        tale_of_frame(snapshot, len(snapshot.frames))


def test_the_screen_that_programs_may_use_has_a_tale_too():
    snapshot = Snapshot(driven("it", layout=TEACHING, memory=2 * MIB).lens)
    assert told(snapshot, 1, 0xB_8000)["page"] == "of the kernel part, open to every program: may be written"
    assert "console" in told(snapshot, 1, 0xB_8000)["frame"]
