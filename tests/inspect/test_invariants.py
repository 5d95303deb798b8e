"""Every invariant holds on a healthy kernel and is broken by the mistake that it is there to find."""

import struct

import pytest

from keelback.inspect.census import Census
from keelback.inspect.invariants import INVARIANTS, InvariantBroken, check
from keelback.inspect.lens import look, walker_of
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64, Layout, with_paging
from keelback.kernel.memory.regions import Node
from keelback.kernel.memory.space_records import REMEMBERED, RegionKind
from keelback.kernel.processes.scheduler import TICKS
from keelback.kernel.processes.threads import ThreadState
from keelback.kernel.x86.paging import USER, WRITABLE
from keelback.kernel.x86.trap_frame import FROM_FAST_CALL
from keelback.lang import view
from keelback.lang.strict import words_of
from kernel.course import COURSE
from kernel.driven import LIBRARY_FILES, driven
from kernel.message_mistakes import MESSAGE_MISTAKES, with_messages
from kernel.object_mistakes import OBJECT_MISTAKES, with_objects
from support import entry_place, frame_at, make_pc, programs_of, sliced

BASE = 0x0804_8000
PAE = with_paging(MICROKERNEL, "PAE")


def in_the_middle(layout):
    """Return a machine in the middle of things: one process sleeps, one is ready, one runs."""
    programs = {name: programs_of(layout)[name] for name in ("sleeper", "ping", "pong")}
    library = LIBRARY_FILES[layout.paging.word_bits]
    machine = make_pc("sleeper 50", "ping", "pong", programs=programs | {"libit": library}, layout=layout)
    machine.boot()
    for _ in range(4):
        machine.step()
    return machine


@pytest.fixture
def pc():
    return in_the_middle(MICROKERNEL)


@pytest.fixture
def lens(pc):
    return look(pc.layout, pc.ram.contents)


def entry_address(pc, pid, page):
    """Return where the page-table entry of a user page lies."""
    return entry_place(pc.kernel, pc.kernel.processes.table[pid].space.directory, page)


def link_place(lens, directory, address):
    """Return where the entry lies that leads to the lowest table for an address."""
    walker = walker_of(lens)
    above = len(walker.scheme.levels) - 2
    [table] = [each for each in walker.tables(directory << 12, address, address + 1) if each.depth == above]
    return table.place + (address - table.base >> walker.scheme.levels[above].shift) * walker.scheme.entry_size


def poke(pc, address, change):
    old = struct.unpack_from("<I", pc.ram.bytes, address)[0]
    struct.pack_into("<I", pc.ram.bytes, address, change(old))


def lose_a_reference(pc, lens):
    lens.memory.frames.table[frame_at(lens, lens.processes.table[2].space.directory, BASE)].references -= 1


def count_a_reference_twice(pc, lens):
    lens.memory.frames.table[frame_at(lens, lens.processes.table[2].space.directory, BASE)].references += 1


def leak_a_frame(pc, lens):
    lens.memory.frames.allocate_user(2)


def forget_an_owner(pc, lens):
    lens.memory.frames.table[lens.processes.table[1].space.directory].use = 0


def give_a_used_frame_back(pc, lens):
    lens.memory.frames.user_zone.add(frame_at(lens, lens.processes.table[2].space.directory, BASE))


def take_a_free_frame_out(pc, lens):
    lens.memory.frames.kernel_zone.remove(lens.memory.frames.kernel_zone.lowest())


def leave_something_in_a_free_frame(pc, lens):
    struct.pack_into("<II", pc.ram.bytes, lens.memory.frames.kernel_zone.lowest() << 12, 0, 1)


def leave_something_behind_the_kernel_part(pc, lens):
    free = lens.memory.frames.kernel_zone.lowest() << 12
    own = link_place(lens, lens.spaces.kernel.directory, 0) >> 12 << 12
    pc.ram.bytes[free : free + 4096] = pc.ram.bytes[own : own + 4096]
    struct.pack_into("<I", pc.ram.bytes, free + 4092, 1)


def forget_an_upper_level(pc, lens):
    lens.memory.frames.user_zone.levels[1][0] = 0


def forget_the_first_word(pc, lens):
    lens.memory.frames.user_zone.first.index += 1


def count_wrongly(pc, lens):
    lens.memory.frames.counts.user_free -= 1


