"""The memory of a process: pages that come when they are touched, and are shared until they are written.

    page of a region     entry                       first read            first write
    never touched        none                        the frame of zeros    a new frame of zeros
    only read so far     the frame of zeros          –                     a new frame of zeros
    of an image          its frame                   –                     –
    shared after fork    the frame, not writable     –                     a copy; its last holder just takes it
    not taken by malloc  none                        not mapped            not mapped

Whether a page may be written is its region's affair; an entry without the right to write only means that there is
something to do first.
"""

from keelback.kernel.errors import BadAddress, BadArgument, NoRoom, OutOfMemory
from keelback.kernel.paging import AS_LOADED, USER, WRITABLE, frame_of, page_of
from keelback.kernel.regions import Kind, MemoryRegion, Space
from keelback.kernel.spaces import AddressSpaces
from keelback.lang import PAGE_SIZE, Component, round_up, u8, u32, word


class VirtualMemory(Component):
    """What system calls and page faults do to address spaces."""

    def __init__(self, spaces: AddressSpaces) -> None:
        self.layout = spaces.layout
        self.spaces = spaces
        self.frames = spaces.frames
        self.window = spaces.windows[0]
        self.source = spaces.windows[1]

    # Page faults, the kernel's own accesses among them.

    def make_readable(self, space: Space, address: word) -> None:
        """Let the page of an address be read.

        Raises: BadAddress when it is nobody's to read; OutOfMemory; nothing has changed.
        """
        index: u32 = space.find(address)
        if index == space.count or not space.regions[index].permissions & USER:
            raise BadAddress
        page: word = page_of(address)
        if self.spaces.lookup(space.directory, page) == 0:
            self._check_demand(space.regions[index])
            self.spaces.map(space.directory, page, self.spaces.kernel.zero, USER)
            space.follow(page, self.spaces.kernel.zero)

    def make_writable(self, space: Space, address: word) -> None:
        """Let the page of an address be written, in a frame that no other holder has.

        Raises: BadAddress when it is nobody's to write; OutOfMemory; nothing has changed.
        """
        index: u32 = space.find(address)
        if index == space.count or not space.regions[index].permissions & WRITABLE:
            raise BadAddress
        page: word = page_of(address)
        entry = self.spaces.lookup(space.directory, page)
        if entry == 0:
            self._check_demand(space.regions[index])
            self.map_zeros(space, page, USER | WRITABLE)
        elif not entry & WRITABLE:
            self._stop_sharing(space, page, frame_of(entry))

    def _check_demand(self, region: MemoryRegion) -> None:
        """Check that the pages of a region come when they are touched; malloc pages do not.  Raises: BadAddress."""
        if region.kind == Kind.MALLOC:
            raise BadAddress

    def map_zeros(self, space: Space, page: word, permissions: u32) -> None:
        """Map a page that is not mapped to a new frame of zeros.  Raises: OutOfMemory; nothing has changed."""
        frame: u32 = self._new_zeros(space)
        try:
            self.spaces.map(space.directory, page, frame, permissions)
        except OutOfMemory:
            self.frames.drop(frame, space.owner)
            raise
        space.follow(page, frame)

    def _new_zeros(self, space: Space) -> u32:
        frame = self.frames.allocate_user(space.owner)
        self.window.open(frame).bytes.fill(0, PAGE_SIZE, 0)
        return frame

    def _stop_sharing(self, space: Space, page: word, frame: u32) -> None:
        if frame == self.spaces.kernel.zero:
            self._change(space, page, self._new_zeros(space))
        elif self.frames.take_over(frame, space.owner):
            self._change(space, page, frame)
        else:
            copy: u32 = self.new_copy(space, frame)
            self.frames.drop(frame, space.owner)
            self._change(space, page, copy)

    def _change(self, space: Space, page: word, frame: u32) -> None:
        """Let a page that is mapped be written, in a frame."""
        self.spaces.change(space.directory, page, frame, USER | WRITABLE)
        space.follow(page, frame)

    def new_copy(self, space: Space, frame: u32) -> u32:
        """Return a new frame of a space's that is as another.  Raises: OutOfMemory; nothing has changed."""
        copy = self.frames.allocate_user(space.owner)
        to = self.window.open(copy)
        to.bytes.copy_from(0, self.source.open(frame).bytes, 0, PAGE_SIZE)
        return copy

    # Regions.

    def map(self, space: Space, address: word, size: u32, permissions: u8) -> word:
        """Make a region of anonymous memory of whole pages, zero when first touched; return where it starts.

        An address of 0 leaves the place to the kernel: the lowest from the layout's anonymous base.
        Raises: BadArgument (a size of 0, an address that starts no page), BadAddress (not user space), NoRoom (some of
        it is in use, or there is no room that large), TooManyRegions; nothing has changed.
        """
        self._check_pages(address, size)
        layout = self.layout
        start: word = address
        if start == 0:
            start = self.find_room(space, layout.anonymous_base, layout.malloc_base, size)
        end: word = start + round_up(size, PAGE_SIZE)
        if not space.is_free(start, end):
            raise NoRoom
        space.check_room(start, end, Kind.ANONYMOUS, permissions)
        space.add(start, end, Kind.ANONYMOUS, permissions)
        return start

    def unmap(self, space: Space, address: word, size: u32) -> None:
        """Free the pages of a range, whatever they are for; pages of it that are in no region stay so.

        Raises: BadArgument, BadAddress (a library's page among them), TooManyRegions; nothing has changed.
        """
        self._check_range(space, address, size)
        end: word = address + round_up(size, PAGE_SIZE)
        space.check_room(address, end, Kind.NONE, 0)
        self.spaces.unmap(space.directory, address, end, space.owner)
        # One reload of cr3 for however many pages: none of them is global, and no other space had them.
        self.spaces.forget_user_pages(space.directory)
        space.carve(address, end)
        if address <= space.image.base < end:
            space.image.frame = 0

    def protect(self, space: Space, address: word, size: u32, permissions: u8) -> None:
        """Give the pages of a range other permissions; what is in them stays.

        Raises: BadArgument, BadAddress (a page of it is in no region, or a library's), TooManyRegions; nothing has
        changed.
        """
        self._check_range(space, address, size)
        end: word = address + round_up(size, PAGE_SIZE)
        if not space.holds(address, end):
            raise BadAddress
        space.check_room_to_protect(address, end, permissions)
        space.protect(address, end, permissions)
        self.spaces.restrict(space.directory, address, end, permissions)
        # Entries allow less than before, so what the CPU kept of them would let too much through.
        self.spaces.forget_user_pages(space.directory)

    def allocate_page(self, space: Space, address: word) -> None:
        """Let a page be anonymous memory that may be written, in a new frame of zeros; what was there is freed.

        Raises: BadArgument (the address starts no page), BadAddress (it is not user space, or a library's),
        OutOfMemory, TooManyRegions; nothing has changed.
        """
        self._check_range(space, address, PAGE_SIZE)
        end: word = address + PAGE_SIZE
        space.check_room(address, end, Kind.ANONYMOUS, USER | WRITABLE)
        entry = self.spaces.lookup(space.directory, address)
        if entry == 0:
            self.map_zeros(space, address, USER | WRITABLE)
        else:
            frame: u32 = self._new_zeros(space)
            self._drop(space, frame_of(entry))
            self._change(space, address, frame)
        space.carve(address, end)
        space.add(address, end, Kind.ANONYMOUS, USER | WRITABLE)

    def _drop(self, space: Space, frame: u32) -> None:
        if frame != self.spaces.kernel.zero:
            self.frames.drop(frame, space.owner)

    def _check_range(self, space: Space, address: word, size: u32) -> None:
        """Check that a range is whole pages of user space, not empty, none malloc's, the guard's or a library's.

        Raises: BadArgument, BadAddress.
        """
        self._check_pages(address, size)
        if address == 0 or space.has_library(address, address + round_up(size, PAGE_SIZE)):
            raise BadAddress

    def _check_pages(self, address: word, size: u32) -> None:
        """Check as `_check_range`, but let the address be 0."""
        layout = self.layout
        if address % PAGE_SIZE != 0 or size == 0:
            raise BadArgument
        if address != 0 and (address < layout.user_base or address >= layout.user_end):
            raise BadAddress
        if address != 0 and size > layout.user_end - address:
            raise BadAddress
        if address != 0 and meets(address, size, layout.malloc_base, layout.malloc_limit):
            raise BadAddress
        if address != 0 and meets(address, size, layout.stack_guard, layout.stack_bottom):
            raise BadAddress

    def find_room(self, space: Space, first: word, limit: word, size: u32) -> word:
        """Return the lowest address in [first, limit) from which on no region has any of `size` bytes.

        `first` is a page's start.  Raises: NoRoom.
        """
        start: word = first
        for index in range(space.count):
            region = space.regions[index]
            if region.end > start:
                if min(region.start, limit) - start >= size and region.start > start:
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
        for page in self.spaces.pages(other.directory, image.base, image.base + round_up(image.size, PAGE_SIZE)):
            entry = self.spaces.lookup(other.directory, page)
            if entry & AS_LOADED and self.spaces.lookup(space.directory, page) == 0:
                self.spaces.reserve(space.directory, page)
                if self.frames.share(frame_of(entry)):
                    self.spaces.map(space.directory, page, frame_of(entry), entry & (USER | AS_LOADED))
                    count += 1
        return count

    def duplicate(self, parent: Space, child: Space) -> None:
        """Let a new space have what another has, which is the one in use: regions, and frames shared or copied.

        Raises: OutOfMemory; the parent is as it was, and what the child has by then, `release` frees.
        """
        child.describe_like(parent)
        for index in range(parent.count):
            region = parent.regions[index]
            self.spaces.reserve_like(child.directory, parent.directory, region.start, region.end)
        # From here on only copies need frames, and a copy changes nothing of the parent's.
        if self.layout.eager_fork or self.frames.counts.full > 0:
            for index in range(parent.count):
                self._copy_region(parent, child, parent.regions[index])
        for index in range(parent.count):
            region = parent.regions[index]
            self.spaces.share(child.directory, parent.directory, region.start, region.end, region.permissions)
        # Pages that could be written can't be any more: one reload of cr3 tells the CPU, for all of them.
        self.spaces.forget_user_pages(parent.directory)

    def _copy_region(self, parent: Space, child: Space, region: MemoryRegion) -> None:
        """Copy the pages of a region that are not to be shared."""
        for page in self.spaces.pages(parent.directory, region.start, region.end):
            entry = self.spaces.lookup(parent.directory, page)
            if self.spaces.is_copied(entry, region.permissions):
                copy: u32 = self.new_copy(child, frame_of(entry))
                self.spaces.map(child.directory, page, copy, entry & (USER | WRITABLE))
                child.follow(page, copy)

    def release(self, space: Space) -> None:
        """Free all that a space has, built in part or whole; no CPU uses it any more."""
        for index in range(space.count):
            region = space.regions[index]
            self.spaces.clear(space.directory, region.start, region.end, space.owner)
        for index in range(space.count):
            region = space.regions[index]
            self.spaces.release_tables(space.directory, region.start, region.end)
        self.spaces.destroy(space.directory)
        space.forget()


def meets(address: word, size: u32, start: word, end: word) -> bool:
    """Say whether `size` bytes from an address have any of [start, end), which may be empty."""
    return max(address, start) < min(address + size, end)
