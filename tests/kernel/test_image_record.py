"""A process's record of its image names the frame that the first page has, whatever becomes of that page."""

import pytest

from kernel.driven import CODE, CROWDED, DATA, EAGER, ENTRY, NAME, PAGE, SMALL, TEXT, TEXTS, Call, driven, in_both_lives
from support import EXECUTE, READ, WRITE, elf

CAN_WRITE = 2
BASE = TEXT - PAGE  # code is on the second page, so the first may go
PROGRAM = elf(
    [
        (BASE, READ | WRITE, b"the first page", PAGE),
        (TEXT, READ | EXECUTE, CODE, len(CODE)),
        (DATA, READ | WRITE, TEXTS, PAGE),
    ],
    entry=ENTRY,
)
pytestmark = in_both_lives(SMALL, EAGER, CROWDED)


@pytest.fixture
def machine(layout, life):
    """Return a machine with process 1, whose image's first page may be written, and its child 2."""
    made = driven("it", life=life, layout=layout, programs={"it": PROGRAM})
    assert made.fork() == 2
    follows(made)
    yield made
    follows(made)


def follows(machine):
    for pid in machine.alive():
        image = machine.process(pid).space.image
        assert (image.base, image.frame) == (BASE, machine.entry(BASE, pid) >> 12), f"process {pid}"
    machine.check()


@pytest.mark.parametrize("writers", [(1,), (2,), (1, 2), (2, 1)])
def test_it_follows_a_write_after_a_fork(machine, writers):
    for pid in writers:
        machine.write(BASE, pid, pid)
        follows(machine)


def test_it_follows_page_alloc(machine):
    assert machine.call(Call.PAGE_ALLOC, BASE) == 0


def test_it_names_none_when_the_page_is_unmapped_and_another_that_comes_there(machine):
    assert machine.call(Call.UNMAP, BASE, PAGE) == 0
    assert machine.process(1).space.image.frame == 0
    follows(machine)
    assert machine.call(Call.MAP, BASE, PAGE, CAN_WRITE) == BASE
    assert machine.read(BASE) == 0
    follows(machine)
    machine.write(BASE, 1)


def test_it_starts_again_with_exec(machine):
    machine.write(BASE, 1, 2)
    assert machine.call(Call.EXEC, NAME, NAME, pid=2) == 0


def test_a_child_of_a_child_has_its_own(machine):
    machine.write(BASE, 1, 2)
    assert machine.fork(2) == 3
    machine.write(BASE, 1, 3)