def map_page_zero(pc, lens):
    poke(pc, entry_place(lens, lens.spaces.kernel.directory, 0), lambda old: 0x5000 | 3)


def map_the_last_page(pc, lens):
    page = pc.layout.stack_top - 0x1000
    poke(pc, entry_address(pc, 2, page) + walker_of(lens).scheme.entry_size, lambda old: 0x5000 | 7)


def change_one_kernel_part(pc, lens):
    poke(pc, link_place(lens, lens.processes.table[3].space.directory, 5 << 22), lambda old: 0x00300003)


def open_a_kernel_page(pc, lens):
    poke(pc, entry_place(lens, lens.spaces.kernel.directory, 0x15_0000), lambda old: old | 4)


def guard_entry(lens, number):
    """Return where the page-table entry of the guard below a thread's kernel stack lies."""
    page = lens.threads.table[number].kernel_stack - MICROKERNEL.kernel_stack_slot
    return entry_place(lens, lens.spaces.kernel.directory, page)


def map_a_guard(pc, lens):
    poke(pc, guard_entry(lens, 1), lambda _: 0x163)


def let_a_kernel_stack_be_read_only(pc, lens):
    poke(pc, guard_entry(lens, 1) + walker_of(lens).scheme.entry_size, lambda entry: entry & ~2)


def map_a_kernel_frame(pc, lens):
    """Map the kernel's text into a process, with the reference counted as if it were right."""
    lens.spaces.enter(
        lens.spaces.tables.find(lens.processes.table[2].space.directory, page := BASE + 0x10000), page, 0x100, 4
    )
    lens.memory.frames.table[0x100].references += 1


def map_a_frame_that_is_not_there(pc, lens):
    lens.spaces.enter(
        lens.spaces.tables.find(lens.processes.table[2].space.directory, page := BASE + 0x10000), page, 0xFFFFF, 4
    )


def share_a_page_table(pc, lens):
    first, second = (link_place(lens, lens.processes.table[pid].space.directory, BASE) for pid in (2, 3))
    [shared] = struct.unpack_from("<I", pc.ram.bytes, first)
    poke(pc, second, lambda old: shared)


def remembered(lens, address):
    """Return the walk that process 2 remembers to the lowest table for an address, or to another in its place."""
    number, walks = address >> lens.layout.paging.levels[-2].shift, lens.processes.table[2].space.walks
    walk = walks[number % len(walks)]
    walk.number = number | REMEMBERED
    return walk


def remember_another_table(pc, lens):
    remembered(lens, BASE).table = 0x5000


def remember_a_table_that_is_not_there(pc, lens):
    remembered(lens, 0x7000_0000)


def remember_a_walk_in_the_wrong_place(pc, lens):
    walks = lens.processes.table[2].space.walks
    right = remembered(lens, BASE)
    [link] = struct.unpack_from("<I", pc.ram.bytes, link_place(lens, lens.processes.table[2].space.directory, BASE))
    right.table = link & ~0xFFF
    wrong = walks[(right.number + 1) % len(walks)]
    wrong.copy_from(right)
    right.clear()


def give_a_used_slot_back(pc, lens):
    lens.processes.free_slots.add(2)


def forget_a_word_of_slots(pc, lens):
    lens.threads.free_slots.bits.summary &= ~1


def forget_a_process(pc, lens):
    lens.processes.counts.alive -= 1


def call_a_process_first_that_never_was(pc, lens):
    lens.processes.counts.first = 9


def lose_a_thread(pc, lens):
    lens.processes.table[2].threads.first = 0


def lose_the_queue(pc, lens):
    lens.scheduler.queues[0].first = 0


def queue_a_sleeper(pc, lens):
    sleeper = sleeper_of(lens)
    lens.scheduler.make_ready(sleeper)
    sleeper.state = ThreadState.SLEEPING


def sleeper_of(lens):
    return next(each for each in lens.threads.table if each.state == ThreadState.SLEEPING)


def break_a_queue_backward(pc, lens):
    lens.threads.table[lens.scheduler.queues[0].last].waits.previous += 1


def end_a_queue_too_early(pc, lens):
    lens.scheduler.queues[0].last = 0


def call_a_ready_thread_waiting(pc, lens):
    lens.threads.table[lens.scheduler.queues[0].first].state = ThreadState.WAITING


def name_another_queue(pc, lens):
    lens.threads.table[lens.scheduler.queues[0].first].queue = 5


