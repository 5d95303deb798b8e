"""What differs between two machines is told in the kernel's terms, each byte once."""

import pytest

from keelback.inspect.differences import Differences
from keelback.inspect.named import Names, NoName, value_at
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.walk import NO_EXECUTE
from keelback.kernel.layout import MICROKERNEL, with_paging
from keelback.kernel.processes.processes import Process
from keelback.lang import address_of, layout_of
from support import MIB, make_pc

LINES = ("cow", "ping 9", "pong 9")


def machine(traps=12):
    pc = make_pc(*LINES, check=False)
    pc.boot()
    while pc.traps < traps:
        pc.step()
    return pc


def snapshot(pc):
    return Snapshot.of(pc.layout, bytes(pc.contents))


def told(change, traps=12):
    """Return what is told of two machines that were equal before one was changed."""
    one, other = machine(traps), machine(traps)
    assert list(Differences(snapshot(one), snapshot(other)).all()) == []
    change(other)
    return [str(each) for each in Differences(snapshot(one), snapshot(other)).all()]


def test_a_field_is_told_by_name_owner_and_both_values():
    assert told(lambda pc: setattr(pc.kernel.processes.table[2], "parent", 5)) == [
        "processes.table[2].parent (ping): 0 → 5"
    ]
    assert told(lambda pc: setattr(pc.kernel.timer.clock, "ticks", 1 << 40)) == ["timer.clock.ticks: 0 → 0x10000000000"]


def test_a_text_is_told_whole_and_once():
    def rename(pc):
        for number, byte in enumerate(b"king"):
            pc.kernel.processes.table[2].name[number] = byte

    assert told(rename) == ["processes.table[2].name (king): 'ping' → 'king'"]


def test_a_frames_record_is_told_as_what_it_is_used_for():
    def change(pc):
        pc.kernel.memory.frames.table[700].references = 2

    [said] = told(change)
    assert said.startswith("frame 0x2bc: ") and "free →" in said


def test_what_a_page_holds_is_told_by_its_address_and_program():
    pages = []

    def change(pc):
        found = Snapshot.of(pc.layout, pc.contents)
        page = next(each for each in found.processes[2].pages() if each.frame.references == 1)
        pages.append(page.address)
        pc.contents[(page.mapping.frame << 12) + 0x123] ^= 0xFF

    [said] = told(change)
    assert said.startswith(f"page {pages[0]:#010x} of ping (2): 1 byte from +0x123 on: ")


def test_a_changed_entry_is_told_as_the_mapping_it_makes():
    places = []

    def change(pc):
        found = Snapshot.of(pc.layout, pc.contents)
        page = next(each for each in found.processes[2].pages() if each.writable)
        places.append((page.address, page.mapping.frame))
        table = next(each for each in found.spaces[2].tables[1:] if 0 <= page.address - each.base < 4 * MIB)
        pc.contents[table.place + 4 * (page.address - table.base >> 12)] &= ~2

    [said] = told(change)
    address, frame = places[0]
    assert said == f"page {address:#010x} of ping (2): frame {frame:#x}, read and write → frame {frame:#x}, read only"


def test_what_nobody_uses_is_told_by_its_frame():
    [said] = told(lambda pc: pc.contents.__setitem__(8 * MIB - 3, 7))
    assert said == "frame 0x7ff (free): 1 byte from +0xffd on: 00 00 00 → 07 00 00"


def test_a_run_that_goes_on_differs_in_what_it_did():
    one, other = machine(0), machine(30)
    said = [str(each) for each in Differences(snapshot(one), snapshot(other)).all()]
    assert len(said) == len(set(said))
    assert any(each.startswith("threads.table[1].frame.") for each in said)
    assert Differences(snapshot(one), snapshot(other)).first(3) == [*said[:3], "…"]


def test_only_what_counts_is_told():
    one, other = machine(), machine()
    other.contents[0x5000] ^= 1
    other.contents[0x9000] ^= 1
    said = [str(each) for each in Differences(snapshot(one), snapshot(other), [(0x8000, 0xA000)]).all()]
    assert len(said) == 1 and said[0].startswith("page 0x08049000 of pong (3): 1 byte from +0x0 on: ")


def test_machines_of_other_layouts_have_no_differences_to_tell():
    one = snapshot(machine())
    other = Snapshot.of(MICROKERNEL, bytes(16 * MIB))
    with pytest.raises(ValueError, match="one layout with as much memory"):
        Differences(one, other)


def test_a_name_and_an_address_lead_to_each_other():
    pc = machine()
    names = Names(pc.kernel)
    table = pc.kernel.processes.table
    for number in (1, 2):
        place = address_of(table[number]) + layout_of(Process).field("state").offset
        assert names.at(place) == f"processes.table[{number}].state"
        assert value_at(pc.kernel, names.at(place)) == table[number].state
    assert names.at(8 * MIB - 4) is None
    with pytest.raises(NoName, match=r"the kernel's records have no processes.table\[2\].colour"):
        value_at(pc.kernel, "processes.table[2].colour")


def test_bits_that_the_cpu_sets_are_told_where_nothing_else_differs():
    """An entry's accessed bit makes no other mapping, but machines are not equal where it differs."""

    def forget(pc):
        table = pc.kernel.processes.table[1].space.directory << 12
        place = next(table + index for index in range(0, 4096, 4) if pc.ram.bytes[table + index] & 1 << 5)
        pc.ram.bytes[place] ^= 1 << 5

    [said] = told(forget)
    assert said.startswith("frame 0x") and "page directory of cow (1)" in said and ": 1 byte from +" in said


def test_a_page_that_may_no_more_be_executed_is_told():
    both = [make_pc("cow", layout=with_paging(MICROKERNEL, "PAE"), check=False) for _ in range(2)]
    for pc in both:
        pc.boot()
    one, other = map(snapshot, both)
    text = next(each for each in one.spaces[1].user if not each.flags & NO_EXECUTE)
    entry = one.walk(1, text.page).steps[-1]
    contents = bytearray(both[1].contents)
    contents[entry.place + 8 * entry.index + 7] |= 0x80
    [said] = map(str, Differences(one, Snapshot.of(other.kernel.layout, bytes(contents))).all())
    assert said == (
        f"page {text.page:#010x} of cow (1): frame {text.frame:#x}, read only → "
        f"frame {text.frame:#x}, read only, not executable"
    )
