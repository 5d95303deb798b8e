"""Physical memory after start-up: what lies where, from the kernel image upward.

    kernel_start ┬ microkernel and process manager
                 ├ payload
    kernel_top   ┼ BIOS memory map
                 ├ kernel memory map
                 ├ boot heap ↓  (addresses grow)      frame table, sets of free frames, payload index
                 ├ boot stack ↑                             part of the kernel zone once programs run
                 ├ kernel zone                        initial page allocations first
    region_top   ┴

Everything else that is usable is user frames.
"""

from keelback.abi.errors import OutOfMemory
from keelback.kernel.boot.boot_parameters import MOST_ENTRIES, BiosMemoryMap, BiosRange
from keelback.kernel.boot.header import ImageHeader
from keelback.kernel.boot.memory_map import ADAPTERS_END, MOST_RANGES, FrameRange, MemoryMap
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.layout import Layout
from keelback.kernel.memory.frames import CONSOLE, KERNEL, RESERVED, Frames
from keelback.kernel.memory.heap import BootHeap
from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Component, Region, Struct, round_up, size_of, u32, view, word

LAST_FRAME = 0xF_FFFF
"""Of 4 GiB; the kernel lies below."""
MAPS_SIZE = round_up(MOST_ENTRIES * size_of(BiosRange), 16) + round_up(MOST_RANGES * size_of(FrameRange), 16)
"""The bytes after kernel_top that the loader must know to be usable, because the maps that could tell lie there."""


class Boundaries(Struct):
    """Where the parts of the kernel region lie; written at boot, and changed once, when the boot stack is released."""

    kernel_top: word
    bios_map: word
    kernel_map: word
    heap: word
    stack: word  # the lowest address of the boot stack
    zone: word  # the end of the boot stack, the start of the kernel zone; `stack` once that has its memory
    region_top: word


class Memory(Component):
    """The machine's memory, laid out once."""

    def __init__(self, records: Region, layout: Layout) -> None:
        self.layout = layout
        self.header = view(records.ram, ImageHeader, layout.kernel_start)
        self.bounds = records.struct(Boundaries)
        self.bios_map = BiosMemoryMap(records)
        self.kernel_map = MemoryMap(records, self.bios_map)
        self.heap = BootHeap(records)
        self.frames = Frames(records, layout)

    def lay_out(self, more: u32) -> None:
        """Lay memory out by the kernel memory map, with so many more bytes of boot heap than it takes itself.

        Raises: OutOfMemory when the kernel region does not fit the usable memory that the kernel was loaded into;
        `bounds` says how far it would reach.
        """
        self._place_heap(more)
        self._place_frame_table()
        self._give_out_frames()

    def read_map(self, parameters: word, limit: u32) -> None:
        """Make the kernel memory map of the BIOS's in the boot parameters, without the frames from `limit` on."""
        bounds = self.bounds
        bounds.kernel_top = round_up(self.header.payload + self.header.payload_size, PAGE_SIZE)
        bounds.bios_map = bounds.kernel_top
        bounds.kernel_map = round_up(bounds.bios_map + MOST_ENTRIES * size_of(BiosRange), 16)
        bounds.heap = round_up(bounds.kernel_map + MOST_RANGES * size_of(FrameRange), 16)
        self.bios_map.copy(parameters, bounds.bios_map)
        self.kernel_map.make(bounds.kernel_map, limit)

    def _place_heap(self, more: u32) -> None:
        bounds = self.bounds
        bounds.stack = round_up(bounds.heap + self.frames.bytes_needed(self.frame_count()) + more, PAGE_SIZE)
        bounds.zone = bounds.stack + self.layout.boot_stack
        least = max(bounds.zone + self.layout.zone_least, self.layout.region_least)
        end = self.loaded_end()
        bounds.region_top = least
        if not self.layout.one_pool:
            share = min((self.frame_count() << PAGE_SHIFT) // self.layout.zone_share, self.layout.region_limit)
            wanted = max(least, round_up(bounds.zone + share, PAGE_SIZE))
            bounds.region_top = max(least, min(wanted, end, self.layout.region_limit))
        if bounds.region_top > self.layout.region_limit or self.owned_end() > end:
            raise OutOfMemory
        self.heap.start(bounds.heap, bounds.stack)

    def frame_count(self) -> u32:
        """Return how many frames have records: up to the last usable one, the adapters' among them."""
        return max(self.kernel_map.end(), ADAPTERS_END)

    def loaded_end(self) -> word:
        """Return where the usable memory ends that the kernel was loaded into."""
        end: u32 = self.kernel_map.usable_after(self.layout.kernel_start >> PAGE_SHIFT)
        return min(end, LAST_FRAME) << PAGE_SHIFT

    def owned_end(self) -> word:
        """Return the address at which the memory that is the kernel's ends."""
        return max(self.bounds.region_top, self.layout.owned_end)

    def _place_frame_table(self) -> None:
        count: u32 = self.frame_count()
        frames = self.frames
        frames.table.place(self.heap.allocate(count * frames.table.element_size), count)
        frames.read_only.place(self.heap.allocate(count), count)
        if frames.kernel_zone is not None:
            frames.kernel_zone.place(self.heap, count)
        frames.user_zone.place(self.heap, count)

    def _give_out_frames(self) -> None:
        start: u32 = self.layout.owned_start >> PAGE_SHIFT
        zone: u32 = self.bounds.zone >> PAGE_SHIFT
        top: u32 = self.bounds.region_top >> PAGE_SHIFT
        end: u32 = self.owned_end() >> PAGE_SHIFT
        self.frames.reserve_range(0, 1, RESERVED)
        self.frames.reserve_range(start, zone, KERNEL)
        self.frames.add_kernel_range(zone, top)
        self.frames.reserve_range(top, end, KERNEL)
        self._give_out_user_frames(1, start)
        self._give_out_user_frames(end, self.frame_count())
        self.frames.reserve_range(SCREEN >> PAGE_SHIFT, (SCREEN >> PAGE_SHIFT) + 1, CONSOLE)

    def release_boot_stack(self) -> None:
        """Make the frames of the boot stack free ones of the kernel zone, or of the pool, which starts there then."""
        bounds = self.bounds
        self.frames.free_range(bounds.stack >> PAGE_SHIFT, bounds.zone >> PAGE_SHIFT)
        bounds.zone = bounds.stack
        if self.layout.one_pool:
            bounds.region_top = bounds.zone

    def _give_out_user_frames(self, start: u32, end: u32) -> None:
        """Make the usable frames of [start, end) user frames and reserve the others."""
        position: u32 = start
        for index in range(self.kernel_map.fill.count):
            usable = self.kernel_map.table[index]
            first: u32 = min(max(usable.start, position), end)
            last: u32 = min(max(usable.end, position), end)
            self.frames.reserve_range(position, first, RESERVED)
            if first < last:
                self.frames.add_user_range(first, last)
            position = last
        self.frames.reserve_range(position, end, RESERVED)