def forget_a_deadline(pc, lens):
    lens.scheduler.deadlines.queues[sleeper_of(lens).wake_tick % TICKS].first = 0


def count_a_deadline_too_many(pc, lens):
    lens.scheduler.deadlines.count += 1


def sleep_for_ever(pc, lens):
    forget_a_deadline(pc, lens)
    sleeper_of(lens).timed = False


def oversleep(pc, lens):
    lens.timer.clock.ticks += TICKS


def come_back_from_a_fast_call_elsewhere(pc, lens):
    frame = sleeper_of(lens).frame
    frame.error, frame.ecx, frame.edx = FROM_FAST_CALL, frame.esp, frame.eip + 2


def keep_the_deadline_of_a_thread_that_runs(pc, lens):
    sleeper_of(lens).state = ThreadState.RUNNING


def wait_for_nobody(pc, lens):
    thread = lens.threads.table[lens.scheduler.queues[0].first]
    lens.scheduler.remove(thread)
    lens.scheduler.wait(thread, lens.scheduler.wait_queues.of_children(thread.pid))


def let_a_thread_join_itself(pc, lens):
    thread = lens.threads.table[lens.scheduler.queues[0].first]
    lens.scheduler.remove(thread)
    lens.scheduler.wait(thread, lens.scheduler.wait_queues.of_joiners(thread.number))


def let_a_thread_watch_its_own_process(pc, lens):
    thread = lens.threads.table[lens.scheduler.queues[0].first]
    lens.scheduler.remove(thread)
    lens.scheduler.wait(thread, lens.scheduler.wait_queues.of_watchers(thread.pid))


def wait_on_no_word(pc, lens):
    thread = lens.threads.table[lens.scheduler.queues[0].first]
    lens.scheduler.remove(thread)
    lens.scheduler.wait(thread, lens.word_waits.queue_of(thread.awaited))


def end_a_thread_where_it_is(pc, lens):
    thread = sleeper_of(lens)
    lens.scheduler.remove(thread)
    thread.state = ThreadState.ENDED


def let_a_thread_that_ended_keep_its_stack(pc, lens):
    thread = sleeper_of(lens)
    process = lens.processes.of(thread)
    lens.scheduler.remove(thread)
    lens.threads.create(process.pid, process.threads)
    lens.threads.table[process.threads.last].state = ThreadState.SLEEPING
    lens.threads.end(thread, process.threads, process.ended)


def give_a_thread_another_number(pc, lens):
    lens.threads.table[2].number = 5


def give_a_thread_to_another_process(pc, lens):
    lens.threads.table[2].pid = 1


def keep_a_thread_that_has_ended(pc, lens):
    lens.threads.table[6].number = 6


def run_two(pc, lens):
    lens.threads.table[lens.scheduler.queues[0].first].state = ThreadState.RUNNING


def count_an_owner_wrongly(pc, lens):
    lens.memory.frames.counts.used[0] += 1


def count_a_full_frame_too_many(pc, lens):
    lens.memory.frames.counts.full += 1


def leave_a_table_empty(pc, lens):
    """Unmap the stack's page, the only one of its table, and drop its reference as is right."""
    process = lens.processes.table[2]
    page = lens.layout.stack_top - 0x1000
    lens.memory.frames.drop(frame_at(lens, process.space.directory, page), 2)
    poke(pc, entry_address(pc, 2, page), lambda old: 0)


def swap_two_regions(pc, lens):
    space = lens.processes.table[2].space
    space.regions[0].start, space.regions[1].start = space.regions[1].start, space.regions[0].start
    space.regions[0].end, space.regions[1].end = space.regions[1].end, space.regions[0].end


def split_a_region(pc, lens):
    """Make two of the stack's region, which are alike."""
    space = lens.processes.table[2].space
    region, other = space.regions[space.count - 1], space.regions[space.count]
    middle = region.end - 0xF000
    other.start, other.end, other.kind, other.permissions = middle, region.end, region.kind, region.permissions
    region.end = other.start
    space.count += 1


def begin_a_region_within_a_page(pc, lens):
    lens.processes.table[2].space.regions[0].start += 0x10


def let_a_region_reach_the_last_page(pc, lens):
    space = lens.processes.table[2].space
    space.regions[space.count - 1].end = pc.layout.paging.user_limit - 1


def let_the_stack_reach_into_its_guard(pc, lens):
    space = lens.processes.table[2].space
    space.regions[space.count - 1].start -= 0x1000


