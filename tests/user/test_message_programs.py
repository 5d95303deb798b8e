"""The programs that show messages, in both lives and with all page tables: whatever is lost, nobody waits for ever."""

import pytest

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.inspect.records import numbered
from keelback.kernel.layout import MICROKERNEL
from keelback.machine.compare import compare
from keelback.machine.qemu.qemu import Qemu, Verdict
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from support import MIB, console, programs_of, sliced
from variants import variants

PROGRAMS = {
    "server 100": ["server: 100 clients, 200 calls, sum 10000"],
    "ring 50": ["ring: a token went through 150 hands, and a page has 150 marks of them"],
    "lost": [
        "lost: a client, and its server knows",
        "lost: a server, and its callers know",
        "lost: an endpoint, and all who called there know",
    ],
}
MEMORY = 32 * MIB


def image(layout, *lines):
    """Return the image of a compiled kernel that runs programs."""
    members = {name: programs_of(layout)[name] for name in {line.partition(" ")[0] for line in lines}}
    payload = make_payload({"etc/init": "".join(f"{line}\n" for line in lines).encode(), **members})
    return make_image(layout, payload, compiled(layout))


@pytest.mark.parametrize("line", sliced(PROGRAMS, 3))
def test_they_end_well_and_both_lives_are_equal(line):
    lives = [life(MICROKERNEL, image(MICROKERNEL, line), memory=MEMORY) for life in (InterpretedPc, CompiledPc)]
    assert compare(*lives).difference is None
    for each in lives:
        assert console(each) == PROGRAMS[line]
        check(look(MICROKERNEL, each.ram.contents))
        assert numbered(each.kernel.handles.endpoints.table) == [], "every endpoint is free again"


@variants
def test_they_end_well_on_qemu_side_by_side(layout):
    with Qemu(make_image_file(layout, image(layout, *PROGRAMS)), memory=2 * MEMORY) as machine:
        assert machine.wait() is Verdict.DONE, bytes(machine.console)
        said = bytes(machine.console).decode().splitlines()
    assert all(line in said for lines in PROGRAMS.values() for line in lines), said
