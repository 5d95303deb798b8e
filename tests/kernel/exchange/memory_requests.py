"""Random requests about pages that come and go, and about memory objects."""

from hypothesis import strategies as st

from keelback.abi.handles import CHANGE, MAP
from kernel.driven import PAGE, Call
from kernel.exchange.objects import MemoryObject
from kernel.exchange.requests import BAD, FEW_PAGES, MOST_PAGES, Requests
from kernel.exchange.space import HEAP
from kernel.exchange.themes import SELDOM, asked

ALLOWED = [2, 2, 2, 3, 1]
SIZES = [PAGE, 2 * PAGE]
MOST_MALLOC_PAGES = 4


class MemoryRequests(Requests):
    """What processes do with their memory."""

    def has_room_for_pages(self) -> bool:
        return len(self.me.process.space.in_area()) < MOST_PAGES

    def size(self, data: st.DataObject) -> int:
        return self.mostly(data, SIZES, "size", [0])

    def new_place(self, data: st.DataObject) -> int:
        return self.mostly(data, [0, 0, 0, self.area_page(data), *self.gaps()], "place", [BAD, BAD + 4])

    @asked("memory")
    def map(self, data: st.DataObject) -> None:
        """Map pages, and fill the first that can be."""
        if self.has_room_for_pages():
            place, size = self.new_place(data), self.size(data)
            self.ask_and_fill(Call.MAP, place, size, self.mostly(data, ALLOWED, "rights", [0, 4 | 8 | 64]))

    def ask_and_fill(self, call: Call, *arguments: int) -> None:
        """Make a call that gives pages, and fill the first that can be."""
        me, before = self.me, {*self.me.process.space.pages}
        self.ask(call, *arguments)
        new = sorted({*me.process.space.pages} - before)
        if new and me.process.space.can_use(new[0], 1, writes=True):
            self.poke(new[0] + 8, bytes([me.number, len(new)]))
            self.compare()
        self.let_guard_give_way()

    @asked("memory", SELDOM, due=Requests.used_by_waiters)
    def page_alloc(self, data: st.DataObject) -> None:
        if self.has_room_for_pages():
            self.ask_and_fill(
                Call.PAGE_ALLOC,
                self.mostly(data, [self.area_page(data, self.used_by_waiters())], "page", [BAD, BAD + 4, *HEAP[:1]]),
            )

    @asked("memory", SELDOM)
    def malloc_pages(self, data: st.DataObject) -> None:
        if len(self.me.process.space.in_heap()) < MOST_MALLOC_PAGES:
            self.ask_and_fill(Call.MALLOC_PAGES, self.mostly(data, [1, 2, 3], "count", [0]))

    def used_malloc_pages(self) -> list[int]:
        """Return the first's malloc pages that another thread of its process needs, which waits."""
        return [page for page in self.needed_pages() if page in self.me.process.space.in_heap()]

    @asked("memory", SELDOM, due=used_malloc_pages)
    def free_pages(self, data: st.DataObject) -> None:
        pages = [*self.me.process.space.in_heap(), *self.used_malloc_pages() * 3]
        page = self.mostly(data, pages, "page", [BAD, *HEAP[:4], FEW_PAGES[0]]) + self.mostly(data, [0], "odd", [4])
        self.request(Call.FREE_PAGES, page, self.mostly(data, [1, 1, 2], "count", [0]))

    @asked("memory", 2, due=Requests.used_by_waiters)
    def unmap(self, data: st.DataObject) -> None:
        page = self.area_page(data, self.used_by_waiters())
        self.request(Call.UNMAP, page + self.mostly(data, [0], "odd", [4]), self.size(data))

    def views(self) -> list[int]:
        """Return where pages are that the first may never write to."""
        return [page for page, each in self.me.process.space.in_area().items() if each.is_view]

    @asked("memory", SELDOM, due=lambda self: self.used_by_waiters() or self.views())
    def protect(self, data: st.DataObject) -> None:
        page = self.area_page(data, self.used_by_waiters() + self.views())
        self.request(Call.PROTECT, page, self.size(data), self.draw(data, [0, 1, 2, 3], "rights"))

    @asked("objects", due=Requests.is_to_grow)
    def object_create(self, data: st.DataObject) -> None:
        if self.has_room_for_handles():
            self.request(Call.OBJECT_CREATE, self.mostly(data, [1, 2], "pages", [0]))

    def object_handle(self, data: st.DataObject) -> int:
        return self.mostly(data, self.handles_to(MemoryObject), "object")

    @asked("objects", SELDOM)
    def object_size(self, data: st.DataObject) -> None:
        self.request(Call.OBJECT_SIZE, self.object_handle(data))

    @asked("objects", SELDOM, due=lambda self: self.handles_to(MemoryObject, MAP))
    def object_map(self, data: st.DataObject) -> None:
        if self.has_room_for_pages():
            handle, place = self.object_handle(data), self.new_place(data)
            known = self.me.process.handles.get(handle)
            good = ALLOWED if known and known.rights & CHANGE else [1]
            part = self.mostly(data, [0, 0, PAGE], "offset", [2 * PAGE]) | self.mostly(data, good, "rights", [2, 4])
            self.request(Call.OBJECT_MAP, handle, place, self.size(data), part)
