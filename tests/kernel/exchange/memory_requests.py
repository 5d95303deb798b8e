"""Random requests about pages that come and go, and about memory objects."""

from hypothesis import strategies as st

from keelback.abi.handles import CHANGE, MAP
from kernel.driven import PAGE, Call
from kernel.exchange.objects import MemoryObject
from kernel.exchange.requests import BAD, MOST_PAGES, Requests
from kernel.exchange.themes import SELDOM, asked

ALLOWED = [2, 2, 2, 3, 1]
SIZES = [PAGE, 2 * PAGE]


class MemoryRequests(Requests):
    """What processes do with their memory."""

    def has_room_for_pages(self) -> bool:
        return len(self.me.process.space.in_area()) < MOST_PAGES

    def size(self, data: st.DataObject) -> int:
        return self.mostly(data, SIZES, "size", [0])

    def new_place(self, data: st.DataObject) -> int:
        return self.mostly(data, [0, 0, 0, self.area_page(data)], "place", [BAD, BAD + 4])

    @asked("memory")
    def map(self, data: st.DataObject) -> None:
        """Map pages, and fill the first that can be."""
        if self.has_room_for_pages():
            place, size = self.new_place(data), self.size(data)
            before = {*self.me.process.space.pages}
            me = self.me
            self.ask(Call.MAP, place, size, self.mostly(data, ALLOWED, "rights", [0, 4 | 8 | 64]))
            new = sorted({*me.process.space.pages} - before)
            if new and me.process.space.can_use(new[0], 1, writes=True):
                self.poke(new[0] + 8, bytes([me.number, len(new)]))
                self.compare()
            self.let_guard_give_way()

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

    @asked("objects")
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