def let_two_regions_overlap(pc, lens):
    space = lens.processes.table[2].space
    space.regions[0].end = space.regions[1].start + 0x1000


def keep_an_empty_region(pc, lens):
    space = lens.processes.table[2].space
    region, other = space.regions[space.count - 1], space.regions[space.count]
    other.start, other.end, other.kind, other.permissions = region.end, region.end, RegionKind.ANONYMOUS, 0
    space.count += 1


def map_many_regions(pc, lens, pid=2, count=300):
    """Let a process have so many regions more, as is right; return its space."""
    space = lens.processes.table[pid].space
    for number in range(count):
        pc.kernel.virtual_memory.map(space, 0x5000_0000 + number * 0x2000, 0x1000, RegionKind.ANONYMOUS, 4)
    check(lens)
    return space


def first_node(lens, space):
    return view(lens.regions.ram, Node, space.node)


def keep_a_node_too_many(pc, lens):
    space = map_many_regions(pc, lens)
    lens.regions._add_node(space)


def leave_a_region_behind_the_last(pc, lens):
    space = map_many_regions(pc, lens, count=20)
    lens.regions.at(space, space.count).end = 0x1000


def leave_a_region_behind_the_last_of_few(pc, lens):
    space = lens.processes.table[2].space
    space.regions[space.count].permissions = 2


def list_a_node_that_is_none(pc, lens):
    first_node(lens, map_many_regions(pc, lens)).nodes[2] = 0x1000


def list_nodes_in_another(pc, lens):
    view(lens.regions.ram, Node, first_node(lens, map_many_regions(pc, lens)).nodes[1]).nodes[0] = 0x1000


def share_a_node(pc, lens):
    one, other = map_many_regions(pc, lens), map_many_regions(pc, lens, pid=3)
    first_node(lens, one).nodes[1] = first_node(lens, other).nodes[1]


def keep_a_node_outside_the_zone(pc, lens):
    space = map_many_regions(pc, lens)
    first_node(lens, space).nodes[1] = lens.memory.bounds.region_top


def keep_regions_in_the_record_and_in_a_node(pc, lens):
    map_many_regions(pc, lens).regions[0].end = 0x1000


def load_a_library_below_images(pc, lens):
    load_a_library(pc, lens)
    lens.libraries.table[0].space.regions[0].start = lens.layout.user_base - 0x1000


def call_an_image_a_stack(pc, lens):
    lens.processes.table[2].space.regions[0].kind = RegionKind.STACK


def call_a_stack_an_image(pc, lens):
    space = lens.processes.table[2].space
    space.regions[space.count - 1].kind = RegionKind.IMAGE


def forget_who_runs_a_program(pc, lens):
    lens.processes.running[lens.processes.table[2].program - 1].first = 0


def record_the_image_elsewhere(pc, lens):
    lens.processes.table[2].space.image.frame += 1


def write_to_a_loaded_page(pc, lens):
    frame = frame_at(lens, lens.processes.table[2].space.directory, BASE)
    pc.ram.bytes[frame << 12] ^= 1


def mark_the_stack_as_loaded(pc, lens):
    poke(pc, entry_address(pc, 2, lens.layout.stack_top - 0x1000), lambda old: old | 1 << 9)


def take_a_region_away(pc, lens):
    space = lens.processes.table[2].space
    space.count -= 1


def let_text_be_written(pc, lens):
    poke(pc, entry_address(pc, 2, BASE), lambda old: old | 2)


def let_two_write_one_frame(pc, lens):
    """Share a page of one process with another as if it were right, but let both write to it."""
    frames, page = lens.memory.frames, lens.layout.stack_top - 0x1000
    frame = frame_at(lens, lens.processes.table[2].space.directory, page)
    frames.drop(frame_at(lens, lens.processes.table[3].space.directory, page), 3)
    frames.share(frame)
    poke(pc, entry_address(pc, 3, page), lambda old: frame << 12 | old & 0xFFF)


def write_to_the_frame_of_zeros(pc, lens):
    page = lens.layout.stack_top - 0x1000
    lens.memory.frames.drop(frame_at(lens, lens.processes.table[3].space.directory, page), 3)
    poke(pc, entry_address(pc, 3, page), lambda old: lens.spaces.kernel.zero << 12 | old & 0xFFF)


