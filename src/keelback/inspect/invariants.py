"""The invariants of the kernel: named sentences with executable bodies, checked on any RAM.

Each body gets a census and yields what contradicts its sentence, in words; nothing yielded means that it holds.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

from keelback.abi.records import ANY_CHILD
from keelback.inspect.census import (
    AS_LOADED,
    Census,
    bits,
    holder,
    nodes_of,
    numbered,
    raw,
)
from keelback.inspect.loaded_pages import loaded_page
from keelback.inspect.walk import PAGE_SHIFT, USER, WRITABLE, Table, Translation
from keelback.kernel.kernel import Kernel
from keelback.kernel.memory.frames import OWNER_BITS, Role
from keelback.kernel.memory.regions import FEW, IN_NODE, SPARE, Kind, MemoryRegion, Space
from keelback.kernel.processes.processes import Process, ProcessState
from keelback.kernel.processes.queues import Queue, Queues
from keelback.kernel.processes.scheduler import TICKS, waiters_of
from keelback.kernel.processes.threads import ThreadState
from keelback.lang import Panic, size_of

PAGE_SIZE = 1 << PAGE_SHIFT
ZEROS = bytes(PAGE_SIZE)
REGION_WORDS, NODE_WORDS = size_of(MemoryRegion) // 4, IN_NODE * size_of(MemoryRegion) // 4

Body = Callable[[Census], Iterator[str]]
INVARIANTS: dict[str, Body] = {}


class InvariantBroken(Exception):
    """A sentence that should always be true is not; `sentence` and `finding` say which and why."""

    def __init__(self, sentence: str, finding: str) -> None:
        self.sentence = sentence
        self.finding = finding
        super().__init__(f"{sentence}: {finding}")


def check(kernel: Kernel) -> None:
    """Check all invariants of a kernel that has booted.  Raises: InvariantBroken for the first that does not hold."""
    try:
        census = Census(kernel)
    except Panic as panic:
        raise InvariantBroken("every page table lies in RAM", panic.message) from panic
    for sentence, body in INVARIANTS.items():
        for finding in body(census):
            raise InvariantBroken(sentence, finding)


def invariant(sentence: str) -> Callable[[Body], Body]:
    """Add a body to the list, under its sentence."""

    def add(body: Body) -> Body:
        INVARIANTS[sentence] = body
        return body

    return add


@invariant("a frame's references are the entries and kernel uses that name it, and a page table's its present entries")
def _references(census: Census) -> Iterator[str]:
    for frame, (references, _owner), (uses, _user) in census.differing_frames:
        if references != uses:
            yield f"frame {frame:#x} has {references}, and {uses} name it"


@invariant("a frame's owner is who uses it, and a frame that nobody uses has none")
def _owners(census: Census) -> Iterator[str]:
    for frame, (_references, owner), (_uses, user) in census.differing_frames:
        if owner != user:
            yield f"frame {frame:#x} is owned by {owner}, used by {user}"


@invariant("a user frame that a page shows which its process may not write to is read-only, and all such are counted")
def _read_only(census: Census) -> Iterator[str]:
    counts, found = census.kernel.memory.frames.counts, census.marked_read_only
    for frame in (census.read_only - found) | (found - census.user_frames):
        yield f"frame {frame:#x} is {'' if frame in found else 'not '}read-only"
    if counts.read_only != len(found):
        yield f"counted {counts.read_only}, found {len(found)}"


@invariant("the sets of free frames hold exactly the frames of their zones without a reference")
def _free_sets(census: Census) -> Iterator[str]:
    frames = census.kernel.memory.frames
    for name, found, free in (
        ("kernel zone", frames.kernel_zone, census.free & census.zone),
        ("user frames", frames.user_zone, census.free & ~census.zone),
    ):
        wrong = bits(found) ^ free
        if wrong:
            yield f"frame {(wrong & -wrong).bit_length() - 1:#x} and the set of the {name}"


@invariant("a free frame of the kernel zone whose first word is 0 is all zero")
def _blank_frames(census: Census) -> Iterator[str]:
    bounds, free = census.kernel.memory.bounds, census.free
    for frame in range(bounds.zone >> PAGE_SHIFT, bounds.region_top >> PAGE_SHIFT):
        words = census.frame(frame)
        if words[0] == 0 and free >> frame & 1 and words.tobytes() != ZEROS:
            yield f"frame {frame:#x}"


@invariant("a word of a free set's upper level has a bit for each word below that is not zero")
def _set_levels(census: Census) -> Iterator[str]:
    for free in (census.kernel.memory.frames.kernel_zone, census.kernel.memory.frames.user_zone):
        for number, (lower, upper) in enumerate(pairwise(free.levels)):
            summary = sum(1 << index for index, word in enumerate(lower.elements) if word)
            if summary != int.from_bytes(raw(upper), "little"):
                yield f"level {number + 1} does not sum level {number} up"


@invariant("the counts of free frames are the sizes of the sets")
def _free_counts(census: Census) -> Iterator[str]:
    frames = census.kernel.memory.frames
    counted = (frames.counts.kernel_free, frames.counts.user_free)
    sizes = (bits(frames.kernel_zone).bit_count(), bits(frames.user_zone).bit_count())
    if sizes != counted:
        yield f"counted {counted[0]} and {counted[1]}, found {sizes[0]} and {sizes[1]}"


@invariant("the counts of frames by owner are those of the frame table, and so is the count of full ones")
def _used_counts(census: Census) -> Iterator[str]:
    frames = census.kernel.memory.frames
    kinds, full = [0] * len(Role), 0
    for record, count in Counter(memoryview(raw(frames.table)).cast("I").tolist()).items():
        references, owner = record & 0xFFFF, record >> 16
        if references:
            kinds[owner >> OWNER_BITS] += count
            full += count if references == frames.most_references and owner >> OWNER_BITS != Role.TABLE else 0
    if (list(frames.counts.used), frames.counts.full) != (kinds, full):
        yield f"counted {list(frames.counts.used)} and {frames.counts.full}, found {kinds} and {full}"


@invariant("page 0 and the last page are mapped nowhere")
def _null_pages(census: Census) -> Iterator[str]:
    directories = {"the kernel": census.kernel.spaces.kernel.directory} | {
        each.whose: each.directory for each in census.all_spaces()
    }
    for whose, directory in directories.items():
        for page in (0, (1 << 32) - PAGE_SIZE):
            if census.walker.walk(census.root(directory), page) is not None:
                yield f"{whose} maps {page:#010x}"


@invariant("the kernel part is the same in every address space")
def _kernel_part(census: Census) -> Iterator[str]:
    expected = _kernel_tables(census, census.kernel.spaces.kernel.directory)
    for space in census.all_spaces():
        if _kernel_tables(census, space.directory) != expected:
            yield f"{space.whose} has other entries"


def _kernel_tables(census: Census, directory: int) -> list[Table]:
    """Return the tables of a space that are for addresses below the limit alone."""
    limit, own = census.kernel.layout.kernel_limit, census.root(directory)
    return [each for each in census.walker.tables(own, 0, limit) if census.walker.end_of(each) <= limit]


@invariant("no page of the kernel part is open to user mode")
def _kernel_supervisor(census: Census) -> Iterator[str]:
    for each in census.walker.pages(census.root(census.kernel.spaces.kernel.directory), having=USER):
        yield f"{each.page:#010x}"


@invariant("in the area for global mappings are kernel stacks alone, each whole in its slot, the guards not mapped")
def _kernel_stacks(census: Census) -> Iterator[str]:
    layout = census.kernel.layout
    mapped = {each.page: each for each in census.global_mappings}
    for end in census.kernel_stacks if layout.kernel_stack_slots else ():
        if (end - layout.globals_start) % layout.kernel_stack_slot or not layout.globals_start < end:
            yield f"the stack below {end:#010x} lies in no slot"
        for page in range(end - layout.kernel_stack, end, PAGE_SIZE):
            if not mapped.pop(page, Translation(0, 0, 0)).flags & WRITABLE:
                yield f"{page:#010x}, of the stack below {end:#010x}, can't be written"
    for page in mapped:
        yield f"{page:#010x} is mapped, and is of no stack"


@invariant("no user mapping reaches a frame of the kernel's")
def _user_frames(census: Census) -> Iterator[str]:
    memory, first = census.kernel.memory, census.kernel.layout.owned_start >> PAGE_SHIFT
    usable = range(1, len(memory.frames.table))
    for space in census.all_spaces():
        for each in space.user:
            if each.frame == census.kernel.spaces.kernel.zero and not each.flags & WRITABLE:
                continue
            if each.frame not in usable or first <= each.frame < memory.owned_end() >> PAGE_SHIFT:
                yield f"{space.whose} maps frame {each.frame:#x} at {each.page:#010x}"


@invariant("a page table belongs to one address space, and lies in the kernel zone")
def _tables(census: Census) -> Iterator[str]:
    bounds = census.kernel.memory.bounds
    owner: dict[int, str] = {}
    for space in census.all_spaces():
        for table in [space.directory, *(each.place >> PAGE_SHIFT for each in space.tables)]:
            if table in owner:
                yield f"frame {table:#x} is a table of {owner[table]} and of {space.whose}"
            if not bounds.zone >> PAGE_SHIFT <= table < bounds.region_top >> PAGE_SHIFT:
                yield f"frame {table:#x}, a table of {space.whose}, lies outside the zone"
            owner[table] = space.whose


@invariant("a page table that is there maps something")
def _no_empty_tables(census: Census) -> Iterator[str]:
    for space in census.all_spaces():
        for table in space.tables:
            if not census.walker.present(table):
                yield f"{space.whose} has an empty table in frame {table.place >> PAGE_SHIFT:#x}"


@invariant("regions are whole pages of user space, in order, none in the guard, and no two that touch are alike")
def _regions(census: Census) -> Iterator[str]:
    layout = census.kernel.layout
    for whose, regions in _regions_of_all(census):
        edges = [edge for region in regions for edge in (region.start, region.end)]
        empty = any(region.start == region.end for region in regions)
        if edges != sorted(edges) or empty or any(edge % PAGE_SIZE for edge in edges):
            yield f"{whose} has {[hex(edge) for edge in edges]}"
        if edges and not layout.user_base <= edges[0] <= edges[-1] <= layout.user_end:
            yield f"{whose} has a region outside user space"
        if any(max(each.start, layout.stack_guard) < min(each.end, layout.stack_bottom) for each in regions):
            yield f"{whose} has a region in the stack's guard"
        for one, other in pairwise(regions):
            if (one.end, one.kind, one.permissions) == (other.start, other.kind, other.permissions):
                yield f"{whose} has two alike at {other.start:#x}"


@invariant("regions lie side by side in a space's record, or in as few nodes of its own as hold them; the rest is zero")
def _nodes(census: Census) -> Iterator[str]:
    owner: dict[int, str] = {}
    bounds = census.kernel.memory.bounds
    for whose, space in _records(census):
        nodes = nodes_of(census.kernel, space)
        needed = 0 if space.count <= FEW else -(-(space.count + SPARE) // IN_NODE)
        if len(nodes) != needed or space.node != (nodes[0] << PAGE_SHIFT if nodes else 0):
            yield f"{whose} has {space.count} regions in the nodes {nodes}, the first {space.node:#x}"
        for number, frame in enumerate(nodes):
            if owner.setdefault(frame, whose) != whose or nodes.count(frame) > 1:
                yield f"frame {frame:#x} is a node of {owner[frame]} and of {whose}"
            if not bounds.zone >> PAGE_SHIFT <= frame < bounds.region_top >> PAGE_SHIFT:
                yield f"frame {frame:#x}, a node of {whose}, lies outside the zone"
            words, listed = census.frame(frame).tolist(), 0 if number else len(nodes)
            used_words = max(space.count - number * IN_NODE, 0) * REGION_WORDS
            if any(words[used_words:NODE_WORDS] + words[NODE_WORDS + listed :]):
                yield f"frame {frame:#x}, a node of {whose}, is not zero behind the last region, or the last node"
        unused = list(space.regions)[0 if nodes else space.count :]
        if any(each.end or each.start or each.kind or each.permissions for each in unused):
            yield f"the record of {whose} is not zero behind the last region"


@invariant("an image lies where images may, a library too, and a stack where the stack does")
def _areas(census: Census) -> Iterator[str]:
    layout = census.kernel.layout
    images, stack = (layout.image_start, layout.image_limit), (layout.stack_bottom, layout.stack_top)
    areas = {Kind.IMAGE: images, Kind.LIBRARY: images, Kind.STACK: stack}
    for whose, regions in _regions_of_all(census):
        for region in regions:
            first, limit = areas.get(region.kind, (layout.user_base, layout.user_end))
            if not first <= region.start < region.end <= limit:
                yield f"{whose} has {region.kind.name} [{region.start:#010x}, {region.end:#010x})"


def _regions_of_all(census: Census) -> Iterator[tuple[str, list[MemoryRegion]]]:
    """Yield the regions of each process, and of each library as it was loaded."""
    for whose, space in _records(census):
        yield whose, census.regions(space)


def _records(census: Census) -> Iterator[tuple[str, Space]]:
    """Yield the record of each process's space, and of each library's own."""
    for process in census.processes():
        yield f"process {process.pid}", process.space
    for number in census.libraries:
        yield f"library {number}", census.kernel.libraries.table[number].space


@invariant("a page that is mapped lies in a region, and its entry allows no more than the region does")
def _pages_in_regions(census: Census) -> Iterator[str]:
    for process in census.processes():
        regions = census.regions(process.space)
        for each in census.spaces[process.pid].user if process.pid in census.spaces else ():
            region = holder(regions, each.page)
            if region is None:
                yield f"process {process.pid} maps {each.page:#010x}, which is in no region"
            elif each.flags & (USER | WRITABLE) & ~region.permissions:
                yield f"process {process.pid} may do more at {each.page:#010x} than its region allows"


@invariant("a process's record says which frame the first page of its image has now")
def _image_frame(census: Census) -> Iterator[str]:
    for process in census.processes():
        image = process.space.image
        mapped = census.spaces[process.pid].user if process.pid in census.spaces else []
        frame = next((each.frame for each in mapped if each.page == image.base), 0)
        if image.size and image.frame != frame:
            yield f"process {process.pid} records frame {image.frame:#x}, and has {frame:#x} there"


@invariant("every process is in the list of those that run its program, and its image is that file")
def _images(census: Census) -> Iterator[str]:
    processes, members = census.kernel.processes, census.kernel.payload.members
    expected = {each.pid: each.program - 1 for each in census.processes()}
    places = [
        (pid, slot) for slot, each in numbered(processes.running.elements) for pid in _members(each, processes.runners)
    ]
    if sorted(places) != sorted(expected.items()):
        yield f"processes should run {expected}, and are listed as {places}"
    for pid, slot in expected.items():
        if processes.table[pid].space.image.file != members[slot].start:
            yield f"process {pid} has the file at {processes.table[pid].space.image.file:#x}"


@invariant("a page that is marked as loaded can't be written, and is as its file has it")
def _loaded(census: Census) -> Iterator[str]:
    ram = census.kernel.spaces.ram.contents
    for process in census.processes():
        for each in census.spaces[process.pid].user if process.pid in census.spaces else ():
            if each.flags & AS_LOADED:
                start = each.frame << PAGE_SHIFT
                if each.flags & WRITABLE:
                    yield f"process {process.pid} may write {each.page:#010x}"
                if ram[start : start + PAGE_SIZE] != loaded_page(census.kernel, process.space.image.file, each.page):
                    yield f"process {process.pid} has something else at {each.page:#010x}"


@invariant("in the malloc area is nothing but malloc pages: one region, from its base to the end of the highest")
def _malloc_region(census: Census) -> Iterator[str]:
    base, limit = census.kernel.layout.malloc_base, census.kernel.layout.malloc_limit
    for process in census.processes():
        regions = census.regions(process.space)
        there = [each for each in regions if each.kind == Kind.MALLOC or (each.start < limit and base < each.end)]
        found = [(each.kind, each.start, each.end) for each in there]
        taken = _malloc_pages(census, process.pid)
        if found != ([(Kind.MALLOC, base, max(taken) + PAGE_SIZE)] if taken else []):
            said = ", ".join(f"{kind.name} [{start:#010x}, {end:#010x})" for kind, start, end in found)
            yield f"process {process.pid} has {said or 'no region'} for malloc pages: {len(taken)}"


@invariant("a process's record counts its malloc pages, and none is free before where it looks first")
def _malloc_record(census: Census) -> Iterator[str]:
    base = census.kernel.layout.malloc_base
    for process in census.processes():
        record, taken = process.space.malloc, _malloc_pages(census, process.pid)
        if record.count != len(taken):
            yield f"process {process.pid} counts {record.count} and has {len(taken)}"
        if free := set(range(base, base + record.first * PAGE_SIZE, PAGE_SIZE)) - taken:
            yield f"process {process.pid} looks behind {min(free):#010x}, which is free"


def _malloc_pages(census: Census, pid: int) -> set[int]:
    layout = census.kernel.layout
    mapped = census.spaces[pid].user if pid in census.spaces else []
    return {each.page for each in mapped if layout.malloc_base <= each.page < layout.malloc_limit}


@invariant("a page that may be written is in a frame that nobody else has")
def _writable_alone(census: Census) -> Iterator[str]:
    for pid, space in census.spaces.items():
        for each in space.user:
            if each.flags & WRITABLE and census.uses[each.frame] != 1:
                yield f"process {pid} may write {each.page:#010x} in frame {each.frame:#x}, which others have too"


@invariant("a space counts as many promises as its pages have that may be written, and tables that may be needed")
def _space_promises(census: Census) -> Iterator[str]:
    for process in census.processes():
        record = process.space.promised
        expected = _promises(census, process) if process.pid in census.spaces else (0, 0)
        if (record.pages, record.tables) != expected:
            yield f"process {process.pid} counts {record.pages} and {record.tables}, and has {expected}"
    for number, library in enumerate(census.kernel.libraries.table):
        if library.space.promised.pages or library.space.promised.tables:
            yield f"library {number} counts promises"


def _promises(census: Census, process: Process) -> tuple[int, int]:
    """Return how many pages of a process have a promise, and how many tables it has not that may be needed."""
    space, mapped = process.space, census.spaces[process.pid]
    growth = census.kernel.layout.stack_top - census.kernel.layout.stack_promised * PAGE_SIZE
    zero = census.kernel.spaces.kernel.zero
    present = {each.page for each in mapped.user if each.frame != zero}
    tables = {each.page >> 22 for each in mapped.user}
    pages, needed = 0, set[int]()
    for region in census.regions(space):
        on_demand = range(region.start, region.end, PAGE_SIZE)
        if region.kind in (Kind.MALLOC, Kind.SPARSE):
            on_demand = range(0)
        elif region.kind == Kind.STACK:
            on_demand = range(max(region.start, growth), max(region.end, growth), PAGE_SIZE)
        if region.permissions & WRITABLE:
            taken = sum(region.start <= page < region.end and page not in on_demand for page in present)
            pages += len(on_demand) + taken
        if region.permissions & USER and on_demand:
            needed.update(range(on_demand.start >> 22, (on_demand.stop - 1 >> 22) + 1))
    return pages, len(needed - tables)


@invariant("the counts of promises are those of all spaces together")
def _promise_counts(census: Census) -> Iterator[str]:
    counts, records = census.kernel.memory.frames.counts, [each.space.promised for each in census.processes()]
    sums = sum(each.pages for each in records), sum(each.tables for each in records)
    if (counts.user_promised, counts.kernel_promised) != sums:
        yield f"counted {counts.user_promised} and {counts.kernel_promised}, found {sums[0]} and {sums[1]}"


@invariant("what pages may still need is free: user frames, and frames of the kernel zone for their tables")
def _promises_kept(census: Census) -> Iterator[str]:
    if census.kernel.layout.overcommit:
        return
    promises = [_promises(census, each) for each in census.processes() if each.pid in census.spaces]
    answered = census.user_frames - census.marked_read_only
    user = sum(pages for pages, _ in promises) - len(answered)
    kernel = sum(tables for _, tables in promises)
    free = (census.free & ~census.zone).bit_count(), (census.free & census.zone).bit_count()
    if user > free[0] or kernel > free[1]:
        yield f"{user} user frames and {kernel} of the kernel zone are needed, {free[0]} and {free[1]} are free"


@invariant("a library is loaded as long as a process lists it, and no process lists one twice")
def _library_users(census: Census) -> Iterator[str]:
    users: Counter[int] = Counter()
    for process in census.processes():
        listed = [each.library for each in list(process.libraries.slots)[: process.libraries.count]]
        users.update(each._index for each in listed if each is not None)
        if None in listed or len(set(map(id, listed))) != len(listed):
            yield f"process {process.pid} lists {len(listed)} libraries, not all of them or one of them twice"
    for number, library in enumerate(census.kernel.libraries.table):
        if (library.users, library.space.directory != 0) != (users[number], users[number] > 0):
            yield f"library {number} has {library.users} users, and {users[number]} list it"


@invariant("a library lies in its process's regions as it was loaded, and its process's other regions are no library's")
def _library_regions(census: Census) -> Iterator[str]:
    for process in census.processes():
        pages: dict[int, int] = {}
        for each in list(process.libraries.slots)[: process.libraries.count]:
            if each.library is not None:
                pages |= _pages(census, each.library.space, each.address - each.library.space.image.base)
        if pages != _pages(census, process.space, 0):
            yield f"process {process.pid} lists other pages than it has"


def _pages(census: Census, space: Space, offset: int) -> dict[int, int]:
    """Return the pages of a space's library regions, moved by an offset, and their permissions."""
    regions = [each for each in census.regions(space) if each.kind == Kind.LIBRARY]
    return {page + offset: each.permissions for each in regions for page in range(each.start, each.end, PAGE_SIZE)}


