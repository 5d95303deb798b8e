"""The tale of a page or a frame: all that is known of it, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.frames import Frame
from keelback.inspect.snapshot.pages import Page
from keelback.inspect.snapshot.processes import Process
from keelback.inspect.snapshot.walks import Step
from keelback.inspect.walk import PAGE_SHIFT, PRESENT, USER, WRITABLE, Translation
from keelback.view.cells import PAGE
from keelback.view.runs import frame_of, whose

MOST_PAGES = 8
"""So many of the pages that show a frame are named."""
FLAGS = {
    "P": "present",
    "W": "writable",
    "U": "user",
    "A": "accessed",
    "D": "dirty",
    "G": "global",
    "N": "no-execute",
}
ON_TOUCH = "not there yet: it comes when it is touched"
NEVER = "not there: whoever touches it ends"


@dataclass(frozen=True)
class Tale:
    """What is told: a title, facts by a word each, and the entries that lead there."""

    title: str
    facts: list[tuple[str, str]]
    steps: tuple[Step, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield it as lines."""
        yield self.title
        width = max((len(word) for word, _ in self.rows()), default=0)
        for word, said in self.rows():
            yield f"  {word:<{width}}  {said}"
        if self.letters():
            yield f"  {'':<{width}}  {self.letters()}"

    def rows(self) -> list[tuple[str, str]]:
        """Return the facts, then the entries, by a word each."""
        return [*self.facts, *map(entry_of, self.steps)]

    def way(self) -> Iterator[str]:
        """Yield the entries that lead there, and what their letters mean."""
        for word, said in map(entry_of, self.steps):
            yield f"{word} = {said}"
        if self.letters():
            yield self.letters()

    def letters(self) -> str:
        """Return what the letters of the entries mean, those that occur; empty where none does."""
        flags = {letter for step in self.steps for letter in step.flags}
        return ", ".join(f"{letter} {means}" for letter, means in FLAGS.items() if letter in flags)

    def as_values(self) -> dict[str, Any]:
        """Return it as plain values."""
        steps = [
            {
                "level": each.level,
                "index": each.index,
                "place": each.place,
                "entry": each.entry,
                "flags": each.flags,
                "frame": each.leads_to if each.entry & PRESENT else None,
            }
            for each in self.steps
        ]
        return {"title": self.title, "facts": [list(each) for each in self.facts], "walk": steps}


def entry_of(step: Step) -> tuple[str, str]:
    """Return which entry of which table a step of a walk is, and what that says."""
    word = f"{step.level}[{step.index}]"
    if not step.entry & PRESENT:
        return word, f"{step.entry:#x}: not present"
    kind = "page" if step.is_page else "table"
    return word, f"{step.entry:#x}: {kind} in frame {step.leads_to:#x}, {step.flags}"


def tale_of_address(process: Process, address: int) -> Tale:
    """Tell of an address of a process.

    Raises: UserError where no address is such; LookupError when it has ended; Panic when a table is not in RAM.
    """
    walk = process.walk(address)
    start = address & -PAGE
    pages = list(process.pages(start, start + PAGE))
    name = process.snapshot.name_of(process.pid)
    on_page = "" if start == address else f", on page {start:#010x}"
    facts = [*_facts_of_region(process, address), *(_facts_of_page(pages[0]) if pages else ())]
    if not facts and walk.mapping is not None and walk.mapping.flags & USER:
        facts = [*_facts_of_opened(process.snapshot, walk.mapping)]
    return Tale(f"{address:#010x} in {name}{on_page}", facts or [_nothing_there(process, address)], walk.steps)


def tale_of_page(page: Page) -> Tale:
    """Tell of a page; of one that no process has, such as a library's as it was loaded, without its entries."""
    if page.space.pid:
        return tale_of_address(page.snapshot.processes[page.space.pid], page.address)
    return Tale(page.place, [*_facts_of_page(page)])


def _facts_of_opened(snapshot: Snapshot, mapping: Translation) -> Iterator[tuple[str, str]]:
    yield (
        "page",
        f"of the kernel part, open to every program: {'may be written' if mapping.flags & WRITABLE else 'read-only'}",
    )
    yield from facts_of_frame(snapshot.frames[mapping.frame])


def _facts_of_region(process: Process, address: int) -> Iterator[tuple[str, str]]:
    region = process.space.region_of(address) if process.space is not None else None
    if region is not None:
        pages = (region.end - region.start) >> PAGE_SHIFT
        size = f"{pages:,} page{'s' * (pages != 1)}"
        yield "region", f"{region.use} [{region.start:#010x}, {region.end:#010x}): {region.rights}, {size}"
        if not any(process.pages(address & -PAGE, (address & -PAGE) + PAGE)):
            yield "page", ON_TOUCH if region.grows_by_touch else NEVER


def _facts_of_page(page: Page) -> Iterator[tuple[str, str]]:
    yield "page", RIGHTS.get(page.rights, page.rights)
    frame = frame_of(page)
    if frame is None:
        yield "frame", f"{page.mapping.frame:#x}, which is behind all memory that the kernel has"
        return
    yield from facts_of_frame(frame, page)


RIGHTS = {
    "copy-on-write": "copy-on-write: who writes first, and is not alone, gets a copy",
    "shows zeros": "shows the frame of zeros: the first write gets a frame of its own",
}


def facts_of_frame(frame: Frame, seen_from: Page | None = None) -> Iterator[tuple[str, str]]:
    """Yield what is known of a frame, and who else shows it than the page that it is seen from."""
    yield "frame", f"{frame.said} (physical {frame.number << PAGE_SHIFT:#010x})"
    if frame.is_free:
        return
    if seen_from is not None and frame.owner not in (0, seen_from.space.pid):
        yield "owner", whose(frame)
    others = [each for each in frame.pages if seen_from is None or _place(each) != _place(seen_from)]
    for each in others[:MOST_PAGES]:
        yield "also" if seen_from else "shown", f"{each.place}: {each.use}, {each.rights}"
    if len(others) > MOST_PAGES:
        yield "", f"and {len(others) - MOST_PAGES:,} pages more"


def _place(page: Page) -> tuple[int, int]:
    return page.space.directory, page.address


def _nothing_there(process: Process, address: int) -> tuple[str, str]:
    layout = process.snapshot.kernel.layout
    if layout.stack_guard <= address < layout.stack_bottom:
        return "guard", f"below the stack, never mapped: [{layout.stack_guard:#010x}, {layout.stack_bottom:#010x})"
    if address < layout.user_base:
        return "kernel", f"the kernel part, below {layout.user_base:#010x}: no program reaches it"
    return "region", "none: whoever touches it ends"


def tale_of_frame(snapshot: Snapshot, number: int) -> Tale:
    """Tell of a frame.  Raises: IndexError when the machine has none such."""
    frame = snapshot.frames[number]
    return Tale(f"frame {number:#x}", list(facts_of_frame(frame)))