def take_a_malloc_page(pc, lens):
    """Let a process have a malloc page as is right."""
    page = pc.kernel.malloc_pages.allocate(pc.kernel.processes.table[2].space, 2)
    return lens.processes.table[2].space, page


def count_a_malloc_page_too_many(pc, lens):
    take_a_malloc_page(pc, lens)[0].malloc.count += 1


def look_behind_a_free_page(pc, lens):
    take_a_malloc_page(pc, lens)[0].malloc.first += 1


def end_the_malloc_region_too_late(pc, lens):
    space, _ = take_a_malloc_page(pc, lens)
    lens.regions.find(space, lens.layout.malloc_base).end += 0x1000


def keep_anonymous_memory_in_the_malloc_area(pc, lens):
    space, page = take_a_malloc_page(pc, lens)
    lens.regions.find(space, page).kind = RegionKind.ANONYMOUS


def load_a_library(pc, lens):
    """Let two processes have a library as is right; return what they list."""
    pc.kernel.libraries.loaded.request.text.set_text("libit")
    for pid in (2, 3):
        process = pc.kernel.processes.table[pid]
        pc.kernel.libraries.load(process.space, process.libraries, pc.kernel.libraries.loaded.request.text)
    check(lens)
    return lens.processes.table[2].libraries


def count_a_user_too_many(pc, lens):
    load_a_library(pc, lens)
    lens.libraries.table[0].users += 1


def forget_a_library(pc, lens):
    load_a_library(pc, lens).count = 0


def list_a_library_twice(pc, lens):
    listed = load_a_library(pc, lens)
    listed.slots[1].library, listed.slots[1].address = listed.slots[0].library, listed.slots[0].address
    listed.count = 2
    lens.libraries.table[0].users += 1


def list_no_library(pc, lens):
    load_a_library(pc, lens).slots[0].library = None


def list_a_library_elsewhere(pc, lens):
    load_a_library(pc, lens).slots[0].address += 0x1000


def call_a_library_page_anonymous(pc, lens):
    address = load_a_library(pc, lens).slots[0].address
    space = lens.processes.table[2].space
    lens.regions.find(space, address).kind = RegionKind.ANONYMOUS


def let_library_text_be_written(pc, lens):
    address = load_a_library(pc, lens).slots[0].address
    space = lens.processes.table[2].space
    lens.regions.find(space, address).permissions |= 2


def keep_a_library_that_nobody_has(pc, lens):
    """Unmap a library everywhere as is right, but let its slot say that somebody has it."""
    load_a_library(pc, lens)
    library = lens.libraries.table[0]
    for pid in (2, 3):
        process = pc.kernel.processes.table[pid]
        library.users = 2
        pc.kernel.libraries.unload(process.space, process.libraries, process.libraries.slots[0].address)


def call_text_written(pc, lens):
    lens.memory.frames.read_only[frame_at(lens, lens.processes.table[2].space.directory, BASE)] = 0


def count_a_read_only_frame_too_few(pc, lens):
    lens.memory.frames.counts.read_only -= 1


def promise_a_page_too_few(pc, lens):
    lens.promises.add(lens.processes.table[2].space, -1, 0)


def promise_a_table_too_many(pc, lens):
    lens.promises.add(lens.processes.table[2].space, 0, 1)


def count_a_promise_that_nobody_has(pc, lens):
    lens.memory.frames.counts.user_promised += 1


def promise_more_than_is_free(pc, lens):
    """Give a process more memory than there is, with the promises that it would have."""
    space = lens.processes.table[2].space
    lens.regions.add(space, 0x4000_0000, 0x6000_0000, RegionKind.ANONYMOUS, 6)
    lens.promises.add(space, 1 << 17, 1 << 7)


def list_a_stranger(pc, lens):
    lens.processes.table[2].children.first = lens.processes.table[2].children.last = 3


def forget_a_child(pc, lens):
    lens.processes.table[3].parent = 2


def list_a_child_for_ever(pc, lens):
    forget_a_child(pc, lens)
    list_a_stranger(pc, lens)
    lens.processes.table[3].siblings.next = 3


def let_the_kernel_write_its_text(pc, lens):
    poke(pc, entry_place(lens, lens.spaces.kernel.directory, pc.layout.kernel_start), lambda old: old | 2)


# What alone page tables have that are loaded with cr3.


def let_a_pointer_have_rights(pc, lens):
    poke(pc, lens.processes.table[2].space.directory << 12, lambda old: old | 6)


