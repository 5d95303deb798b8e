"""What became of a page fault is said by the page before and after, for kernels that do more than ours too."""

import pytest

from keelback.inspect.events import Action
from keelback.inspect.page_faults import Faulted, PageFaults, Served
from keelback.inspect.walk import USER, Translation
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.processes.processes import Access, Reason
from kernel.driven import ANYWHERE, BSS, LIBRARY, PAGE, TEXT, Call, driven


@pytest.fixture(scope="module")
def machine():
    made = driven("it", "it")
    made.library = made.call(Call.LOAD_LIBRARY, LIBRARY)
    assert made.call(Call.MAP, ANYWHERE, 2 * PAGE, 2) == ANYWHERE
    made.write(ANYWHERE, 1)
    made.read(ANYWHERE + PAGE)
    return made


def served(machine, address, before=None, kind=RegionKind.ANONYMOUS):
    """Return what a fault has led to, if the page was so before and is as it is now after."""
    found = PageFaults(machine.lens).end(machine.process(1), Faulted(address, Access.READ, before, kind, Reason.NONE))
    assert found == Served(found.action, None if found.action is Action.NOTHING else machine.frame(address))
    return found.action


def test_a_page_that_is_there_now_says_where_it_comes_from(machine):
    assert served(machine, ANYWHERE) is Action.ZEROS
    assert served(machine, ANYWHERE, kind=RegionKind.STACK) is Action.STACK_GROWN
    assert served(machine, ANYWHERE + PAGE) is Action.ZERO_PAGE
    assert served(machine, TEXT, kind=RegionKind.IMAGE) is Action.LOADED
    assert served(machine, machine.library, kind=RegionKind.LIBRARY) is Action.SHARED


def test_a_page_that_was_there_says_what_it_has_become(machine):
    frame, zero = machine.frame(ANYWHERE), machine.lens.spaces.kernel.zero
    assert served(machine, ANYWHERE, Translation(ANYWHERE, frame, USER)) is Action.TAKEN_OVER
    assert served(machine, ANYWHERE, Translation(ANYWHERE, frame, USER), RegionKind.SHARED) is Action.OPENED
    assert served(machine, ANYWHERE, Translation(ANYWHERE, frame + 1, USER)) is Action.COPIED
    assert served(machine, ANYWHERE, Translation(ANYWHERE, zero, USER)) is Action.ZEROS


def test_a_page_that_is_as_it_was_says_that_nothing_was_done(machine):
    assert served(machine, BSS + 2 * PAGE) is Action.NOTHING
