"""Page tables in other tools' words: QEMU's own, letter by letter; the courses', against their published shapes."""

import re

import pytest

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.lens import look
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64, OTHER_PAGING
from keelback.machine.qemu.qemu import Qemu
from keelback.view.as_courses import HEAD, info_pg, vmprint
from keelback.view.as_qemu import info_mem, info_tlb
from kernel.driven import driven
from machine.test_qemu_spaces import LINES, stop_in_user_mode
from support import MIB, programs_of

SCHEMES = pytest.mark.parametrize(
    "layout", [MICROKERNEL, OTHER_PAGING[0], MICROKERNEL_64], ids=lambda layout: layout.paging.name
)


@SCHEMES
def test_qemus_style_is_what_qemu_says_of_the_same_machine(layout):
    init = "".join(line + "\n" for line in LINES).encode()
    image = make_image(layout, make_payload({"etc/init": init, **programs_of(layout)}), compiled(layout))
    with Qemu(make_image_file(layout, image), memory=16 * MIB) as machine:
        kernel = look(layout, machine.ram)
        stop_in_user_mode(machine, kernel)
        said = {name: machine.monitor(f"info {name}").splitlines() for name in ("registers", "mem", "tlb")}
        snapshot = Snapshot(kernel)
        root = int(re.search(r"CR3=([0-9a-f]+)", " ".join(said["registers"]))[1], 16)
        ours = {"mem": list(info_mem(snapshot.walker, root)), "tlb": list(info_tlb(snapshot.walker, root))}
    for name, lines in ours.items():
        theirs = [line.strip() for line in said[name] if re.match(r"\s*[0-9a-f]{16}[-:]", line)]
        assert lines == theirs and len(lines) > 5


@pytest.fixture(scope="module", params=[MICROKERNEL, MICROKERNEL_64], ids=lambda layout: layout.paging.name)
def machine(request):
    return driven("it", layout=request.param, memory=16 * MIB)


ENTRY = re.compile(r"((?:\.\. )*\.\.)(\d+): pte (0x[0-9a-f]{16}) pa (0x[0-9a-f]{16})")


def leaves(machine):
    """Return address and frame of each page, from the walker's own list."""
    snapshot = Snapshot(machine.lens)
    return snapshot.walker, snapshot.spaces[1].root, snapshot.walker.pages(snapshot.spaces[1].root)


def test_the_tree_of_vmprint_has_every_page_below_its_tables(machine):
    walker, root, pages = leaves(machine)
    first, *lines = vmprint(walker, root)
    assert first == f"page table {root:#018x}"
    depth, levels, found = len(walker.scheme.levels), walker.scheme.levels, []
    way = {}
    for line in lines:
        dots, index, entry, place = re.fullmatch(
            r"((?:\.\. )*\.\.)(\d+): pte (0x[0-9a-f]{16}) pa (0x[0-9a-f]{16})", line
        ).groups()
        at = dots.count("..")
        way[at] = int(index) << levels[at - 1].shift
        assert int(entry, 16) & 1 and (int(entry, 16) ^ int(place, 16)) & 0xF_FFFF_FFFF_F000 == 0
        if at == depth:
            found.append((sum(way[each] for each in range(1, depth + 1)), int(place, 16) >> 12))
    assert found == [(each.page, each.frame) for each in pages]


def test_the_ranges_of_info_pg_have_every_page_once(machine):
    walker, root, pages = leaves(machine)
    first, *lines = info_pg(walker, root)
    assert first == HEAD
    found = []
    for line in lines:
        start, end, kind, flags, frames = re.fullmatch(
            r" *\[([0-9a-f]+)-([0-9a-f]+)\]  (P\w+)\[[0-9a-f-]+\] +([-XGSDACTUWP]{10}) ?(.*)", line
        ).groups()
        assert flags.endswith("P")
        if kind == "PTE":
            found += range(int(start, 16), int(end, 16) + 1)
            listed = frames.removesuffix(" ..").split()
            assert len(listed) == min(int(end, 16) + 1 - int(start, 16), 6)
            assert int(listed[0], 16) == next(each.frame for each in pages if each.page >> 12 == int(start, 16))
    assert found == [each.page >> 12 for each in pages]
