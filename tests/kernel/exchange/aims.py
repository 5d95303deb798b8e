"""What some themes aim at: the next request on the way to what random requests seldom come to."""

from hypothesis import strategies as st

from keelback.abi.handles import RECEIVE, SEND
from keelback.abi.rights import WRITE
from kernel.driven import PAGE, Call
from kernel.exchange.failures import Failures
from kernel.exchange.requests import BUFFERS, ROOM, TICKS, WORDS
from kernel.exchange.returns import Returns
from kernel.exchange.thread_requests import IN_ITS_QUEUE, NOWHERE, WORD_PLACES
from kernel.exchange.words import Word
from kernel.exchange.world import Thread


class Aims(Failures, Returns):
    """Requests that lead somewhere."""

    def let_word_leave(self, data: st.DataObject) -> None:
        """Let a page be sent, replaced, or given back to malloc, on a word of which another of its process waits."""
        received = self.with_pages_to_come()
        freed = [each for each in self.heap() if each in self.pages_with_waiters()]
        waited_on = [each for each in self.leaving() if each in self.pages_with_waiters()]
        takers = self.carriers(SEND)
        if received:
            self.receive_page(self.draw(data, received, "handle"))
        elif waited_on and self.draw(data, [True, False, False], "replaced"):
            self.ask_and_fill(Call.PAGE_ALLOC, self.draw(data, waited_on, "page"))
        elif waited_on and takers:
            self.send_page(self.draw(data, takers, "handle"), self.draw(data, waited_on, "page"))
        elif freed:
            self.request(Call.FREE_PAGES, self.draw(data, freed, "page"), 1)
        elif not self.siblings():
            self.start_thread(5)
        elif not self.leaving():
            self.request(Call.MAP, 0, PAGE, WRITE)
        elif not self.heap():
            self.request(Call.MALLOC_PAGES, 2)
        else:
            self.wait_in(self.draw(data, self.leaving() + self.heap(), "page"))

    def let_wake_choose(self, data: st.DataObject) -> None:
        """Let a thread wake some of those that wait in one queue, on its word, on another, or where nothing is."""
        awaited = [on for on in self.words_of_waiters() if on in WORD_PLACES]
        chosen = self.draw(data, ["wake", "wake", "wait", "tick"], "chosen") if awaited else "wait"
        if not self.siblings():
            self.start_thread(5)
        elif chosen == "tick":
            self.tick(data)
        elif chosen == "wake":
            place = self.draw(data, [*awaited, IN_ITS_QUEUE, WORDS, NOWHERE], "place")
            self.request(Call.WAKE, place, self.draw(data, [0, 1, 2, 99], "count"))
        else:
            self.wait_on_word(self.draw(data, WORD_PLACES, "place"), self.draw(data, TICKS, "ticks"))

    def let_joined_go(self, data: st.DataObject) -> None:
        """Let a process go while another waits by handle for one of its threads."""
        alive = [number for number in self.handles_to(Thread, RECEIVE) if self.thing(number).value is None]
        others = [number for number in alive if self.thing(number).process is not self.me.process]
        if self.is_joined_from_elsewhere():
            self.request(Call.EXIT, 0)
        elif others:
            self.request(Call.THREAD_WAIT, self.draw(data, others, "handle"), 0, 0)
        elif alive:
            self.request(Call.FORK)
        elif self.siblings():
            self.request(Call.THREAD_HANDLE, self.draw(data, self.siblings(), "thread").number)
        else:
            self.start_thread(5)

    def heap(self) -> list[int]:
        return [*self.me.process.space.in_heap()]

    def with_pages_to_come(self) -> list[int]:
        """Return the first's handles to where somebody waits who sends pages."""
        found = self.endpoints(RECEIVE)
        return [number for number in found if any(self.sends_pages(each) for each in self.thing(number).senders)]

    @staticmethod
    def sends_pages(thread: Thread) -> bool:
        return bool(thread.wait and thread.wait.asked.record.page_count)

    def pages_with_waiters(self) -> list[int]:
        """Return the pages on words of which other threads of the first's process wait."""
        return [on // PAGE * PAGE for on in self.words_of_waiters()]

    def words_of_waiters(self) -> list[int]:
        """Return the words on which other threads of the first's process wait."""
        waits = [each.wait.asked for each in self.siblings() if each.wait]
        return [on.address for on in waits if isinstance(on, Word)]

    def receive_page(self, number: int) -> None:
        record = self.with_record(buffer=BUFFERS, room=ROOM, most_pages=4)
        self.carry(Call.RECEIVE, number, record, number, record)

    def send_page(self, number: int, page: int) -> None:
        self.send_with(number, self.with_record(pages=page, page_count=1))

    def wait_in(self, page: int) -> None:
        """Wait on a word of a page that has the value it has."""
        self.wait_on_word(page + 4 * self.me.number, 0)

    def wait_on_word(self, place: int, ticks: int) -> None:
        """Wait on a word that has the value it has."""
        value = int.from_bytes(self.me.process.space.read(place, 4), "little")
        self.request(Call.WAIT_ON, place, value, ticks)
