"""The memory of a process: pages that come when they are touched, and are shared until they are written.

    page of a region     entry                       first read            first write
    never touched        none                        the frame of zeros    a new frame of zeros
    only read so far     the frame of zeros          –                     a new frame of zeros
    of an image          its frame                   –                     –
    shared after fork    the frame, not writable     –                     a copy; its last holder just takes it
    of a memory object   the object's frame          –                     the same frame, writable again
    not taken by malloc  none                        not mapped            not mapped

Whether a page may be written is its region's affair; an entry without the right to write only means that there is
something to do first.
"""

from keelback.abi.errors import BadAddress, BadArgument, NoRoom, OutOfMemory
from keelback.kernel.memory.frames import LIBRARY, OBJECT
from keelback.kernel.memory.objects import Objects
from keelback.kernel.memory.promises import Promises, countable
from keelback.kernel.memory.space_records import MemoryRegion, RegionKind, Space
from keelback.kernel.x86.paging import AS_LOADED, EXECUTE, USER, WRITABLE, Entry, page_of
from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Component, Region, rare, round_up, u8, u32, word


class VirtualMemory(Component):
    """What system calls and page faults do to address spaces."""

    def __init__(self, records: Region, promises: Promises, objects: Objects | None) -> None:
        self.objects = objects
        self.promises = promises
        self.regions = promises.regions
        self.spaces = spaces = promises.spaces
        self.tables = spaces.tables
        self.layout = spaces.layout
        self.frames = spaces.frames
        self.access = spaces.access

    # Page faults, the kernel's own accesses among them.

    def readable(self, space: Space, address: word) -> u32:
        """Return the frame that shows what the page of an address reads as: that of zeros until it is touched.

        Nothing is mapped for it, so it needs no memory.  Raises: BadAddress when it is nobody's to read.
        """
        try:
            return self.tables.frame_of(self.shown(space, address))
        except BadAddress:
            return self._readable_zeros(space, address)

    def shown(self, space: Space, address: word) -> Entry:
        """Return the entry of the page of an address that its process may read at once.  Raises: BadAddress."""
        return self.tables.find_with(space, address, USER)

    @rare
    def _readable_zeros(self, space: Space, address: word) -> u32:
        """Do so where nothing is mapped that its process may read."""
        self._readable_region(space, address)
        return self.spaces.kernel.zero

    def make_readable(self, space: Space, address: word) -> u32:
        """Make the page of an address readable; return its frame.

        Raises: BadAddress when it is nobody's to read; OutOfMemory when its table has no promise; nothing has changed.
        """
        entry = self.tables.find_near(space, address)
        if entry is not None and entry.user:
            return self.tables.frame_of(entry)
        region = self._readable_region(space, address)
        self._enter(space, page_of(address), entry, self.spaces.kernel.zero, self._flags(region, USER))
        return self.spaces.kernel.zero

    def check_executable(self, space: Space, address: word) -> None:
        """Check that code may be fetched from an address.  Raises: BadAddress."""
        if not self.regions.find(space, address).permissions & EXECUTE:
            raise BadAddress

    def _readable_region(self, space: Space, address: word) -> MemoryRegion:
        """Return the region of a page that has no frame and may be read.  Raises: BadAddress."""
        region = self.regions.find(space, address)
        if not region.permissions & USER:
            raise BadAddress
        self._check_demand(region)
        return region

    def _writable_region(self, space: Space, address: word) -> MemoryRegion:
        """Return the region of a page that may be written.  Raises: BadAddress."""
        region = self.regions.find(space, address)
        if not region.permissions & WRITABLE:
            raise BadAddress
        return region

    def writable(self, space: Space, address: word) -> Entry:
        """Return the entry of the page of an address that its process may write to at once.  Raises: BadAddress."""
        return self.tables.find_with(space, address, USER | WRITABLE)

    def takes(self, space: Space, address: word, count: word) -> bool:
        """Say whether a range lies in one region whose pages come, if there is memory, when they are written to."""
        region = self.regions.find(space, address)
        if region.permissions & WRITABLE == 0 or region.kind == RegionKind.MALLOC:
            return False
        room: word = region.end - address
        return count <= room

    def check_writable(self, space: Space, address: word) -> None:
        """Check that the page of an address can be made writable, if there is memory.  Raises: BadAddress."""
        region = self._writable_region(space, address)
        if region.kind == RegionKind.MALLOC and self.spaces.frame(space.directory, address) == 0:
            raise BadAddress

    def make_writable(self, space: Space, address: word) -> u32:
        """Make the page of an address writable, in a frame that no other holder has; return that.

        Raises: BadAddress when it is nobody's to write; OutOfMemory when it has no promise; nothing has changed.
        """
        entry = self.tables.find_near(space, address)
        # The kernel's own pages may be written as well, but not by the user.
        if entry is not None and entry.user and entry.writable:
            return self.tables.frame_of(entry)
        region = self._writable_region(space, address)
        page: word = page_of(address)
        if entry is not None and entry.present and self.tables.frame_of(entry) != self.spaces.kernel.zero:
            return self._stop_sharing(space, page, entry, self._flags(region, USER | WRITABLE))
        return self._write_first(space, region, page, entry)

    def _check_demand(self, region: MemoryRegion) -> None:
        """Check that the pages of a region come when they are touched; malloc pages do not.  Raises: BadAddress."""
        if region.kind == RegionKind.MALLOC:
            raise BadAddress

    def _write_first(self, space: Space, region: MemoryRegion, page: word, entry: Entry | None) -> u32:
        """Map a page that has no frame of its own to a new one of zeros; from then on it has a promise.

        Raises: BadAddress, OutOfMemory; nothing has changed.
        """
        present = entry is not None and entry.present
        if not present:
            self._check_demand(region)
        more = page < self.promises.start_of(region)
        if more:
            self.frames.check_user(1)
        frame: u32 = self._new_zeros(space)
        if present and entry is not None:
            self._change(space, page, entry, frame, self._flags(region, USER | WRITABLE))
        else:
            self._enter(space, page, entry, frame, self._flags(region, USER | WRITABLE))
        if more:
            self.promises.add(space, 1, 0)
        return frame

    def map_zeros(self, space: Space, page: word, permissions: u32) -> u32:
        """Map a page that is not mapped to a new frame of zeros; return that.

        Raises: OutOfMemory; nothing has changed.
        """
        frame: u32 = self.enter_new(space, page, self.tables.find_near(space, page), permissions)
        self.access.page(frame).bytes.clear()
        return frame

    def enter_new(self, space: Space, page: word, entry: Entry | None, permissions: u32) -> u32:
        """Map a page by its entry, None: its table is not there, to a new frame that the caller fills; return that.

        Raises: OutOfMemory; nothing has changed.
        """
        frame: u32 = self._new_frame(space, permissions)
        self._enter(space, page, entry, frame, permissions)
        return frame

    def _enter(self, space: Space, page: word, entry: Entry | None, frame: u32, permissions: u32) -> None:
        """Map a page by its entry, whose table is made if there is none, to a frame.

        Raises: OutOfMemory; the reference to the frame has been dropped, and nothing else has changed.
        """
        try:
            place: Entry = entry if entry is not None else self.promises.make_table(space, page)
        except OutOfMemory:
            self.frames.drop(frame, space.owner)
            raise
        self.spaces.enter(place, page, frame, permissions)
        space.follow(page, frame)

    def _new_zeros(self, space: Space) -> u32:
        """Return a new frame of zeros for a page that has a promise."""
        frame: u32 = self.frames.allocate_user(space.owner)
        self.access.page(frame).bytes.clear()
        return frame

    def _new_frame(self, space: Space, permissions: u32) -> u32:
        """Return a new frame for a page of a space; one that can be written has a promise."""
        if permissions & WRITABLE and space.owner != LIBRARY:
            return self.frames.allocate_user(space.owner)
        return self.frames.allocate_read_only(space.owner)

    def _stop_sharing(self, space: Space, page: word, entry: Entry, flags: u32) -> u32:
        """Make a page writable, in the frame that it has if nobody else does, or if it is a memory object's."""
        frame: u32 = self.tables.frame_of(entry)
        if not self.frames.take_over(frame, space.owner) and not self._is_of_object(frame):
            copy: u32 = self.frames.allocate_user(space.owner)
            self._copy(copy, frame)
            self.frames.drop(frame, space.owner)
            frame = copy
        self._change(space, page, entry, frame, flags)
        return frame

    def _is_of_object(self, frame: u32) -> bool:
        """Say whether a frame is a memory object's."""
        return self.objects is not None and self.frames.table[frame].use >= OBJECT

    def _flags(self, region: MemoryRegion, rights: u32) -> u32:
        """Return what the entry of a page has with some rights, and with the one to execute where its region has it."""
        return rights | region.permissions & EXECUTE if self.tables.scheme.no_execute else rights

    def _change(self, space: Space, page: word, entry: Entry, frame: u32, flags: u32) -> None:
        """Map a page that is mapped to a frame, with other flags."""
        self.spaces.change(entry, page, frame, flags)
        space.follow(page, frame)

    def new_copy(self, space: Space, frame: u32, permissions: u32) -> u32:
        """Return a new frame for a page of a space that is as another.  Raises: OutOfMemory; nothing has changed."""
        copy: u32 = self._new_frame(space, permissions)
        self._copy(copy, frame)
        return copy

    def _copy(self, copy: u32, frame: u32) -> None:
        to = self.access.page(copy)
        to.bytes.copy_from(0, self.access.source(frame).bytes, 0, PAGE_SIZE)

    # Regions.

    def map(self, space: Space, address: word, size: word, kind: RegionKind, permissions: u8, guard: u32 = 0) -> word:
        """Make a region of memory of whole pages, ANONYMOUS or SPARSE, zero when touched; return where it starts.

        So many bytes at its start, whole pages, are a guard: a region without any rights.
        An address of 0 leaves the place to the kernel: the lowest from the layout's anonymous base.
        Raises: BadArgument (a size of 0, an address that starts no page), BadAddress (not user space), NoRoom (some of
        it is in use, or there is no room that large), TooManyRegions, OutOfMemory; nothing has changed.
        """
        start: word = self.place(space, address, size)
        end: word = start + round_up(size, PAGE_SIZE)
        if end - start <= guard:
            raise BadArgument
        self._reserve(space, start, end, kind, permissions, guard)
        first: word = start + guard
        if kind == RegionKind.ANONYMOUS and permissions & USER:
            pages: word = (end - first) >> PAGE_SHIFT if permissions & WRITABLE else 0
            try:
                self.promises.take(space, countable(pages), self.promises.more_tables(space, first, end))
            except OutOfMemory:
                self.regions.settle(space)
                raise
        if guard > 0:
            self.regions.add(space, start, first, RegionKind.ANONYMOUS, 0)
        self.regions.add(space, first, end, kind, permissions)
        self.regions.settle(space)
        return start

    def _reserve(self, space: Space, start: word, end: word, kind: RegionKind, permissions: u8, guard: u32) -> None:
        """Take nodes for a region, and for a guard.  Raises: TooManyRegions, OutOfMemory; nothing has changed."""
        if guard > 0:
            self.regions.reserve_more(space, 2)
        else:
            self.regions.reserve(space, start, end, kind, permissions)

    def place(self, space: Space, address: word, size: word) -> word:
        """Return where so many bytes can be mapped: at an address, or where there is room (0).

        Raises: BadArgument, BadAddress, NoRoom, as `map`.
        """
        self._check_pages(address, size)
        if address == 0:
            return self.find_room(space, self.layout.anonymous_base, self.layout.malloc_base, size)
        self._check_place(address, size)
        if not self.regions.is_free(space, address, address + round_up(size, PAGE_SIZE)):
            raise NoRoom
        return address

    def unmap(self, space: Space, address: word, size: word) -> None:
        """Free the pages of a range, whatever they are for; pages of it that are in no region stay so.

        Raises: BadArgument, BadAddress (a library's page among them), TooManyRegions, OutOfMemory (there is a region
        more); nothing has changed.
        """
        self._check_range(space, address, size)
        end: word = address + round_up(size, PAGE_SIZE)
        self.regions.reserve(space, address, end, RegionKind.NONE, 0)
        self.remove(space, address, end)

    def remove(self, space: Space, start: word, end: word) -> None:
        """Remove the pages of [start, end) from a space, which has room for the regions left."""
        pages: u32 = self.promises.pages(space, start, end)
        tables: u32 = self.promises.tables(space, start, end)
        self.spaces.unmap(space, start, end)
        # One reload of cr3 for however many pages: none of them is global, and no other space had them.
        self.spaces.forget_user_pages(space.directory)
        self._carve(space, start, end)
        self.regions.settle(space)
        if start <= space.image.base < end:
            space.image.frame = 0
        self.promises.add(space, -pages, self.promises.tables(space, start, end) - tables)

    def _carve(self, space: Space, start: word, end: word) -> None:
        """Take the pages of [start, end), of which none is mapped any more as it was, out of all regions."""
        if self.objects is not None and space.shared > 0:
            self._leave(self.objects, space, start, end)
        self.regions.carve(space, start, end)

    def _leave(self, objects: Objects, space: Space, start: word, end: word) -> None:
        """Note of each memory object that a space does not show its pages of [start, end) any more."""
        for region in self.regions.within(space, start, end):
            if region.object != 0:
                pages: u32 = (min(region.end, end) - max(region.start, start)) >> PAGE_SHIFT
                space.shared -= pages
                objects.leave(region.object, pages)

    def protect(self, space: Space, address: word, size: word, permissions: u8) -> None:
        """Give the pages of a range other permissions; what is in them stays.

        Raises: BadArgument, BadAddress (a page of it is in no region, a library's, or one that may only be read, of
        an object, is to be written), TooManyRegions, OutOfMemory; nothing has changed.
        """
        self._check_range(space, address, size)
        end: word = address + round_up(size, PAGE_SIZE)
        if not self.regions.allow(space, address, end, permissions):
            raise BadAddress
        self.regions.reserve_to_protect(space, address, end, permissions)
        try:
            spared: u32 = self._spared(space, address, end, permissions)
            self.promises.take_to_protect(space, address, end, permissions, spared)
        except OutOfMemory:
            self.regions.settle(space)
            raise
        self.regions.protect(space, address, end, permissions)
        self.regions.settle(space)
        self.spaces.restrict(space.directory, address, end, permissions, space.owner)
        # Entries allow less than before, so what the CPU kept of them would let too much through.
        self.spaces.forget_user_pages(space.directory)

    def _spared(self, space: Space, start: word, end: word, permissions: u8) -> u32:
        """Return how many frames of [start, end) will not be read-only any more with other permissions."""
        count: u32 = 0
        if permissions & WRITABLE:
            for region in self.regions.within(space, start, end):
                if not region.permissions & WRITABLE:
                    first: word = max(region.start, start)
                    for frame in self.spaces.frames_of(space.directory, first, min(region.end, end)):
                        count += 1 if self.frames.is_alone(frame) else 0
        return count

    def allocate_page(self, space: Space, address: word) -> None:
        """Make a page anonymous memory that may be written, in a new frame of zeros; what was there is freed.

        Raises: BadArgument (the address starts no page), BadAddress (it is not user space, or a library's),
        OutOfMemory, TooManyRegions; nothing has changed.
        """
        self._check_range(space, address, PAGE_SIZE)
        end: word = address + PAGE_SIZE
        self.regions.reserve(space, address, end, RegionKind.ANONYMOUS, USER | WRITABLE)
        more: u32 = 1 - self.promises.pages(space, address, end)
        entry = self.tables.find_near(space, address)
        try:
            if entry is None or not entry.present:
                self.promises.check(more, 0)
                self._enter(space, address, entry, self._new_zeros(space), USER | WRITABLE)
            else:
                frame: u32 = self._renew(space, self.tables.frame_of(entry), more)
                self._change(space, address, entry, frame, USER | WRITABLE)
        except OutOfMemory:
            self.regions.settle(space)
            raise
        self._carve(space, address, end)
        self.regions.add(space, address, end, RegionKind.ANONYMOUS, USER | WRITABLE)
        self.regions.settle(space)
        self.promises.add(space, more, 0)

    def _renew(self, space: Space, frame: u32, more: u32) -> u32:
        """Drop a frame that a space maps, and return a new one of zeros, for which so many promises more are made.

        Raises: OutOfMemory; nothing has changed.
        """
        if self.frames.is_alone(frame):
            # What is freed is there again, so this needs no memory.
            self.frames.drop(frame, space.owner)
            again: u32 = self.frames.take_user(space.owner)
            self.access.page(again).bytes.clear()
            return again
        self.promises.check(more, 0)
        new: u32 = self._new_zeros(space)
        self.frames.drop(frame, space.owner)
        return new

    def _check_range(self, space: Space, address: word, size: word) -> None:
        """Check that a range is whole pages of user space, not empty, none malloc's, the guard's or a library's.

        Raises: BadArgument, BadAddress.
        """
        self._check_pages(address, size)
        self._check_place(address, size)
        if self.regions.has_library(space, address, address + round_up(size, PAGE_SIZE)):
            raise BadAddress

    def _check_pages(self, address: word, size: word) -> None:
        """Check that a range starts with a page and is not empty.  Raises: BadArgument."""
        if address % PAGE_SIZE != 0 or size == 0:
            raise BadArgument

    def _check_place(self, address: word, size: word) -> None:
        """Check that a range is user space, none of it malloc's or the guard's.  Raises: BadAddress."""
        layout = self.layout
        if address < layout.user_base or address >= layout.user_end or size > layout.user_end - address:
            raise BadAddress
        if meets(address, size, layout.malloc_base, layout.malloc_limit):
            raise BadAddress
        if meets(address, size, layout.stack_guard, layout.stack_bottom):
            raise BadAddress

    def find_room(self, space: Space, first: word, limit: word, size: word) -> word:
        """Return the lowest address in [first, limit) from which on no region has any of `size` bytes.

        `first` is a page's start.  Raises: NoRoom.
        """
        start: word = first
        for region in self.regions.within(space, first, limit):
            if region.start - start >= size:
                return start
            start = region.end
        if size > max(limit - start, 0):
            raise NoRoom
        return start

    # Whole spaces.

    def share_loaded(self, other: Space, space: Space) -> u32:
        """Map the pages of an image's regions that another space has as they were loaded, from the same file, too.

        Pages that are mapped stay.  Returns how many were not.  Raises: OutOfMemory; the pages before are mapped.
        """
        count: u32 = 0
        image = other.image
        end: word = image.base + round_up(image.size, PAGE_SIZE)
        for page, entry in self.spaces.mappings(other.directory, image.base, end):
            if entry.as_loaded:
                own = self.promises.entry(space, page)
                if not own.present and self.frames.share(self.tables.frame_of(entry)):
                    flags: u32 = self.tables.flags_of(entry) & (USER | EXECUTE | AS_LOADED)
                    self.spaces.enter(own, page, self.tables.frame_of(entry), flags)
                    count += 1
        return count

    def duplicate(self, parent: Space, child: Space) -> None:
        """Copy what the space in use has to a new one: regions, and frames shared or copied.

        Raises: OutOfMemory; the parent is as it was, and what the child has by then, `release` frees.
        """
        self.regions.duplicate(child, parent)
        child.image.copy_from(parent.image)
        child.malloc.copy_from(parent.malloc)
        self.promises.take(child, parent.promised.pages, parent.promised.tables)
        for start, end in self.regions.spans(parent):
            self.spaces.reserve_like(child.directory, parent.directory, start, end)
        # From here on only copies need frames, and a copy changes nothing of the parent's.
        if self.spaces.may_copy():
            for region in self.regions.of(parent):
                self._copy_region(parent, child, region)
        for start, end in self.regions.spans(parent):
            self.spaces.share(child.directory, parent.directory, start, end)
        # Pages that could be written can't be any more: one reload of cr3 tells the CPU, for all of them.
        self.spaces.forget_user_pages(parent.directory)
        if self.objects is not None and parent.shared > 0:
            self._join(self.objects, child)

    def _join(self, objects: Objects, child: Space) -> None:
        """Note of each memory object that a new space, which has its regions, shows its pages, too."""
        for region in self.regions.of(child):
            if region.object != 0:
                pages: u32 = (region.end - region.start) >> PAGE_SHIFT
                child.shared += pages
                objects.join(region.object, pages)

    def _copy_region(self, parent: Space, child: Space, region: MemoryRegion) -> None:
        """Copy the pages of a region that are not to be shared.

        Raises: OutOfMemory, also where it shows an object and no more may do that.
        """
        permissions: u8 = 0 if region.object != 0 else region.permissions
        for page, entry in self.spaces.mappings(parent.directory, region.start, region.end):
            if self.spaces.is_copied(self.tables.frame_of(entry), permissions):
                if region.object != 0:
                    raise OutOfMemory
                copy: u32 = self.new_copy(child, self.tables.frame_of(entry), region.permissions)
                flags: u32 = self.tables.flags_of(entry) & (USER | WRITABLE | EXECUTE)
                self._enter(child, page, self.tables.find_near(child, page), copy, flags)

    def release(self, space: Space) -> None:
        """Free all that a space has, built in part or whole; no CPU uses it any more."""
        self.promises.end(space)
        for start, end in self.regions.spans(space):
            self.spaces.unmap(space, start, end)
        if self.objects is not None and space.shared > 0:
            self._leave(self.objects, space, self.layout.user_base, self.layout.user_end)
        self.regions.release(space)
        self.spaces.destroy(space.directory)
        space.clear()


def meets(address: word, size: word, start: word, end: word) -> bool:
    """Say whether `size` bytes from an address have any of [start, end), which may be empty."""
    return max(address, start) < min(address + size, end)
