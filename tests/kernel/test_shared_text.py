"""What processes of one program cannot write is in the same frames, as long as it is as the file has it."""

from dataclasses import replace

import pytest

from keelback.kernel.layout import USERMODE
from keelback.kernel.memory.frames import SHARED
from kernel.driven import (
    ARGUMENT,
    CODE,
    CROWDED,
    DATA,
    ENTRY,
    NAME,
    NOBODY,
    PAGE,
    SMALL,
    TEXT,
    TEXTS,
    Call,
    Died,
    driven,
    of_its_own,
    program_of,
)
from support import EXECUTE, MIB, READ, WRITE, elf

CAN_READ, CAN_WRITE = 1, 2
LAST = TEXT + PAGE - 1  # a byte of the text's page behind the code
LAYOUTS = {"microkernel": (SMALL, 4 * MIB), "usermode": (replace(USERMODE, processes=8), 9 * MIB)}


@pytest.fixture(params=LAYOUTS)
def machine(life, request):
    layout, memory = LAYOUTS[request.param]
    another = program_of(base=layout.image_base)
    made = driven("it", life=life, layout=layout, memory=memory, programs={"nobody": another})
    yield made
    made.check()


def spawn(machine, pid=1, name=NAME):
    child = machine.call(Call.SPAWN, name + machine.offset, ARGUMENT + machine.offset, pid=pid)
    machine.check()
    return child


def text(machine, pid):
    return machine.frame(TEXT + machine.offset, pid)


def record(machine, frame):
    found = machine.lens.memory.frames.table[frame]
    return found.references, found.use


def end(machine, pid):
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=pid)


def is_as_loaded(machine, pid):
    frame = text(machine, pid)
    return bytes(machine.pc.ram.contents[frame * PAGE : (frame + 1) * PAGE]) == CODE.ljust(PAGE, b"\0")


def test_a_spawn_of_the_same_program_shares_its_text_and_nothing_else(machine):
    used = machine.used()[0]
    assert spawn(machine) == 2
    assert text(machine, 1) == text(machine, 2)
    assert record(machine, text(machine, 1))[0] == 2
    data = DATA + machine.offset
    assert machine.frame(data, 1) != machine.frame(data, 2)
    own = 2 if not machine.pc.layout.eager_image else 8  # stack, data, and zeros where they are taken at once
    assert machine.used()[0] == used + own
    assert machine.read(TEXT + machine.offset, 2) == CODE[0]


def test_the_last_that_has_a_text_frees_it(machine):
    frame = text(machine, 1)
    assert [spawn(machine), spawn(machine, 2)] == [2, 3]
    assert record(machine, frame)[0] == 3
    end(machine, 1)
    assert record(machine, frame) == (2, SHARED)
    assert text(machine, 2) == text(machine, 3) == frame
    assert spawn(machine, 3) == 4
    assert text(machine, 4) == frame
    end(machine, 3)
    end(machine, 2)
    assert record(machine, frame)[0] == 1
    end(machine, 4)
    assert record(machine, frame) == (0, 0)


def test_exec_of_the_same_program_keeps_the_frame_and_of_another_does_not(machine):
    frame = text(machine, 1)
    offset = machine.offset
    assert machine.call(Call.EXEC, NAME + offset, ARGUMENT + offset) == 0
    assert text(machine, 1) == frame and record(machine, frame)[0] == 1
    machine.check()
    assert spawn(machine, name=NOBODY) == 2
    assert text(machine, 2) != frame
    assert is_as_loaded(machine, 2)


CHANGES = {
    "it may be written": ((Call.PROTECT, CAN_WRITE),),
    "it could be written for a while": ((Call.PROTECT, CAN_WRITE), (Call.PROTECT, CAN_READ)),
    "it was written": ((Call.PROTECT, CAN_WRITE), (), (Call.PROTECT, CAN_READ)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_text_that_could_be_changed_is_not_shared_and_the_next_is(machine, change):
    offset = machine.offset
    for step in CHANGES[change]:
        if step == ():
            machine.write(LAST + offset, 9)
        else:
            assert machine.call(step[0], TEXT + offset, PAGE, step[1]) == 0
    assert [spawn(machine), spawn(machine)] == [2, 3]
    assert text(machine, 1) != text(machine, 2) == text(machine, 3)
    assert is_as_loaded(machine, 2)


@pytest.mark.parametrize("writer", [1, 2])
def test_a_write_to_a_shared_text_is_the_writers_own(machine, writer):
    assert spawn(machine) == 2
    assert machine.call(Call.PROTECT, TEXT + machine.offset, PAGE, CAN_WRITE, pid=writer) == 0
    machine.write(LAST + machine.offset, 9, writer)
    assert text(machine, 1) != text(machine, 2)
    assert is_as_loaded(machine, 3 - writer) and not is_as_loaded(machine, writer)
    assert spawn(machine) == 3
    assert text(machine, 3) == text(machine, 3 - writer)


def test_a_fork_shares_what_is_shared_and_its_child_is_asked_too(machine):
    assert machine.fork() == 2
    end(machine, 1)
    assert spawn(machine, 2) == 3
    assert text(machine, 2) == text(machine, 3)


@pytest.mark.parametrize("call", ["page_alloc", "unmap"])
def test_a_page_that_is_not_the_files_any_more_is_loaded_anew(life, call):
    """Of text of two pages, without code on the second, that is another."""
    parts = [
        (TEXT - PAGE, READ, b"constants", PAGE),
        (TEXT, READ | EXECUTE, CODE, PAGE),
        (DATA, READ | WRITE, TEXTS, PAGE),
    ]
    machine = driven("it", life=life, programs={"it": elf(parts, entry=ENTRY)})
    if call == "unmap":
        assert machine.call(Call.UNMAP, TEXT - PAGE, PAGE) == 0
    else:
        assert machine.call(Call.PAGE_ALLOC, TEXT - PAGE) == 0
    assert [spawn(machine), spawn(machine)] == [2, 3]
    assert text(machine, 1) == text(machine, 2)
    assert machine.read(TEXT - PAGE, 2) == ord("c")
    assert machine.frame(TEXT - PAGE, 2) == machine.frame(TEXT - PAGE, 3) != machine.entry(TEXT - PAGE) >> 12


@of_its_own
def test_a_frame_that_can_have_no_more_holders_is_loaded_again(life):
    machine = driven("it", life=life, layout=CROWDED)
    assert [spawn(machine), spawn(machine), spawn(machine)] == [2, 3, 4]
    assert text(machine, 1) == text(machine, 2) != text(machine, 3) == text(machine, 4)
