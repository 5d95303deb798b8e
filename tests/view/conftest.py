"""What the tests of maps and tales look at: one machine in both lives, whose history is known."""

import pytest

from keelback.inspect.snapshot import Snapshot
from kernel.driven import LIBRARY, LIVES, SMALL, with_each_kind_of_memory


@pytest.fixture(scope="module", params=LIVES)
def machine(request):
    return with_each_kind_of_memory(LIBRARY, life=request.param, layout=SMALL)


@pytest.fixture(scope="module")
def snapshot(machine):
    return Snapshot(machine.lens)
