"""The model of what a process has in memory: pages by address, and what may be done with each."""

from dataclasses import dataclass, field, replace
from typing import Any

from keelback.abi.rights import READ, WRITE
from keelback.kernel.layout import MICROKERNEL
from kernel.driven import ANYWHERE, BSS, BSS_PAGES, CODE, MALLOC, PAGE, TEXT

PRIVATE = [BSS + number * PAGE for number in range(2, BSS_PAGES)]
"""Pages that each process has for itself, the last of its image."""
AREA = range(ANYWHERE, MALLOC, PAGE)
"""Where pages are that come and go."""
HEAP = range(MALLOC, MICROKERNEL.malloc_limit, PAGE)
"""Where the kernel alone places pages, for a process's malloc."""


@dataclass(eq=False, repr=False)
class Page:
    """A page: its bytes, what may be done with it, and of which object it shows which page, if it does."""

    content: bytearray = field(default_factory=lambda: bytearray(PAGE))
    allowed: int = READ | WRITE
    object: Any = None
    index: int = 0
    is_view: bool = False
    """Whether it was shown by who may not change it."""

    def inherited(self) -> "Page":
        """Return what a child has in its place."""
        return replace(self, content=self.content if self.object else bytearray(self.content))


@dataclass(eq=False, repr=False)
class Space:
    """The pages of a process, by address."""

    pages: dict[int, Page] = field(default_factory=dict)

    @staticmethod
    def of_program() -> "Space":
        """Return what a program starts with, as far as anybody looks."""
        text = Page(bytearray(CODE.ljust(PAGE, b"\0")), READ)
        return Space({TEXT: text, **{each: Page() for each in PRIVATE}})

    def inherited(self) -> "Space":
        """Return what a child has."""
        return Space({address: each.inherited() for address, each in self.pages.items()})

    def page(self, address: int) -> Page | None:
        """Return the page in which an address lies."""
        return self.pages.get(address // PAGE * PAGE)

    def can_use(self, address: int, size: int, writes: bool = False) -> bool:
        """Say whether all bytes of a range may be read, or written."""
        needed = WRITE if writes else READ
        pages = [self.page(each) for each in range(address // PAGE * PAGE, address + size, PAGE)]
        return all(each is not None and each.allowed & needed for each in pages)

    def read(self, address: int, size: int) -> bytes:
        """Return bytes, which are there."""
        return bytes(self.pages[each // PAGE * PAGE].content[each % PAGE] for each in range(address, address + size))

    def write(self, address: int, content: bytes) -> None:
        """Change bytes, which are there."""
        for place, byte in enumerate(content, address):
            self.pages[place // PAGE * PAGE].content[place % PAGE] = byte

    def bytes_of(self, address: int, size: int) -> dict[int, range]:
        """Return which bytes of which contents a range is, by the identity of these."""
        end, found = address + size, {}
        for start in range(address // PAGE * PAGE, end, PAGE):
            found[id(self.pages[start].content)] = range(max(address - start, 0), min(end - start, PAGE))
        return found

    def in_area(self) -> dict[int, Page]:
        """Return the pages that can come and go."""
        return {address: each for address, each in self.pages.items() if address in AREA}

    def in_heap(self) -> dict[int, Page]:
        """Return the pages of its malloc."""
        return {address: each for address, each in self.pages.items() if address in HEAP}

    def room(self, count: int, area: range = AREA) -> int:
        """Return where so many pages in a row of an area are free, the lowest such place."""
        return next(each for each in area if not self.has_any(each, count))

    def has_any(self, start: int, count: int) -> bool:
        """Say whether one of so many pages is in use."""
        return any(start + number * PAGE in self.pages for number in range(count))


def overlap(some: dict[int, range], others: dict[int, range]) -> bool:
    """Say whether two ranges have bytes in common, wherever they are shown."""
    pairs = [(some[each], others[each]) for each in some if each in others]
    return any(max(one.start, other.start) < min(one.stop, other.stop) for one, other in pairs)