@invariant("every queue is a list both ways")
def _lists(census: Census) -> Iterator[str]:
    for name, queue, queues in _all_queues(census):
        found = _members(queue, queues)
        before = [queues.link(number).previous for number in found]
        endless = found and queues.link(found[-1]).next
        if before != [0, *found][:-1] or queue.last != [0, *found][-1] or endless:
            yield f"{name} is {found} forward, {before} backward, and ends with {queue.last}"


def _all_queues(census: Census) -> Iterator[tuple[str, Queue, Queues]]:
    """Yield every queue of the kernel's, with its name and how its links are found."""
    kernel = census.kernel
    scheduler = kernel.scheduler
    for number, queue in numbered(scheduler.queues):
        yield f"queue {number}", queue, scheduler.waits
    for number, queue in numbered(scheduler.deadlines.queues):
        yield f"the queue of deadlines {number}", queue, scheduler.ends
    for slot, queue in numbered(kernel.processes.running.elements):
        yield f"the list of processes that run member {slot}", queue, kernel.processes.runners
    for process in census.slots:
        yield f"process {process._index}'s list of threads", process.threads, kernel.threads.lists
        yield f"process {process._index}'s list of children", process.children, kernel.processes.families
        yield f"process {process._index}'s list of zombies", process.zombies, kernel.processes.families


