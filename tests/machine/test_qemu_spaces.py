"""QEMU's own page walk of every address space, against the tables in RAM and against what the kernel means to map."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO

import pytest
from elftools.elf.elffile import ELFFile

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.lens import look
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.spaces import Space
from keelback.inspect.walk import NO_EXECUTE
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import Layout
from keelback.kernel.memory.frames import SHARED, STACK
from keelback.lang import PAGE_SHIFT, PAGE_SIZE
from keelback.machine.qemu.qemu import WAIT, Qemu
from machine.qemu_monitor import Gdb, Range, SpaceInQemu, Translation, walk
from support import EXECUTE, MIB, WRITE, programs_of, some_of
from variants import VARIANTS, name_of

# The second has ended, the last sleeps, and the others run by turns.
LINES = ("primes 100000000", "hello", "primes 90000000", "sleeper 1000000")
ALIVE = {1, 3, 4}
BITS = {1 << 1: "W", 1 << 2: "U", 1 << 5: "A", 1 << 6: "D", 1 << 8: "G", NO_EXECUTE: "X"}
PAGES = range(0, 1 << 32, PAGE_SIZE)
KERNEL_FLAGS = frozenset("GDA")


@dataclass
class Standstill:
    """A machine that stands still in user mode: its kernel, and its spaces as QEMU walks them, by process id."""

    kernel: Kernel
    snapshot: Snapshot
    in_qemu: Mapping[int, SpaceInQemu]


@pytest.fixture(
    scope="module", params=some_of(VARIANTS, [each for each in VARIANTS if each.name == "microkernel"]), ids=name_of
)
def standstill(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Standstill:
    layout = request.param
    socket = tmp_path_factory.mktemp("gdb") / "gdb"
    init = "".join(line + "\n" for line in LINES).encode()
    programs = programs_of(layout)
    image = make_image(layout, make_payload({"etc/init": init, **programs}), compiled(layout))
    server = ("-gdb", f"unix:{socket},server=on,wait=off")
    with Qemu(make_image_file(layout, image), memory=16 * MIB, arguments=server) as machine:
        kernel = look(layout, machine.ram)
        stop_in_user_mode(machine, kernel)
        snapshot = Snapshot(kernel)
        with Gdb(socket) as gdb:
            in_qemu = {pid: walk(machine, gdb, space.directory) for pid, space in snapshot.spaces.items()}
    return Standstill(kernel, snapshot, in_qemu)


def stop_in_user_mode(machine: Qemu, kernel: Kernel) -> None:
    """Stop a machine when all its processes have run, and the records in RAM are whole."""
    end = time.monotonic() + WAIT
    entry = ELFFile(BytesIO(programs_of(kernel.layout)["primes"]))["e_entry"]
    while time.monotonic() < end:
        machine.command("cont")
        time.sleep(0.05)
        machine.command("stop")
        threads = kernel.threads.table
        have_run = kernel.processes.table[2].state.name == "ZOMBIE" and threads[4].state.name == "SLEEPING"
        # A tick may have come before the first instruction.
        have_run = have_run and all(threads[pid].frame.instruction() != entry for pid in (1, 3))
        if have_run and "CPL=3" in machine.monitor("info registers"):
            return
    raise AssertionError(f"{LINES} have not all run after {WAIT} seconds")


# What the tables in RAM say.


def translations(snapshot: Snapshot, space: Space) -> dict[int, Translation]:
    """Return all pages that a page directory in RAM maps, with the flags of both entries."""
    return {
        each.page: Translation(
            each.page, each.frame, frozenset(letter for bit, letter in BITS.items() if each.flags & bit)
        )
        for each in snapshot.walker.pages(space.root)
    }


def ranges(found: Mapping[int, Translation]) -> list[Range]:
    """Return the stretches of pages with equal permissions."""
    stretches: list[Range] = []
    for page in sorted(found):
        permissions = ("u" if "U" in found[page].flags else "-") + "r" + ("w" if "W" in found[page].flags else "-")
        last = stretches[-1] if stretches else Range(0, 0, "")
        if (last.end, last.permissions) == (page, permissions):
            stretches[-1] = Range(last.start, page + PAGE_SIZE, permissions)
        else:
            stretches.append(Range(page, page + PAGE_SIZE, permissions))
    return stretches


def test_every_process_that_is_alive_is_looked_at(standstill):
    assert set(standstill.in_qemu) == ALIVE
    assert len({standstill.snapshot.spaces[pid].directory for pid in ALIVE}) == len(ALIVE)


def test_info_tlb_shows_just_the_pages_frames_and_flags_in_ram(standstill):
    for pid, space in standstill.snapshot.spaces.items():
        assert standstill.in_qemu[pid].translations == translations(standstill.snapshot, space), f"process {pid}"


def test_info_mem_shows_just_the_permissions_in_ram(standstill):
    for pid, space in standstill.snapshot.spaces.items():
        assert standstill.in_qemu[pid].ranges == ranges(translations(standstill.snapshot, space)), f"process {pid}"


def test_the_snapshot_has_the_user_pages_that_info_tlb_has(standstill):
    for pid, space in standstill.snapshot.spaces.items():
        user_base = standstill.kernel.layout.user_base
        user = {page: each for page, each in standstill.in_qemu[pid].translations.items() if page >= user_base}
        assert {each.page: each.frame for each in space.user} == {page: each.frame for page, each in user.items()}


# What the kernel's records mean.


def kernel_pages(kernel: Kernel) -> Iterator[Translation]:
    """Yield what every address space has below the limit, but for the windows."""
    layout, top = kernel.layout, kernel.memory.bounds.region_top
    yield Translation(SCREEN, SCREEN >> PAGE_SHIFT, KERNEL_FLAGS | {"W"} | bans(layout))
    for page in PAGES[layout.owned_start >> PAGE_SHIFT : top >> PAGE_SHIFT]:
        writes = set() if layout.kernel_start <= page < layout.text_end else {"W"}
        is_text = layout.kernel_start <= page < layout.places
        yield Translation(page, page >> PAGE_SHIFT, KERNEL_FLAGS | writes | bans(layout, is_text))


def bans(layout: Layout, can_execute: bool = False) -> set[str]:
    """Return the flag of an entry that forbids fetching, where that is so."""
    return {"X"} if layout.paging.no_execute and not can_execute else set()


def stack_pages(kernel: Kernel) -> Iterator[int]:
    """Yield the pages of the threads' kernel stacks, where a layout has slots for them."""
    for thread in kernel.threads.table if kernel.layout.kernel_stack_slots else ():
        if thread.kernel_stack:
            yield from range(thread.kernel_stack - kernel.layout.kernel_stack, thread.kernel_stack, PAGE_SIZE)


