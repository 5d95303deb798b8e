"""What the boot loader hands over, checked before it is believed: where it lies, and whether memory is there at all.

A map of memory is a claim.  At boot, while paging is off, two patterns are written to the first and the last frame of
each usable range and read back; of a range whose end is not there the part that is there is used.  What lies from 4 GiB
on can't be reached then, and is believed.
"""

from keelback.kernel.boot.boot_parameters import MOST_ENTRIES, USABLE, BiosRange, BootParameters
from keelback.kernel.boot.memory_map import MemoryMap
from keelback.kernel.devices.console import Console
from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Component, Cpu, Ram, u32, view, word

PATTERN = 0x5A5A_A5A5
LAST_PAGE = 0xFFFF_F000
FRAMES_IN_REACH = 1 << 20


class Handover(Component):
    """Checks the boot parameters and the memory map."""

    def __init__(self, ram: Ram, cpu: Cpu, kernel_map: MemoryMap) -> None:
        self.ram = ram
        self.cpu = cpu
        self.kernel_map = kernel_map

    def is_memory(self, address: word) -> bool:
        """Say whether the word at an address keeps what is written to it; it then has what it had."""
        inverse: u32 = PATTERN ^ 0xFFFF_FFFF
        return self.cpu.read_back(address, PATTERN) == PATTERN and self.cpu.read_back(address, inverse) == inverse

    def are_parameters(self, address: word) -> bool:
        """Say whether a page of boot parameters can lie at an address."""
        return (
            address % 4 == 0
            and address <= LAST_PAGE
            and self.is_memory(address)
            and self.is_memory(address + PAGE_SIZE - 4)
        )

    def command_line_room(self, parameters: word) -> u32:
        """Return how many bytes from the command line's place on are usable memory; 0 where there is none."""
        given = view(self.ram, BootParameters, parameters)
        place: u32 = given.command_line
        room: u32 = 0
        if place == 0:
            return 0
        for index in range(min(given.map_entries, MOST_ENTRIES)):
            entry = given.map[index]
            if entry.type == USABLE and entry.base_high == 0 and entry.base_low <= place:
                room = max(room, self._left(entry, place))
        if room == 0 or not self.is_memory(place // 4 * 4):
            return 0
        return room if self.is_memory((place + room - 1) // 4 * 4) else min(room, PAGE_SIZE - place % PAGE_SIZE)

    def _left(self, entry: BiosRange, place: u32) -> u32:
        """Return how many bytes of a range lie from a place on, at most a page, below 4 GiB."""
        past: u32 = place - entry.base_low
        size: u32 = entry.size_low if entry.size_high == 0 else 0xFFFF_FFFF
        return min(size - past, PAGE_SIZE, (1 << 32) - place) if size > past else 0

    def report(self, parameters: word, console: Console) -> None:
        """Say what of the boot parameters is not used."""
        given = view(self.ram, BootParameters, parameters)
        if given.map_entries > MOST_ENTRIES:
            console.write(f"keelback: the boot loader tells of {given.map_entries} ranges of memory; ")
            console.write(f"{MOST_ENTRIES} are the most, the others are ignored\n")
        if given.command_line != 0 and self.command_line_room(parameters) == 0:
            console.write(f"keelback: there is no usable memory at {given.command_line:#010x}, ")
            console.write("where the boot loader says that the command line is; ignored\n")

    # Memory that is claimed.

    def check_map(self, console: Console) -> None:
        """Leave out of the map what is not there, and say so."""
        for index in range(self.kernel_map.fill.count):
            claimed = self.kernel_map.table[index]
            reach: u32 = min(claimed.end, FRAMES_IN_REACH)
            end: u32 = self._end_of_memory(claimed.start, reach) if claimed.start < reach else reach
            if end != reach:
                console.write(f"keelback: there is no memory from {end << PAGE_SHIFT:#010x} on, ")
                console.write(f"though the memory map claims it up to {reach << PAGE_SHIFT:#x}; not used\n")
                claimed.end = end
        self.kernel_map.leave_out_empty()

    def _end_of_memory(self, start: u32, end: u32) -> u32:
        """Return where the memory of frames [start, end) ends, if it ends once."""
        if not self.is_memory(start << PAGE_SHIFT):
            return start
        if self.is_memory((end - 1) << PAGE_SHIFT):
            return end
        there: u32 = start
        absent: u32 = end - 1
        while absent - there > 1:
            middle: u32 = (there + absent) // 2
            if self.is_memory(middle << PAGE_SHIFT):
                there = middle
            else:
                absent = middle
        return absent