def _members(queue: Queue, queues: Queues) -> list[int]:
    """Return the numbers of a queue's elements, in order; one that is met again ends it."""
    found: list[int] = []
    number = queue.first
    while number and number not in found:
        found.append(number)
        number = queues.link(number).next
    return found


@invariant("every child is in its parent's list of children, or of zombies when it has ended, and a parent is alive")
def _families(census: Census) -> Iterator[str]:
    families = census.kernel.processes.families
    for process in census.slots:
        pid = process._index
        theirs = [each for each in census.slots if each.parent == pid and pid > 0]
        for state, queue in ((ProcessState.ALIVE, process.children), (ProcessState.ZOMBIE, process.zombies)):
            listed = sorted(_members(queue, families))
            if listed != [each.pid for each in theirs if each.state == state]:
                yield f"process {pid} lists {listed} as {state.name}"
        if theirs and process.state != ProcessState.ALIVE:
            yield f"process {pid} has children and is {process.state.name}"


@invariant("a process is alive exactly when it has a space and a thread; all alive are counted, the first is one")
def _alive(census: Census) -> Iterator[str]:
    processes = census.kernel.processes
    for process in census.slots:
        pid = process._index
        parts = (process.space.directory != 0, process.threads.first != 0)
        if parts != (process.state == ProcessState.ALIVE,) * 2 or (any(parts) and process.pid != pid):
            has = f"space {process.space.directory:#x} and thread {process.threads.first}"
            yield f"process {pid} is {process.state.name}, with {has}"
    if processes.counts.alive != len(list(census.processes())):
        yield f"{processes.counts.alive} are counted"
    first = processes.counts.first
    if first and processes.table[first].state != ProcessState.ALIVE:
        yield f"the first is {first}, which is {processes.table[first].state.name}"


