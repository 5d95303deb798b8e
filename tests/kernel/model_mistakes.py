"""Mistakes in a kernel that the model of processes and their memory must find, without the help of any other check."""

from pathlib import Path

from keelback.lang import Panic
from kernel import modelled
from kernel.driven import Blocked, Died
from kernel.object_model import ObjectModel

MEMORY = ("memory.virtual_memory", "VirtualMemory")
SPACES = ("memory.spaces", "AddressSpaces")
OBJECTS = ("memory.objects", "Objects")
LIBRARIES = ("loading.libraries", "Libraries")
ENDINGS = ("processes.endings", "Endings")
WAITING = ("processes.waiting", "Waiting")

# name: (module, class, method, right, wrong)
MISTAKES = {
    "copies that are zeros": (
        *MEMORY, "_copy", "copy_from(0, self.access.source(frame).bytes, 0, PAGE_SIZE)", "fill(0, PAGE_SIZE, 0)",
    ),
    "copies without their end": (*MEMORY, "_copy", "bytes, 0, PAGE_SIZE)", "bytes, 0, PAGE_SIZE - 4)"),
    "a parent that may write what it shares": (*SPACES, "_share_all", "= low & ~WRITABLE", "= low"),
    "a child that lacks its parent's last page": (
        *SPACES, "_share_all", "(after - index) * step)", "(after - index - 1) * step)",
    ),
    "pages that stay mapped after unmap": (
        *MEMORY, "remove", "self.spaces.unmap(space, start, end)", "pass",
    ),
    "an unmap that forgets the last page": (
        *MEMORY, "remove", "unmap(space, start, end)", "unmap(space, start, end - PAGE_SIZE)",
    ),
    "protect that takes no rights away": (
        *MEMORY, "protect", "self.spaces.restrict(space.directory, address, end, permissions, space.owner)", "pass",
    ),
    "protect that takes all rights away": (
        *MEMORY, "protect", "self.regions.protect(space, address, end, permissions)",
        "self.regions.protect(space, address, end, 0)",
    ),
    "memory that may be executed and not read": (
        "x86.paging", "PagingScheme", "permissions", "can_read or can_execute", "can_read",
    ),
    "page_alloc that keeps what was there": (
        *MEMORY, "_renew", "self.access.page(again).bytes.clear()", "pass",
    ),
    "pages that come with what a frame was used for": (*MEMORY, "_new_zeros", ".bytes.clear()", ".bytes"),
    "a frame of zeros that is written": (
        *MEMORY, "_write_first", "self._change(space, page, entry, frame, ",
        "self._change(space, page, entry, self.tables.frame_of(entry), ",
    ),
    "a last holder that is not the last": (
        "memory.frames", "Frames", "take_over", "record.references > 1", "record.references > 2",
    ),
    "wait that takes any child": (*WAITING, "_find_zombie", "pid == self.highest", "pid != 0"),
    "wait that takes the last child": (
        *WAITING, "_collect", "self.processes.reap(zombie)", "self.processes.reap(self.table[parent.zombies.last])",
    ),
    "a kill of who is no descendant": (*ENDINGS, "kill_below", "not self.processes.descends(process, top)", "False"),
    "a region that is carved for nothing": (
        "memory.regions", "Regions", "_count_after", "above > index and not", "above > index or not",
    ),
    "library data that all write together": (
        *LIBRARIES, "_share_page", "page, frame, permissions & (USER | EXECUTE))", "page, frame, permissions)",
    ),
    "library data that the last process changes for all": (
        *LIBRARIES, "_share_page", "not self.frames.share(frame)", "self.frames.is_full(frame)",
    ),
    "a library that goes while a child has it": (
        *LIBRARIES, "inherit", "self._add(child, self._library(parent, index), parent.slots[index].address)",
        "self._add(child, self._library(parent, index), parent.slots[index].address); self.table[0].users -= 1",
    ),
    "a library that stays mapped when it goes": (
        *LIBRARIES, "unload",
        "self.virtual_memory.remove(space, address, end)", "self.regions.carve(space, address, end)",
    ),
    "a list that keeps the wrong library": (
        *LIBRARIES, "_drop", "mapped.slots.copy_from(index, mapped.slots, index + 1, mapped.count - index)", "pass",
    ),
    "libraries that are listed after exec": (
        "processes.programs", "Programs", "exec", "self.processes.libraries.drop_all(process.libraries)", "pass",
    ),
    "shared pages that are copied when they are written": (
        *MEMORY, "_stop_sharing", " and not self._is_of_object(frame)", "",
    ),
    "an object that goes with its last handle": (
        *OBJECTS, "_free_unused", "record.handles == 0 and record.shown == 0", "record.handles == 0",
    ),
    "an object that stays when nobody has it": (*OBJECTS, "_free_unused", "self._free(record)", "pass"),
    "an object that begins with what its frames were used for": (*OBJECTS, "_fill", ".bytes.clear()", ".bytes"),
    "a child that does not count what it shows": (*MEMORY, "duplicate", "self._join(self.objects, child)", "pass"),
    "a part that starts where its object does": (
        "memory.shared_memory", "SharedMemory", "_show", "record, first, first + (", "record, 0, 0 + (",
    ),
    "a view that can be written": (
        "memory.regions", "Regions", "allow", "(region.kind == RegionKind.VIEW and permissions & WRITABLE)", "False",
    ),
    "handles that a child has and nobody counts": (
        "messages.handles", "HandleTables", "inherit", "self._hold(handle.kind, handle.object, handle.rights)", "pass",
    ),
    "library pages that can be unmapped": (
        *MEMORY, "_check_range",
        "self.regions.has_library(space, address, address + round_up(size, PAGE_SIZE))", "False",
    ),
}  # fmt: skip


def is_found(folder: Path, name: str, number: int, examples: int) -> bool:
    """Say whether a short run of random requests finds a mistake."""
    return modelled.is_found(
        ObjectModel, folder, MISTAKES[name], number, examples, (AssertionError, Panic, Died, Blocked)
    )
