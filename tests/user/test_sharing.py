"""libgfx in three processes at once, on all machines: shared frames, an address and data of each one's own."""

import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from keelback.cli.libraries import payload_libraries
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.image.programs import build_program
from keelback.inspect.lens import look
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import MICROKERNEL, USERMODE
from keelback.kernel.processes.processes import Ending
from keelback.machine.observed import observe
from keelback.machine.qemu.observed_qemu import ObservedQemu
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.user import RUNTIME
from support import MIB, entry_at

MEMORY = 16 * MIB
DATA_PAGE = 2
DRAWS = """
#include "libgfx.h"

volatile char room[%d];

int main(const char *argument)
{
    struct libgfx gfx;
    uint32_t turns = number_in(argument, 0);

    room[0] = 1;
    for (uint32_t turn = 0; turn < turns; turn++)
        sys_yield();
    if (load_libgfx(&gfx) || gfx.calls() != 0)
        sys_panic("the library is not as it was made");
    for (uint32_t shape = 0; shape < 12; shape++) {
        gfx.text(1 + shape, 1, "a line");
        sys_yield();
    }
    return gfx.calls() == 12 ? 0 : 1;
}
"""
LINES = ("small 0", "middle 1", "large 5")


def payload(layout):
    """Return three programs of different sizes, so that libraries come to lie at different addresses."""
    members = {"etc/init": "".join(f"{line}\n" for line in LINES).encode(), **payload_libraries()}
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(("small", "middle", "large")):
            source = Path(folder, f"{name}.c")
            source.write_text(DRAWS % (1 + 5000 * number))
            members[name] = build_program(source, runtime=RUNTIME, image_base=layout.image_base)
    return make_payload(members)


def machine_of(kind, layout):
    built = compiled(layout) if kind != "interpreted" else None
    image = make_image(layout, payload(layout), built)
    if kind == "QEMU":
        return ObservedQemu(make_image_file(layout, image), memory=MEMORY)
    make = InterpretedPc if kind == "interpreted" else CompiledPc
    return nullcontext(make(layout, image, memory=MEMORY))


class Seen:
    """What RAM shows when the most processes have the library."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.users = 0
        self.addresses = {}
        self.frames = {}
        self.pristine = []
        self.references = []

    def look(self):
        library = self.kernel.libraries.table[0]
        if library.users < max(self.users, 3):
            return
        self.users = library.users
        snapshot = Snapshot(self.kernel)
        self.pristine = snapshot.libraries[0].frames
        self.references = [self.kernel.memory.frames.table[frame].references for frame in self.pristine]
        for process in (snapshot.processes[pid] for pid in (1, 2, 3)):
            [(_, address)] = process.libraries
            self.addresses[process.name] = address
            pages = range(address, address + 3 * 4096, 4096)
            entries = [entry_at(self.kernel, process.record.space.directory, page) for page in pages]
            self.frames[process.name] = [entry >> 12 for entry in entries]


@pytest.mark.parametrize("layout", [MICROKERNEL, USERMODE], ids=lambda layout: layout.name)
@pytest.mark.parametrize("kind", ["interpreted", "compiled", "QEMU"])
def test_three_processes_draw_by_one_library(kind, layout):
    with machine_of(kind, layout) as machine:
        kernel = look(layout, machine.contents)
        seen = Seen(kernel)
        observe(machine, after_trap=seen.look)
    assert len(set(seen.addresses.values())) == 3
    data = {name: frames[DATA_PAGE] for name, frames in seen.frames.items()}
    assert len({*data.values(), seen.pristine[DATA_PAGE]}) == 4
    assert all(frames[:DATA_PAGE] == seen.pristine[:DATA_PAGE] for frames in seen.frames.values())
    assert seen.references == [4, 4, 1]
    ends = [(kernel.processes.table[pid].ending, kernel.processes.table[pid].exit_status) for pid in (1, 2, 3)]
    assert ends == [(Ending.EXITED, 0)] * 3
    assert kernel.libraries.table[0].users == 0