# What alone page tables of two words an entry have.


def let_a_stack_be_executed(pc, lens):
    poke(pc, entry_address(pc, 2, pc.layout.stack_top - 4096) + 4, lambda old: 0)


def let_the_kernel_execute_its_records(pc, lens):
    poke(pc, entry_place(lens, lens.spaces.kernel.directory, pc.layout.text_end) + 4, lambda old: 0)


def forbid_the_kernel_its_text(pc, lens):
    poke(pc, entry_place(lens, lens.spaces.kernel.directory, pc.layout.kernel_start) + 4, lambda old: 1 << 31)


# What alone page tables of two halves have.


def map_something_in_the_upper_half(pc, lens):
    [root, *_] = walker_of(lens).tables(lens.processes.table[2].space.directory << 12)
    poke(pc, root.place + 511 * 8, lambda old: root_entry(pc, root))
    poke(pc, root.place + 511 * 8 + 4, lambda old: 0)


def root_entry(pc, root):
    return struct.unpack_from("<I", pc.ram.bytes, root.place)[0]


PAE_MISTAKES = {let_a_pointer_have_rights: "an entry that the CPU loads with cr3"}
LONG_MISTAKES = {map_something_in_the_upper_half: "page 0, the last page and what is above"}
WIDE_MISTAKES = {
    let_a_stack_be_executed: "a page that is mapped lies in a region",
    let_the_kernel_execute_its_records: "of the kernel part its text alone can be executed",
    forbid_the_kernel_its_text: "of the kernel part its text alone can be executed",
}
MISTAKES = {
    let_the_kernel_write_its_text: "of the kernel part its text alone can be executed",
    count_an_owner_wrongly: "the counts of frames by owner",
    count_a_full_frame_too_many: "the counts of frames by owner",
    leave_a_table_empty: "a page table that is there maps something",
    swap_two_regions: "regions are whole pages",
    split_a_region: "regions are whole pages",
    begin_a_region_within_a_page: "regions are whole pages",
    let_a_region_reach_the_last_page: "regions are whole pages",
    let_the_stack_reach_into_its_guard: "regions are whole pages",
    let_two_regions_overlap: "regions are whole pages",
    keep_an_empty_region: "regions are whole pages",
    keep_a_node_too_many: "regions lie side by side",
    leave_a_region_behind_the_last: "regions lie side by side",
    leave_a_region_behind_the_last_of_few: "regions lie side by side",
    list_a_node_that_is_none: "regions lie side by side",
    list_nodes_in_another: "regions lie side by side",
    share_a_node: "regions lie side by side",
    keep_a_node_outside_the_zone: "regions lie side by side",
    keep_regions_in_the_record_and_in_a_node: "regions lie side by side",
    load_a_library_below_images: "regions are whole pages",
    call_an_image_a_stack: "an image lies where images may",
    call_a_stack_an_image: "an image lies where images may",
    forget_who_runs_a_program: "every process is in the list of those that run",
    record_the_image_elsewhere: "a process's record says which frame",
    write_to_a_loaded_page: "a page that is marked as loaded",
    mark_the_stack_as_loaded: "a page that is marked as loaded",
    take_a_region_away: "a page that is mapped lies in a region",
    let_text_be_written: "a page that is mapped lies in a region",
    let_two_write_one_frame: "a page that may be written is in a frame",
    write_to_the_frame_of_zeros: "no user mapping reaches",
    count_a_malloc_page_too_many: "a process's record counts its malloc pages",
    look_behind_a_free_page: "a process's record counts its malloc pages",
    end_the_malloc_region_too_late: "in the malloc area is nothing but",
    keep_anonymous_memory_in_the_malloc_area: "in the malloc area is nothing but",
    count_a_user_too_many: "a library is loaded as long as",
    forget_a_library: "a library is loaded as long as",
    list_a_library_twice: "a library is loaded as long as",
    list_no_library: "a library is loaded as long as",
    keep_a_library_that_nobody_has: "a library is loaded as long as",
    list_a_library_elsewhere: "a library lies in its process's regions",
    call_a_library_page_anonymous: "a library lies in its process's regions",
    let_library_text_be_written: "a library lies in its process's regions",
    call_text_written: "a user frame that a page shows",
    count_a_read_only_frame_too_few: "a user frame that a page shows",
    promise_a_page_too_few: "a space counts as many promises",
    promise_a_table_too_many: "a space counts as many promises",
    count_a_promise_that_nobody_has: "the counts of promises",
    promise_more_than_is_free: "what pages may still need is free",
    list_a_stranger: "every child is in its parent's list",
    forget_a_child: "every child is in its parent's list",
    list_a_child_for_ever: "every queue is a list both ways",
    lose_a_reference: "a frame's references are",
    count_a_reference_twice: "a frame's references are",
    leak_a_frame: "a frame's references are",
    forget_an_owner: "a frame's role and owner",
    give_a_used_frame_back: "the sets of free frames",
    take_a_free_frame_out: "the sets of free frames",
    leave_something_behind_the_kernel_part: "a free frame of the kernel zone that begins",
    leave_something_in_a_free_frame: "a free frame of the kernel zone",
    forget_an_upper_level: "a word of a free set's upper level",
    forget_the_first_word: "a free set notes which of its words",
    count_wrongly: "the counts of free frames",
    map_page_zero: "page 0, the last page and what is above",
    map_the_last_page: "page 0, the last page and what is above",
    change_one_kernel_part: "the kernel part is the same",
    open_a_kernel_page: "no page of the kernel part",
    map_a_guard: "in the area for global mappings are kernel stacks alone",
    let_a_kernel_stack_be_read_only: "in the area for global mappings are kernel stacks alone",
    map_a_kernel_frame: "no user mapping reaches",
    map_a_frame_that_is_not_there: "no user mapping reaches",
    share_a_page_table: "a page table belongs to one",
    remember_another_table: "a walk that a space remembers",
    remember_a_table_that_is_not_there: "a walk that a space remembers",
    remember_a_walk_in_the_wrong_place: "a walk that a space remembers",
    give_a_used_slot_back: "a slot of the tables",
    forget_a_word_of_slots: "a slot of the tables",
    forget_a_process: "a process is alive exactly",
    call_a_process_first_that_never_was: "a process is alive exactly",
    lose_a_thread: "a process is alive exactly",
    lose_the_queue: "a ready thread is in its CPU's queue",
    queue_a_sleeper: "a ready thread is in its CPU's queue",
    call_a_ready_thread_waiting: "a ready thread is in its CPU's queue",
    name_another_queue: "a ready thread is in its CPU's queue",
    break_a_queue_backward: "every queue is a list both ways",
    end_a_queue_too_early: "every queue is a list both ways",
    forget_a_deadline: "a thread with a deadline",
    count_a_deadline_too_many: "a thread with a deadline",
    sleep_for_ever: "a thread with a deadline",
    oversleep: "a thread with a deadline",
    keep_the_deadline_of_a_thread_that_runs: "a thread with a deadline",
    let_a_thread_join_itself: "who waits to join a thread",
    let_a_thread_watch_its_own_process: "who waits by a handle",
    wait_on_no_word: "who waits on a word",
    end_a_thread_where_it_is: "a thread that has ended",
    let_a_thread_that_ended_keep_its_stack: "a thread that has ended",
    wait_for_nobody: "who waits for a child",
    give_a_thread_another_number: "a thread in use is in its process's list",
    give_a_thread_to_another_process: "a thread in use is in its process's list",
    keep_a_thread_that_has_ended: "a thread in use is in its process's list",
    run_two: "at most one thread of a CPU runs",
}

