"""Random requests of processes and threads that exchange messages and share memory, on a machine and on the model."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from keelback.abi.handles import GRANT, MAP, SEND
from keelback.abi.rights import READ, WRITE
from kernel.driven import PAGE, Call
from kernel.exchange.aims import Aims
from kernel.exchange.handles import Interrupt
from kernel.exchange.lines import LINES
from kernel.exchange.objects import MemoryObject
from kernel.exchange.requests import BADGES, FEW_PAGES
from kernel.exchange.themes import THEMES


class ExchangeModel(Aims):
    """Random requests of several processes, on a machine and on the model."""

    @initialize(
        theme=st.sampled_from([*THEMES]),
        children=st.integers(1, 3),
        badge=st.sampled_from(BADGES),
        threads=st.integers(0, 1),
    )
    def begin(self, theme: str, children: int, badge: int, threads: int) -> None:
        """Let some processes, perhaps of several threads, have handles to the same endpoints, one with a badge."""
        self.theme = THEMES[theme]
        self.ask(Call.ENDPOINT_CREATE, 0)
        self.ask(Call.ENDPOINT_CREATE, 300)
        self.ask(Call.MINT, 1, SEND | GRANT, badge)
        self.give()
        for _ in range(children):
            self.ask(Call.FORK)
        self.keep_nothing()
        self.ask(Call.YIELD)
        for _ in range(children * (self.theme.threads + threads)):
            self.let_guard_give_way()
            self.start_thread(5)
            self.ask(Call.YIELD)
        self.let_guard_give_way()

    def give(self) -> None:
        """Let the guard have what its children are to have."""
        if "pages" in self.theme.given:
            self.ask(Call.MAP, FEW_PAGES[0], 2 * PAGE, WRITE)
            for page in FEW_PAGES[:2]:
                self.poke(page + 8, b"pages")
            self.ask(Call.MAP, FEW_PAGES[5], PAGE, READ)
        if "interrupts" in self.theme.given:
            for line in LINES:
                self.ask(Call.INTERRUPT_HANDLE, line)
        if "object" in self.theme.given:
            self.ask(Call.OBJECT_CREATE, 2)
            made = max(self.me.process.handles)
            self.ask(Call.OBJECT_MAP, made, FEW_PAGES[2], 2 * PAGE, WRITE)
            self.ask(Call.MINT, made, MAP | GRANT, 0)

    def keep_nothing(self) -> None:
        """Let the guard have nothing that it had for its children alone."""
        for page in self.me.process.space.in_area():
            self.ask(Call.UNMAP, page, PAGE)
        for number in self.handles_to(MemoryObject) + self.handles_to(Interrupt):
            self.ask(Call.DROP, number)