def test_the_kernel_is_global_at_its_own_address_and_its_text_is_read_only(standstill):
    layout = standstill.kernel.layout
    windows = PAGES[layout.windows >> PAGE_SHIFT :][: layout.window_count]
    expected = {each.page: each for each in kernel_pages(standstill.kernel)}
    for pid, space in standstill.in_qemu.items():
        below = {page: each for page, each in space.translations.items() if page < layout.user_base}
        shown = [below.pop(page) for page in windows if page in below]
        stacks = [below.pop(page) for page in stack_pages(standstill.kernel)]
        assert below == expected, f"process {pid}"
        assert all(each.flags == KERNEL_FLAGS | {"W"} | bans(layout) for each in shown + stacks), f"process {pid}"
        assert all(standstill.kernel.memory.frames.table[each.frame].use == STACK for each in stacks)
        assert len({each.frame for each in stacks}) == len(stacks), f"process {pid}"


def user_pages(elf: bytes, layout: Layout) -> dict[int, set[str]]:
    """Return the pages that a program has from its start, and what it may do there."""
    pages = {layout.stack_top - PAGE_SIZE: {"U", "W"} | bans(layout)}
    size = "p_memsz" if layout.eager_image else "p_filesz"
    for segment in ELFFile(BytesIO(elf)).iter_segments("PT_LOAD"):
        start, end = segment["p_vaddr"], segment["p_vaddr"] + segment[size]
        for page in PAGES[start >> PAGE_SHIFT : -(-end >> PAGE_SHIFT)]:
            writes = {"W"} if segment["p_flags"] & WRITE else set()
            pages[page] = {"U"} | writes | bans(layout, bool(segment["p_flags"] & EXECUTE))
    return pages


def pages_on_demand(elf: bytes, layout: Layout) -> set[int]:
    """Return the pages that a program has when it touches them."""
    pages = set(range(layout.stack_bottom, layout.stack_top - PAGE_SIZE, PAGE_SIZE))
    for segment in ELFFile(BytesIO(elf)).iter_segments("PT_LOAD"):
        end = segment["p_vaddr"] + segment["p_memsz"]
        pages |= set(PAGES[segment["p_vaddr"] >> PAGE_SHIFT : -(-end >> PAGE_SHIFT)])
    return pages - user_pages(elf, layout).keys()


def test_a_process_has_the_pages_of_its_program_and_stack_none_global(standstill):
    layout = standstill.kernel.layout
    programs = programs_of(layout)
    for pid, space in standstill.in_qemu.items():
        elf = programs[bytes(standstill.kernel.processes.table[pid].name).rstrip(b"\0").decode()]
        found = {page: each.flags - {"A", "D"} for page, each in space.translations.items() if page >= layout.user_base}
        written = {page: {"U", "W"} | bans(layout) for page in found.keys() & pages_on_demand(elf, layout)}
        assert found == written | user_pages(elf, layout), f"process {pid}"
        assert len(written) < len(pages_on_demand(elf, layout)) or layout.eager_image


def test_a_frame_that_may_be_written_is_its_owners_alone_and_others_are_of_one_program(standstill):
    table, layout = standstill.kernel.memory.frames.table, standstill.kernel.layout
    users: dict[int, list[tuple[int, bool]]] = {}
    for pid, space in standstill.in_qemu.items():
        for page, each in space.translations.items():
            if page >= layout.user_base:
                users.setdefault(each.frame, []).append((pid, "W" in each.flags))
    for frame, found in users.items():
        assert table[frame].references == len(found), f"frame {frame:#x}"
        if any(may_write for _, may_write in found):
            assert [pid for pid, _ in found] == [table[frame].use], f"frame {frame:#x}"
        else:
            assert table[frame].use in {SHARED, *(pid for pid, _ in found)}, f"frame {frame:#x}"
            assert len({bytes(standstill.kernel.processes.table[pid].name) for pid, _ in found}) == 1
    assert max(map(len, users.values())) > 1


def test_what_runs_has_been_accessed_and_its_text_is_not_dirty(standstill):
    layout = standstill.kernel.layout
    for pid, space in standstill.in_qemu.items():
        text, stack = space.translations[layout.image_base], space.translations[layout.stack_top - PAGE_SIZE]
        assert "A" in text.flags and "D" not in text.flags, f"process {pid}"
        assert {"A", "D"} <= stack.flags, f"process {pid}"