@invariant("a thread in use is in its process's list, and knows its number and its process")
def _threads(census: Census) -> Iterator[str]:
    threads = census.kernel.threads
    listed = {number: each.pid for each in census.slots for number in _members(each.threads, threads.lists)}
    in_use = {each._index: each.pid for each in census.threads}
    if in_use != listed or any(threads.table[number].number != number for number in listed):
        yield f"in use are {in_use}, and processes list {listed}"


@invariant("a ready thread is in its CPU's queue, a waiting one in that of its process's waiters, and no other in any")
def _queues(census: Census) -> Iterator[str]:
    scheduler = census.kernel.scheduler
    expected = {
        each._index: each.cpu if each.state == ThreadState.READY else waiters_of(each.pid)
        for each in census.threads
        if each.state in (ThreadState.READY, ThreadState.WAITING)
    }
    places = [
        (number, index) for index, each in numbered(scheduler.queues) for number in _members(each, scheduler.waits)
    ]
    if sorted(places) != sorted(expected.items()):
        yield f"threads and their queues should be {expected}, and are {places}"
    for number, index in expected.items():
        if census.kernel.threads.table[number].queue != index:
            yield f"thread {number} names another queue than {index}"


@invariant("a thread with a deadline is in the queue of its tick, each sleeping one has one, and no other is in any")
def _deadlines(census: Census) -> Iterator[str]:
    scheduler, threads = census.kernel.scheduler, census.threads
    expected = [(each._index, each.wake_tick % TICKS) for each in threads if each.timed]
    places = [
        (number, tick)
        for tick, queue in numbered(scheduler.deadlines.queues)
        for number in _members(queue, scheduler.ends)
    ]
    if sorted(places) != expected:
        yield f"threads and their deadlines should be {expected}, and are {places}"
    for each in threads:
        if each.state == ThreadState.SLEEPING and not each.timed:
            yield f"thread {each._index} sleeps for ever"
        if each.timed and each.state != ThreadState.SLEEPING and each.state != ThreadState.WAITING:
            yield f"thread {each._index} is {each.state.name} and has a deadline"
        if each.timed and each.wake_tick <= census.kernel.timer.clock.ticks:
            yield f"thread {each._index} should have been woken at {each.wake_tick}"


@invariant("who waits for a child has one that it waits for, and that has not ended")
def _waiters(census: Census) -> Iterator[str]:
    for thread in census.threads:
        if thread.state == ThreadState.WAITING:
            wanted = thread.frame.argument(0)
            children = [each for each in census.slots if each.parent == thread.pid]
            states = [each.state for each in children if wanted in (ANY_CHILD, each.pid)]
            if ProcessState.ZOMBIE in states or not states:
                yield f"thread {thread._index} waits for {wanted}, and has {[state.name for state in states]}"


@invariant("at most one thread of a CPU runs: its current one")
def _running(census: Census) -> Iterator[str]:
    cpus = list(census.kernel.scheduler.cpus)
    for thread in census.threads:
        if thread.state == ThreadState.RUNNING and all(thread is not cpu.current for cpu in cpus):
            yield f"thread {thread._index} runs and is not current"
