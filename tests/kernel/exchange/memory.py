"""The model of ranges of pages that a process maps, unmaps and protects."""

from keelback.abi.errors import BadAddress, BadArgument, NoRoom
from keelback.abi.rights import READ, WRITE
from kernel.driven import PAGE
from kernel.exchange.space import AREA, HEAP, Page
from kernel.exchange.words import Words
from kernel.exchange.world import Process, error

USER_END = 0xC000_0000


class Memory(Words):
    """Processes whose memory comes and goes; lengths are whole pages."""

    def wrong_with_range(self, address: int, size: int) -> list[type]:
        wrong: list[type] = [BadArgument] if address % PAGE or not size else []
        return wrong if address in AREA or address % PAGE else [*wrong, BadAddress]

    def placed(self, process: Process, address: int, size: int) -> tuple[list[type], int]:
        """Return what is wrong with a place for pages, and where they go: there, or (0) where there is room."""
        count = size // PAGE
        if not address:
            return ([], process.space.room(count)) if size else ([BadArgument], 0)
        wrong = self.wrong_with_range(address, size)
        return wrong or ([NoRoom] if process.space.has_any(address, count) else []), address

    def map(self, address: int, size: int, allowed: int) -> None:
        me = self.me
        wrong, start = self.placed(me.process, address, size)
        wrong = wrong + ([BadArgument] if allowed & ~(READ | WRITE) else [])
        if wrong:
            return self.answer(me, error(*wrong))
        for page in range(start, start + size, PAGE):
            me.process.space.pages[page] = Page(allowed=with_reading(allowed))
        return self.answer(me, start)

    def unmap(self, address: int, size: int) -> None:
        me = self.me
        wrong = self.wrong_with_range(address, size)
        if wrong:
            return self.answer(me, error(*wrong))
        self.answer(me, 0)
        for page in range(address, address + size, PAGE):
            me.process.space.pages.pop(page, None)
        return self.forget_unreadable(me.process)

    def protect(self, address: int, size: int, allowed: int) -> None:
        me, pages = self.me, self.me.process.space.pages
        wrong = self.wrong_with_range(address, size) + ([BadArgument] if allowed & ~(READ | WRITE) else [])
        changed = [pages.get(page) for page in range(address, address + size, PAGE)]
        if any(each is None or (each.is_view and allowed & WRITE) for each in changed):
            wrong.append(BadAddress)
        if wrong:
            return self.answer(me, error(*wrong))
        self.answer(me, 0)
        for each in changed:
            if each:
                each.allowed = with_reading(allowed)
        return self.forget_unreadable(me.process)

    def page_alloc(self, address: int) -> None:
        """Put a new page at an address; what was there is gone, its words too."""
        me = self.me
        wrong = self.wrong_with_range(address, PAGE)
        if wrong:
            return self.answer(me, error(*wrong))
        self.answer(me, 0)
        me.process.space.pages[address] = Page()
        return self.forget_words(me.process, address)

    def malloc_pages(self, count: int) -> None:
        me = self.me
        if not count:
            return self.answer(me, BadArgument.number)
        start = me.process.space.room(count, HEAP)
        for page in range(start, start + count * PAGE, PAGE):
            me.process.space.pages[page] = Page()
        return self.answer(me, start)

    def free_pages(self, address: int, count: int) -> None:
        me, pages = self.me, self.me.process.space.pages
        freed = range(address, address + count * PAGE, PAGE)
        wrong: list[type] = [BadArgument] if address % PAGE or not count else []
        wrong += [] if all(each in HEAP and each in pages for each in (address, *freed)) else [BadAddress]
        if wrong:
            return self.answer(me, error(*wrong))
        self.answer(me, 0)
        for page in freed:
            del pages[page]
        return self.forget_unreadable(me.process)


def with_reading(allowed: int) -> int:
    """Return what may be done: who may write may read."""
    return allowed | READ if allowed else 0
