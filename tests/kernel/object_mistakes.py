"""Mistakes in the records of memory objects, and the invariants that each breaks."""

from keelback.inspect.snapshot import Snapshot
from keelback.kernel.memory.objects import ObjectNode
from keelback.lang import PAGE_SHIFT, view
from kernel.driven import ANYWHERE, PAGE, Call, Driven, driven
from support import entry_place

WRITE = 2
OTHER = 0x5000_0000


def with_objects(life: str = "interpreted") -> Driven:
    """Return a machine: 1 and its child show an object of three pages; 1 alone shows another, and names it."""
    machine = driven("it", life=life)
    for number, (pages, address) in enumerate(((3, ANYWHERE), (1, OTHER)), 1):
        assert machine.call(Call.OBJECT_CREATE, pages) == number
        assert machine.call(Call.OBJECT_MAP, number, address, pages * PAGE, WRITE) == address
        if number == 1:
            assert machine.fork() == 2
    return machine


def region_of(lens, pid=1):
    return lens.regions.find(lens.processes.table[pid].space, ANYWHERE)


def entry(lens, address, pid=1):
    """Return where the entry of a page lies, and the bytes there."""
    place = entry_place(lens, lens.processes.table[pid].space.directory, address)
    return place, bytes(lens.spaces.ram.bytes[place : place + 4])


def count_a_handle_of_memory_too_many(lens):
    lens.objects.table[1].handles += 1


def count_a_page_that_shows_too_few(lens):
    lens.objects.table[1].shown -= 1


def count_what_another_shows(lens):
    lens.processes.table[2].space.shared += 1


def keep_an_object_that_nobody_has(lens):
    lens.objects.table[4].pages = 1


def show_no_object(lens):
    region_of(lens).object = 0


def show_an_object_that_is_not_there(lens):
    region_of(lens).object = 5


def leave_a_page_out(lens):
    place, _ = entry(lens, ANYWHERE + PAGE)
    lens.spaces.ram.bytes[place : place + 4] = bytes(4)


def show_another_objects_page(lens):
    place, _ = entry(lens, ANYWHERE)
    lens.spaces.ram.bytes[place : place + 4] = entry(lens, OTHER)[1]


def name_what_is_not_there(lens):
    lens.objects.table[3].handles = 1


def list_a_frame_of_another(lens):
    node = view(lens.regions.ram, ObjectNode, lens.objects.table[2].node << PAGE_SHIFT)
    node.frames[0] = Snapshot(lens).objects[1].frames[0]


def let_promises_answer_for_a_page_of_an_object(lens):
    frames = lens.memory.frames
    frames.read_only[Snapshot(lens).objects[1].frames[0]] = 0
    frames.counts.read_only -= 1


def call_an_object_the_payload(lens):
    lens.objects.table[2].is_kernels = True


OBJECT_MISTAKES = {
    call_an_object_the_payload: "an object that has frames of the kernel's",
    count_a_handle_of_memory_too_many: "an object counts",
    count_a_page_that_shows_too_few: "an object counts",
    count_what_another_shows: "an object counts",
    keep_an_object_that_nobody_has: "an object counts",
    show_no_object: "a region names a memory object",
    show_an_object_that_is_not_there: "a region names a memory object",
    leave_a_page_out: "every page of a region that shows an object",
    show_another_objects_page: "every page of a region that shows an object",
    name_what_is_not_there: "a place of an object",
    list_a_frame_of_another: "a place of an object",
    let_promises_answer_for_a_page_of_an_object: "a user frame that a page shows",
}