NARROW_MISTAKES = {
    come_back_from_a_fast_call_elsewhere: "a frame that a fast call's way back may restore",
}

BY_LAYOUT = {
    MICROKERNEL: MISTAKES | NARROW_MISTAKES,
    PAE: PAE_MISTAKES | WIDE_MISTAKES,
    MICROKERNEL_64: MISTAKES | WIDE_MISTAKES | LONG_MISTAKES,
}


def show_memory_elsewhere(lens):
    poke(lens.spaces, entry_place(lens, lens.spaces.kernel.directory, 0x18_0000), lambda old: old ^ 0x1000)


def change_a_kernel_page(lens):
    poke(lens.spaces, entry_place(lens, lens.processes.table[1].space.directory, 0x4_0000), lambda old: old | WRITABLE)


def open_a_page_beside_the_screen(lens):
    for directory in (lens.spaces.kernel.directory, lens.processes.table[1].space.directory):
        poke(lens.spaces, entry_place(lens, directory, 0xB_9000), lambda old: old | USER)


def promise_with_a_page_table(lens):
    frames = lens.memory.frames
    frames.read_only[lens.processes.table[1].space.directory] = 0
    frames.counts.read_only -= 1


MISTAKES_IN_A_COURSE = {
    show_memory_elsewhere: "a kernel that serves traps in a space of its own",
    change_a_kernel_page: "the kernel part is the same",
    open_a_page_beside_the_screen: "no page of the kernel part",
    promise_with_a_page_table: "a user frame that a page shows",
}
"""What is wrong only where the layout has the policies of the virtual-memory course."""


