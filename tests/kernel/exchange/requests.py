"""How random requests are drawn, each of the thread that is ready first, and what all of them may use."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import rule

from keelback.abi.rights import WRITE
from keelback.kernel.messages.handle_table import FEW as FEW_HANDLES
from kernel.driven import ANYWHERE, PAGE, Call
from kernel.exchange.handles import Endpoint
from kernel.exchange.machine import SideBySide
from kernel.exchange.parcels import Message
from kernel.exchange.space import PRIVATE
from kernel.exchange.themes import DUE, SELDOM, Asking, Theme, asked
from kernel.exchange.words import Word
from kernel.exchange.world import GUARD, Thread, Wait
from support import MIB

RECORDS, _, BUFFERS, WORDS = PRIVATE
ROOM = 256
"""The bytes that each thread has for the record of a message, for those that it sends and for those that come."""
BAD = 0x1000
"""Where no process has memory."""
FAR = ANYWHERE + 8 * MIB
"""A page that has a page table of its own, whatever those are like."""
FEW_PAGES = [*(ANYWHERE + number * PAGE for number in range(8)), FAR]
"""Where pages come and go."""
MOST_PAGES = 8
"""How many of those a process has, about."""
MOST_HANDLES = 12
BADGES = [0, 0, 7, 8, 0xFFFF_FFFF]
FRAMES_LEFT = [0, 0, 0, 1, 1, 2, 3, 5, 8, 13, 1000, 1000, 1000]
AIMED = [True, True, True, False]
"""How often a request is one that leads to what a theme aims at."""
TICKS = [0, 0, 1, 2, 3, 5]
NUMBERS_RANGE = range(128)
NUMBERS = st.integers(NUMBERS_RANGE[0], NUMBERS_RANGE[-1])
"""What all choices are drawn by: Hypothesis is slow where each has a strategy of its own."""


class Requests(SideBySide):
    """Random requests of several processes, on a machine and on the model."""

    theme = Theme()

    def let_guard_give_way(self) -> None:
        """Let the next that is ready go on, if there is one: the guard has nothing to ask for."""
        if self.world.ready[1:] and self.world.me.process.pid == GUARD:
            self.ask(Call.YIELD)

    def request(self, call: Call, *arguments: int, given: tuple[Any, ...] | None = None) -> None:
        """Let the first make a call, on the machine and on the model, which is given other arguments where said."""
        self.ask(call, *arguments, given=given)
        self.let_guard_give_way()

    def wait_for_ever(self, _: st.DataObject) -> None:
        """Let the guard wait for a child, of which none has ended."""
        self.ask(Call.WAIT, -1, 0)

    # Which request.

    @rule(data=st.data())
    def make_one(self, data: st.DataObject) -> None:
        """Let the first make a request; where all wait, a tick passes, or a device interrupts."""
        if self.is_over:
            return
        choices = self.choices() if self.world.ready else {"tick": 2, "device": bool(self.world.open_lines())}
        if self.theme.aim and self.world.ready and self.me.process.pid != GUARD and self.draw(data, AIMED, "aimed"):
            choices = {self.theme.aim: 1}
        getattr(self, self.weighted(data, choices, "request"))(data)

    def choices(self) -> dict[str, int]:
        """Return the names of the requests that may be made now, each with how probable it is."""
        if self.world.me.process.pid == GUARD:
            return self.choices_of_guard()
        return {name: self.weight(each) for name, each in askings(type(self)).items()}

    def weight(self, asking: Asking) -> int:
        return asking.weight * self.theme.times(asking.part) * (DUE if asking.is_due(self) else 1)

    def choices_of_guard(self) -> dict[str, int]:
        """Return what lets others go on, who all wait, or (seldom) lets none go on any more."""
        is_full = len(self.world.processes) == self.world.most_processes
        has_zombies = bool(self.world.me.process.zombies)
        others = {"wait": 16 * has_zombies, "wait_for_ever": 1, "all_frames": 16 * self.scarcity.is_there}
        return {"tick": 8, "fork": 0 if is_full else 8, "kill": 8 * is_full, **others}

    def weighted(self, data: st.DataObject, choices: dict[str, int], name: str) -> str:
        """Draw one of what has weights."""
        place = (data.draw(NUMBERS) * len(NUMBERS_RANGE) + data.draw(NUMBERS)) * sum(choices.values())
        sums = [*accumulate(choices.values())]
        drawn = [*choices][bisect_right(sums, place // len(NUMBERS_RANGE) ** 2)]
        note(f"{name}: {drawn}")
        return drawn

    def draw(self, data: st.DataObject, choices: Sequence[Any], name: str) -> Any:
        drawn = choices[data.draw(NUMBERS) % len(choices)]
        note(f"{name}: {drawn!r}")
        return drawn

    def mostly(self, data: st.DataObject, good: Sequence[int], name: str, others: Sequence[int] = (0, 9)) -> int:
        """Draw one of those that are good, if there are any, but for one time in sixteen."""
        is_good = good and data.draw(NUMBERS) < len(NUMBERS_RANGE) * 15 // 16
        return int(self.draw(data, good if is_good else others, name))

    # What the first has.

    @property
    def me(self) -> Thread:
        return self.world.me

    def siblings(self) -> list[Thread]:
        return [each for each in self.me.process.threads if each is not self.me]

    def ended_siblings(self) -> list[Thread]:
        """Return those that have ended and were not joined."""
        return [each for each in self.siblings() if each.value is not None]

    def handles_to(self, kind: type, right: int = 0) -> list[int]:
        """Return the handles to a kind of thing, with a right."""
        handles = self.me.process.handles.items()
        return [number for number, each in handles if isinstance(each.thing, kind) and each.rights & right == right]

    def endpoints(self, right: int) -> list[int]:
        """Return the handles with a right to endpoints that are open."""
        return [number for number in self.handles_to(Endpoint, right) if self.thing(number).is_open]

    def thing(self, number: int) -> Any:
        return self.me.process.handles[number].thing

    def has_room_for_handles(self) -> bool:
        return len(self.me.process.handles) < MOST_HANDLES

    # Pages that come and go.

    def used_by_waiters(self) -> list[int]:
        """Return the first's pages that another thread of its process needs, which waits."""
        return [page for page in self.needed_pages() if page in self.me.process.space.in_area()]

    def needed_pages(self) -> list[int]:
        """Return the pages that another thread of the first's process needs, which waits."""
        return [page for each in self.siblings() if each.wait for page in pages_of(each.wait)]

    def leaving(self) -> list[int]:
        """Return the first's pages that it may send."""
        area = self.me.process.space.in_area()
        return [page for page, each in area.items() if each.allowed & WRITE and not each.object]

    def area_page(self, data: st.DataObject, good: Sequence[int] = ()) -> int:
        """Draw an address of a page that may be there, mostly one of the first's, or that is good for something."""
        known = self.me.process.space.in_area()
        return self.mostly(data, [*good, *good, *known], "page", FEW_PAGES)

    def gaps(self) -> list[int]:
        """Return free pages of the first's: those that have no free page behind them, and one far from all others."""
        pages = self.me.process.space.pages
        return [page for page in FEW_PAGES if page not in pages and (page + PAGE in pages or page == FAR)]

    @asked("frames", SELDOM)
    def frames(self, data: st.DataObject) -> None:
        """Take frames away, until so many of both zones are left."""
        self.scarcity.leave(self.draw(data, FRAMES_LEFT, "user frames"), self.draw(data, FRAMES_LEFT, "kernel frames"))

    def all_frames(self, _: st.DataObject) -> None:
        """Give back what was taken away."""
        self.scarcity.end()

    def is_to_grow(self) -> bool:
        """Say whether frames are few, and the next handle of the first's takes one for its table."""
        return self.scarcity.is_there and self.is_full()

    def is_full(self) -> bool:
        """Say whether the first has as many handles as are kept without a frame for them."""
        return sorted(self.me.process.handles) == [*range(1, FEW_HANDLES + 1)]

    # Turns and time.

    @asked("turns")
    def give_way(self, _: st.DataObject) -> None:
        self.request(Call.YIELD)

    @asked("turns", SELDOM)
    def sleep(self, data: st.DataObject) -> None:
        self.request(Call.SLEEP, self.draw(data, [1, 2, 3], "ticks"))

    @asked("turns")
    def tick(self, _: st.DataObject) -> None:
        self.pass_tick()
        self.let_guard_give_way()


@cache
def askings(model: type) -> dict[str, Asking]:
    """Return what can be asked for, by the name of the method that does it."""
    names = [name for name in dir(model) if hasattr(getattr(model, name, None), "asking")]
    return {name: getattr(model, name).asking for name in names}


def pages_of(wait: Wait) -> list[int]:
    """Return the pages that are needed by who waits."""
    on = wait.asked
    if isinstance(on, Word):
        return [on.address // PAGE * PAGE]
    if isinstance(on, Message):
        record = on.record
        return [each // PAGE * PAGE for each in (record.data, record.buffer, record.pages, record.address)]
    return [on // PAGE * PAGE] if isinstance(on, int) else []
