"""Aims at calls that fail half-way: for want of memory, or of room where pages are to come.

table of handles: full, so the next takes a frame ──> the call ──> no frame, or no room: what it took is given back
"""

from hypothesis import strategies as st

from keelback.abi.calls import CALLS
from keelback.abi.errors import OutOfMemory
from keelback.abi.handles import RECEIVE, SEND
from keelback.abi.rights import WRITE
from keelback.kernel.messages.handle_table import FEW
from kernel.driven import PAGE, Call
from kernel.exchange.handles import Endpoint
from kernel.exchange.line_requests import LineRequests
from kernel.exchange.memory_requests import MemoryRequests
from kernel.exchange.requests import FEW_PAGES, ROOM, askings
from kernel.exchange.thread_requests import ThreadRequests
from kernel.exchange.world import Thread

NEEDING = {each.name for each in CALLS if OutOfMemory in each.errors}
"""The calls that may need memory."""
FEW_FRAMES = [(0, 1000), (1, 1000), (1000, 0), (1000, 1), (1000, 2)]
"""How many frames are left of both zones: of one too few for some calls, of the other enough."""


class Failures(MemoryRequests, ThreadRequests, LineRequests):
    """Requests that lead to calls that fail half-way."""

    def let_memory_lack(self, data: st.DataObject) -> None:
        """Make a call that may need memory when few frames are left, and the next handle takes one of them."""
        self.scarcity.end()
        if not self.is_full():
            return self.fill_table()
        calls = {name: each for name, each in askings(type(self)).items() if name in NEEDING}
        choices = {name: 3 if each.is_due(self) else 1 for name, each in calls.items()}
        self.scarcity.leave(*self.draw(data, FEW_FRAMES, "frames of users and the kernel"))
        return getattr(self, self.weighted(data, choices, "request"))(data)

    def fill_table(self) -> None:
        """Bring the first nearer to as many handles as are kept without a frame for them."""
        handles = self.me.process.handles
        if max(handles, default=0) > FEW:
            self.request(Call.DROP, max(handles))
        else:
            self.request(Call.ENDPOINT_CREATE, ROOM)

    def let_message_fail(self, data: st.DataObject) -> None:
        """Send a handle, which takes a frame, to who then has no room for the pages that come with it."""
        pairs = [page for page in self.leaving() if page + PAGE in self.leaving()]
        gaps = [page for page in self.gaps() if page + PAGE in self.me.process.space.pages]
        takers = [each for each in self.carriers(SEND) if any(map(has_too_little, self.thing(each).receivers))]
        if not self.is_full():
            self.fill_table()
        elif takers and pairs:
            given, pages = self.draw(data, self.handles_to(Endpoint), "given"), self.draw(data, pairs, "pages")
            self.send_with(self.draw(data, takers, "handle"), self.with_record(handle=given, pages=pages, page_count=2))
        elif takers or not gaps or not self.carriers(RECEIVE):
            self.request(Call.MAP, self.draw(data, FEW_PAGES, "page"), 2 * PAGE, WRITE)
        else:
            number = self.draw(data, self.carriers(RECEIVE), "handle")
            record = self.with_record(place=self.draw(data, gaps, "place"), most_pages=2)
            self.carry(Call.RECEIVE, number, record, number, record)

    def carriers(self, right: int) -> list[int]:
        """Return the first's handles with a right to endpoints whose messages may have more than words."""
        return [each for each in self.endpoints(right) if self.thing(each).most]


def has_too_little(thread: Thread) -> bool:
    """Say whether a thread that waits to receive has room for one page alone where it would take more."""
    assert thread.wait
    record, pages = thread.wait.asked.record, thread.process.space.pages
    return record.most_pages > 1 and record.place + PAGE in pages