@pytest.mark.parametrize("mistake", MISTAKES_IN_A_COURSE, ids=lambda each: each.__name__)
def test_so_does_one_in_a_kernel_with_one_pool_and_a_space_of_its_own(mistake):
    machine = driven(layout=COURSE, memory=2 << 20)
    machine.check()
    mistake(machine.lens)
    with pytest.raises(InvariantBroken) as caught:
        machine.check()
    assert caught.value.sentence.startswith(MISTAKES_IN_A_COURSE[mistake])


@pytest.mark.parametrize("mistake", MESSAGE_MISTAKES, ids=lambda each: each.__name__)
def test_so_does_one_in_the_records_of_messages(mistake):
    machine = with_messages()
    machine.check()
    mistake(machine.lens)
    broken = {sentence for sentence, body in INVARIANTS.items() if list(body(Census(Snapshot(machine.lens))))}
    assert any(sentence.startswith(MESSAGE_MISTAKES[mistake]) for sentence in broken), broken


@pytest.mark.parametrize("mistake", OBJECT_MISTAKES, ids=lambda each: each.__name__)
def test_so_does_one_in_the_records_of_memory_objects(mistake):
    machine = with_objects()
    machine.check()
    mistake(machine.lens)
    broken = {sentence for sentence, body in INVARIANTS.items() if list(body(Census(Snapshot(machine.lens))))}
    assert any(sentence.startswith(OBJECT_MISTAKES[mistake]) for sentence in broken), broken


@pytest.mark.parametrize("layout", BY_LAYOUT, ids=lambda each: each.paging.name)
def test_a_healthy_kernel_breaks_none(layout):
    pc = in_the_middle(layout)
    lens = look(layout, pc.ram.contents)
    check(lens)
    pc.run()
    check(lens)


def test_a_page_table_outside_ram_is_told_before_all_else(pc, lens):
    poke(pc, link_place(lens, lens.processes.table[2].space.directory, BASE), lambda old: 0xF000_0007)
    with pytest.raises(InvariantBroken) as caught:
        check(lens)
    assert caught.value.sentence == "every page table lies in RAM"
    assert caught.value.finding == "a page table lies at 0xf0000000, where there is no RAM"


def in_every_run(layout, mistakes):
    """Return a layout with each mistake: every second for every run with i386 page tables, one in ten with others."""
    return sliced([(layout, each) for each in mistakes], 2 if layout is MICROKERNEL else 10)


@pytest.mark.parametrize(
    ("layout", "mistake"),
    [each for layout, mistakes in BY_LAYOUT.items() for each in in_every_run(layout, mistakes)],
    ids=lambda each: each.paging.name if isinstance(each, Layout) else each.__name__,
)
def test_a_mistake_breaks_its_invariant(layout, mistake):
    pc = in_the_middle(layout)
    lens = look(layout, pc.ram.contents)
    with words_of(layout.paging.word_bits):
        mistake(pc, lens)
    broken = set()
    for sentence, body in INVARIANTS.items():
        if list(body(Census(Snapshot(lens)))):
            broken.add(sentence)
    assert any(sentence.startswith(BY_LAYOUT[layout][mistake]) for sentence in broken), broken
    with pytest.raises(InvariantBroken):
        check(lens)


def test_every_invariant_has_a_mistake_that_breaks_it():
    groups = (*BY_LAYOUT.values(), MISTAKES_IN_A_COURSE, MESSAGE_MISTAKES, OBJECT_MISTAKES)
    known = [start for mistakes in groups for start in mistakes.values()]
    for sentence in INVARIANTS:
        assert any(sentence.startswith(start) for start in known), sentence


def test_looking_changes_nothing(pc):
    before = bytes(pc.ram.bytes)
    check(look(pc.layout, pc.ram.contents))
    assert bytes(pc.ram.bytes) == before
