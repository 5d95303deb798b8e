"""Where a process's own pages are: its memory as runs of pages that have one thing to be said of them.

    0x08048000–0x08049fff   2  text, read-only   frames 0x2–0x3   of cow (1), 2 references, also in cow (2)

A run ends where use, rights, owner, references or other holders change, or frames no longer follow each other.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, NamedTuple

from keelback.inspect.snapshot.frames import Frame
from keelback.inspect.snapshot.pages import Page
from keelback.inspect.snapshot.processes import Process
from keelback.inspect.snapshot.regions import Region
from keelback.inspect.walk import PAGE_SHIFT
from keelback.kernel.memory.frames import PINNED, Role
from keelback.kernel.x86.paging import EXECUTE
from keelback.view.cells import PAGE

NOT_YET, NEVER = "not there yet", "not there"
SHORT: dict[int, str] = {Role.ZEROS: "zeros", Role.SHARED: "several"}
SHARED = "also in"
COLUMNS: Final[dict[str, Literal["left", "right"]]] = {
    "addresses": "left",
    "pages": "right",
    "what": "left",
    "rights": "left",
    "frames": "left",
    "owner": "left",
    "refs": "right",
    SHARED: "left",
}
"""What a table says of each run, and on which side it stands."""
MOST_OTHERS = 4
"""So many other holders are named; of more, how many there are is said."""


class Holder(NamedTuple):
    """A process that shows the same frames too, and by how much its addresses are higher there."""

    whose: str
    pid: int
    offset: int


@dataclass(frozen=True)
class Run:
    """Pages [start, end) of one region; `frame` is that of the first, None: no page is mapped."""

    start: int
    end: int
    use: str
    rights: str
    frame: int | None = None
    owner: str = ""
    references: int = 0
    """PINNED: nobody counts them."""
    others: tuple[Holder, ...] = ()
    one_frame: bool = False
    """Whether all its pages, of several, show one frame."""

    @property
    def pages(self) -> int:
        """Return how many pages it has."""
        return (self.end - self.start) >> PAGE_SHIFT

    @property
    def frames(self) -> str:
        """Return its frames: `0x2–0x3`."""
        if self.frame is None:
            return ""
        last = self.frame + self.pages - 1
        return f"{self.frame:#x}" if last == self.frame or self.one_frame else f"{self.frame:#x}–{last:#x}"

    @property
    def counted(self) -> str:
        """Return its references in words."""
        return "" if self.frame is None else "pinned" if self.references == PINNED else f"{self.references:,}"

    @property
    def shared_with(self) -> str:
        """Return who else shows its frames: `cow (2)`, with the address where that is another."""
        return self._shared_with([each.whose for each in self.others])

    @property
    def shared_with_pids(self) -> str:
        """Return the same with ids alone."""
        return self._shared_with([str(each.pid) for each in self.others])

    def _shared_with(self, names: list[str]) -> str:
        named = [
            name + (f" at {self.start + each.offset:#010x}" if each.offset else "")
            for name, each in zip(names[:MOST_OTHERS], self.others, strict=False)
        ]
        more = len(self.others) - len(named)
        return ", ".join([*named, *([f"{more:,} more"] if more > 0 else [])])

    def addresses(self, digits: int) -> str:
        """Return its addresses, the last too: `0x08048000–0x08049fff`."""
        return f"{self.start:#0{2 + digits}x}–{self.end - 1:#0{2 + digits}x}"

    def short_addresses(self, digits: int) -> str:
        """Return its addresses, of the last those digits alone that are not the first's: `0x08048000–9fff`."""
        start, end = f"{self.start:0{digits}x}", f"{self.end - 1:0{digits}x}"
        same = next(index for index in range(digits) if start[index] != end[index])
        return f"0x{start}–{end[same:]}"

    def told(self, digits: int) -> tuple[str, str, str, str, str, str, str, str]:
        """Return what a table says of it, by `COLUMNS`."""
        place = self.addresses(digits)
        return place, f"{self.pages:,}", self.use, self.rights, self.frames, self.owner, self.counted, self.shared_with

    def facts(self) -> dict[str, Any]:
        """Return it as plain values; `end` is the first address after it."""
        return asdict(self) | {"pages": self.pages, "others": [each._asdict() for each in self.others]}


def runs(process: Process) -> Iterator[Run]:
    """Yield the runs of a process's regions, lowest first: pages that are mapped, and those that are not there."""
    for region in process.regions:
        so_far, not_there = region.start, NOT_YET if region.grows_by_touch else NEVER
        for run in _joined(region, process):
            if so_far < run.start:
                yield Run(so_far, run.start, region.use, not_there)
            yield run
            so_far = run.end
        if so_far < region.end:
            yield Run(so_far, region.end, region.use, not_there)


def _joined(region: Region, process: Process) -> Iterator[Run]:
    """Yield runs of a region's mapped pages."""
    so_far: Run | None = None
    for page in process.pages(region.start, region.end):
        run = _of_page(page, region)
        if so_far is not None and _goes_on(so_far, run):
            so_far = replace(so_far, end=run.end, one_frame=run.frame == so_far.frame)
        else:
            if so_far is not None:
                yield so_far
            so_far = run
    if so_far is not None:
        yield so_far


def _goes_on(before: Run, run: Run) -> bool:
    """Say whether a page's run is the next of another: behind it, on the next frame or on the same."""
    if before.end != run.start or before.frame is None or run.frame is None:
        return False
    is_next = run.frame == before.frame + before.pages and not before.one_frame
    is_same = run.frame == before.frame and (before.one_frame or before.pages == 1)
    alike = all(getattr(before, name) == getattr(run, name) for name in ("use", "rights", "owner", "references"))
    return bool(is_next or is_same) and alike and (before.others == run.others or bool(is_same))


def _of_page(page: Page, region: Region) -> Run:
    frame, start = frame_of(page), page.address
    rights = "may be executed" if page.rights == "read-only" and region.permissions & EXECUTE else page.rights
    if frame is None:
        return Run(start, start + PAGE, region.use, rights, page.mapping.frame, "behind all memory")
    others = () if frame.references == PINNED else tuple(_others(page, frame))
    return Run(start, start + PAGE, region.use, rights, frame.number, whose(frame), frame.references, others)


def frame_of(page: Page) -> Frame | None:
    """Return the frame that a page shows, None when the machine has no record of it."""
    frames = page.snapshot.frames
    return frames[page.mapping.frame] if page.mapping.frame < len(frames) else None


def whose(frame: Frame) -> str:
    """Return who has a frame: a process, a library, or what its role says."""
    if frame.owner:
        return frame.snapshot.name_of(frame.owner)
    if frame.role == Role.LIBRARY:
        names = [each.space.whose.removeprefix("library ") for each in frame.pages if not each.space.pid]
        return names[0] if names else "library"
    return SHORT.get(frame.role, frame.use)


def _others(page: Page, frame: Frame) -> Iterator[Holder]:
    for each in frame.pages:
        if each.space.pid and (each.space, each.address) != (page.space, page.address):  # not a library's as loaded
            yield Holder(each.space.whose, each.space.pid, each.address - page.address)
