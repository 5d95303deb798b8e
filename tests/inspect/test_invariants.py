"""Every invariant holds on a healthy kernel and is broken by the mistake that it is there to find."""

import struct

import pytest

from keelback.inspect.invariants import INVARIANTS, InvariantBroken, check
from keelback.inspect.lens import look
from support import make_pc

BASE = 0x0804_8000


@pytest.fixture
def pc():
    """Return a machine in the middle of things: one process sleeps, one is ready, one runs."""
    machine = make_pc("sleeper 50", "ping", "pong")
    machine.boot()
    for _ in range(4):
        machine.step()
    return machine


@pytest.fixture
def lens(pc):
    return look(pc.layout, pc.ram.contents)


def entry_address(pc, pid, page):
    """Return where the page-table entry of a user page lies."""
    directory = pc.kernel.processes.table[pid].space << 12
    table = struct.unpack_from("<I", pc.ram.bytes, directory + (page >> 22) * 4)[0] & 0xFFFFF000
    return table + (page >> 12 & 0x3FF) * 4


def poke(pc, address, change):
    old = struct.unpack_from("<I", pc.ram.bytes, address)[0]
    struct.pack_into("<I", pc.ram.bytes, address, change(old))


def lose_a_reference(pc, lens):
    lens.memory.frames.table[lens.spaces.lookup(lens.processes.table[2].space, BASE) >> 12].references -= 1


def count_a_reference_twice(pc, lens):
    lens.memory.frames.table[lens.spaces.lookup(lens.processes.table[2].space, BASE) >> 12].references += 1


def leak_a_frame(pc, lens):
    lens.memory.frames.allocate_user(2)


def forget_an_owner(pc, lens):
    lens.memory.frames.table[lens.processes.table[1].space].owner = 0


def give_a_used_frame_back(pc, lens):
    lens.memory.frames.user_zone.add(lens.spaces.lookup(lens.processes.table[2].space, BASE) >> 12)


def take_a_free_frame_out(pc, lens):
    lens.memory.frames.kernel_zone.remove(lens.memory.frames.kernel_zone.lowest())


def forget_an_upper_level(pc, lens):
    lens.memory.frames.user_zone.levels[1][0] = 0


def count_wrongly(pc, lens):
    lens.memory.frames.counts.user_free -= 1


def map_page_zero(pc, lens):
    directory = lens.spaces.kernel.directory << 12
    table = struct.unpack_from("<I", pc.ram.bytes, directory)[0] & 0xFFFFF000
    poke(pc, table, lambda old: 0x5000 | 3)


def change_one_kernel_part(pc, lens):
    poke(pc, (lens.processes.table[3].space << 12) + 5 * 4, lambda old: 0x00300003)


def open_a_kernel_page(pc, lens):
    directory = lens.spaces.kernel.directory << 12
    table = struct.unpack_from("<I", pc.ram.bytes, directory)[0] & 0xFFFFF000
    poke(pc, table + 0x150 * 4, lambda old: old | 4)


def map_a_kernel_frame(pc, lens):
    """Map the kernel's text into a process, with the reference counted as if it were right."""
    poke(pc, entry_address(pc, 2, BASE + 0x10000), lambda old: 0x00100005)
    lens.memory.frames.table[0x100].references += 1


def map_a_frame_that_is_not_there(pc, lens):
    poke(pc, entry_address(pc, 2, BASE + 0x10000), lambda old: 0xFFFFF005)


def share_a_page_table(pc, lens):
    first, second = (lens.processes.table[pid].space << 12 for pid in (2, 3))
    shared = struct.unpack_from("<I", pc.ram.bytes, first + (BASE >> 22) * 4)[0]
    poke(pc, second + (BASE >> 22) * 4, lambda old: shared)


def forget_a_process(pc, lens):
    lens.processes.counts.alive -= 1


def lose_a_thread(pc, lens):
    lens.processes.table[2].thread = None


def lose_the_queue(pc, lens):
    lens.scheduler.state.first_ready = None


def queue_a_sleeper(pc, lens):
    lens.scheduler.make_ready(lens.scheduler.state.first_sleeper)
    lens.scheduler.threads[1].state = 3


def run_two(pc, lens):
    lens.scheduler.threads[5].state = 2


MISTAKES = {
    lose_a_reference: "a frame's references are",
    count_a_reference_twice: "a frame's references are",
    leak_a_frame: "a frame's references are",
    forget_an_owner: "a frame's owner is",
    give_a_used_frame_back: "the sets of free frames",
    take_a_free_frame_out: "the sets of free frames",
    forget_an_upper_level: "a word of a free set's upper level",
    count_wrongly: "the counts of free frames",
    map_page_zero: "page 0 and the last page",
    change_one_kernel_part: "the kernel part is the same",
    open_a_kernel_page: "no page of the kernel part",
    map_a_kernel_frame: "no user mapping reaches",
    map_a_frame_that_is_not_there: "no user mapping reaches",
    share_a_page_table: "a page table belongs to one",
    forget_a_process: "a process is alive exactly",
    lose_a_thread: "a process is alive exactly",
    lose_the_queue: "every ready thread",
    queue_a_sleeper: "every ready thread",
    run_two: "at most one thread runs",
}


def test_a_healthy_kernel_breaks_none(pc, lens):
    check(lens)
    pc.run()
    check(lens)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.__name__)
def test_a_mistake_breaks_its_invariant(pc, lens, mistake):
    mistake(pc, lens)
    broken = set()
    from keelback.inspect.census import Census

    for sentence, body in INVARIANTS.items():
        if list(body(Census(lens))):
            broken.add(sentence)
    assert any(sentence.startswith(MISTAKES[mistake]) for sentence in broken), broken
    with pytest.raises(InvariantBroken):
        check(lens)


def test_every_invariant_has_a_mistake_that_breaks_it():
    for sentence in INVARIANTS:
        assert any(sentence.startswith(start) for start in MISTAKES.values()), sentence


def test_looking_changes_nothing(pc):
    before = bytes(pc.ram.bytes)
    check(look(pc.layout, pc.ram.contents))
    assert bytes(pc.ram.bytes) == before
