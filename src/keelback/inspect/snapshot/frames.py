"""Page frames: role, owner and references as the frame table has them, and all pages that show them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from keelback.inspect.notebooks import InNotebooks
from keelback.inspect.records import raw
from keelback.inspect.snapshot.pages import Page
from keelback.kernel.memory.frames import OWNER_BITS, PINNED, Role

if TYPE_CHECKING:
    from keelback.inspect.snapshot.snapshot import Snapshot

RECORD = Struct("<HH")
"""References, and role and owner, as they lie in RAM."""
ROLES: dict[int, str] = {
    Role.KERNEL: "kernel",
    Role.TABLE: "kernel's page table",
    Role.LIBRARY: "library as loaded",
    Role.ZEROS: "frame of zeros",
    Role.CONSOLE: "console",
    Role.SHARED: "shared by several",
    Role.RESERVED: "reserved",
    Role.STACK: "kernel stack",
    Role.OBJECT: "memory object",
}


def counted(references: int) -> str:
    """Return in words how often a frame is referred to."""
    return "pinned" if references == PINNED else f"{references} reference{'s' * (references != 1)}"


def said_record(record: bytes, name_of: Callable[[int], str]) -> str:
    """Return what the bytes of a frame's record say, whichever frame's: `data of cow (1), 2 references`.

    `name_of` names a process by its id.
    """
    references, use = RECORD.unpack(record)
    role, owner = use >> OWNER_BITS, use & (1 << OWNER_BITS) - 1
    if not references and not use:
        return "free"
    if role == Role.OBJECT:
        return f"{ROLES[role]} {owner}, {counted(references)}"
    known = "table" if owner and role == Role.TABLE else ROLES.get(role, f"role {role}") if role else "data"
    return f"{known}{f' of {name_of(owner)}' if owner else ''}, {counted(references)}"


@dataclass(frozen=True, repr=False, slots=True)
class Frame(InNotebooks):
    """One page frame; `owner` is a process's id, 0: no one's, and `object` a memory object's number, 0: none."""

    snapshot: Snapshot
    number: int
    references: int
    role: int
    owner: int
    object: int = 0

    def __repr__(self) -> str:
        shown = [each.place for each in self.pages]
        return f"<{self.said}{', shown at ' if shown else ''}{', '.join(shown)}>"

    @property
    def said(self) -> str:
        """Return its number, its use and its references: `frame 0x803: data of cow (1), 1 reference`."""
        return f"frame {self.number:#x}: {self.use}{'' if self.is_free else ', ' + counted(self.references)}"

    @property
    def is_free(self) -> bool:
        """Say whether nobody uses it."""
        return (self.references, self.role, self.owner) == (0, 0, 0)

    @property
    def pages(self) -> list[Page]:
        """Return every user page that shows it, in order of spaces."""
        return [Page(self.snapshot, space, mapping) for space, mapping in self.snapshot.mappings.get(self.number, ())]

    @property
    def use(self) -> str:
        """Return whose it is and what for."""
        if self.is_free:
            return "free"
        if found := self.snapshot.tables.get(self.number):
            space, table = found
            name = self.snapshot.walker.scheme.levels[table.depth].name
            return f"{name} of {space.whose}, for {table.base:#010x} and on"
        if self.role == Role.DATA:
            uses = {each.use for each in self.pages}
            return f"{' and '.join(sorted(uses)) or 'data'} of {self.snapshot.name_of(self.owner)}"
        if self.role == Role.TABLE and self.owner:
            if (owner := self.snapshot.processes.get(self.owner)) is None:
                return f"a table of process {self.owner}, which has no record"
            listed = "handles" if self.number in owner.handle_nodes else "regions"
            return f"{listed} of {self.snapshot.name_of(self.owner)}"
        if self.object:
            listed = "list of frames of " if self.number in self.snapshot.kernel_zone else ""
            return f"{listed}memory object {self.object}"
        return ROLES.get(self.role, f"role {self.role}")


class Frames:
    """All frames that the machine has a record for, by number; `records` are the bytes of the frame table."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.records = raw(snapshot.kernel.memory.frames.table)
        self._fields = memoryview(self.records).cast("H")

    def __len__(self) -> int:
        return len(self._fields) // 2

    def uses(self) -> list[int]:
        """Return the role and owner of every frame, as `Frame.use` of the kernel has them; a million take 10 ms."""
        return self._fields[1::2].tolist()

    def references(self, start: int, end: int) -> list[int]:
        """Return how often each frame of [start, end) is referred to."""
        return self._fields[2 * start : 2 * end : 2].tolist()

    def owned(self, pid: int, numbers: Iterable[int]) -> int:
        """Return how many of some frames a process owns; what is behind the frame table nobody does."""
        uses, known, own = self._fields[1::2], len(self), (pid, Role.TABLE << OWNER_BITS | pid)
        return sum(number < known and uses[number] in own for number in numbers)

    def __repr__(self) -> str:
        counts = self._snapshot.kernel.memory.frames.counts
        return f"<{len(self):,} frames, {counts.user_free:,} user and {counts.kernel_free:,} kernel-zone ones free>"

    def __getitem__(self, number: int) -> Frame:
        """Return a frame.  Raises: IndexError when the machine has no such frame."""
        if not 0 <= number < len(self):
            raise IndexError(f"frame {number:#x} is none of this machine's, which has {len(self):#x}")
        references, use = self._fields[2 * number], self._fields[2 * number + 1]
        role, owner = use >> OWNER_BITS, use & (1 << OWNER_BITS) - 1
        whose = (0, owner) if role == Role.OBJECT else (owner, 0)
        return Frame(self._snapshot, number, references, role, *whose)
