"""`keelback watch` in a terminal: all memory at once, stepped through forward and back."""

from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.widgets import Static

from keelback.machine.recorded.changes import Change
from keelback.view.cells import Spot
from keelback.view.scene import digits_of, scene_of
from keelback.view.text import TextView
from keelback.view.watch import panes
from keelback.view.watch.asking import Asking
from keelback.view.watch.board import Board, Widths
from keelback.view.watch.help import Help
from keelback.view.watch.map_view import MapView
from keelback.view.watch.watched import Watched

T = TypeVar("T")
PICTURES = 20
"""How often a second a run is shown."""
SPEEDS = (1, 5, 20, 100, 1_000, 0)
"""Traps a second; 0: as many as there can be."""
PATIENCE = 0.4
"""Seconds after which it is said that the machine moves."""
AT_ANY_TIME = ("quit", "help", "speed")
"""What may be asked for while it does."""
SCROLL_BAR = 1
ENTER = "\r"
NARROW, LOW = 110, 32
KEYS = "? help  q quit  ← → step  ⇧→ over  space run  g go to  p process  w who changed  n next change  / find"


class WatchApp(App[None]):
    """The live view of a run."""

    CSS_PATH = "watch.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "step", "Step"),
        Binding("left", "step_back", "Back"),
        Binding("shift+right,o", "over", "Over"),
        Binding("shift+left", "back_many", "Back by 100"),
        Binding("space", "run", "Run or pause"),
        Binding("home", "start", "To the start"),
        Binding("plus,equals_sign", "speed(1)", "Faster"),
        Binding("minus", "speed(-1)", "Slower"),
        Binding("n", "next_change", "Next change"),
        Binding("w", "who_changed", "Who changed"),
        Binding("g", "ask_where", "Go to"),
        Binding("slash", "ask_text", "Find"),
        Binding("i", "ask_input", "Type"),
        Binding("p", "next_process", "Next process"),
        Binding("c", "toggle_console", "Console"),
        Binding("up,k", "move(0, -1)", "Up"),
        Binding("down,j", "move(0, 1)", "Down"),
        Binding("pageup", "move(0, -10)", "Up by ten"),
        Binding("pagedown", "move(0, 10)", "Down by ten"),
        Binding("h", "move(-1, 0)", "Page before"),
        Binding("l", "move(1, 0)", "Page after"),
        Binding("question_mark", "help", "Help"),
        Binding("q,ctrl+c", "quit", "Quit"),
    ]

    def __init__(self, watched: Watched) -> None:
        super().__init__()
        self.watched = watched
        self.running = False
        self.speed = 2
        self.said = ""
        self.error: BaseException | None = None
        """What ended the view, if it was a mistake of its own."""
        self.is_busy = False
        """Whether the machine is moving, and its memory not to be looked at."""
        self._meanwhile: tuple[str, tuple[object, ...]] | None = None
        """What was asked for while it ran, which is done before it goes on."""
        self._due = 0.0

    def compose(self) -> ComposeResult:
        """Make the widgets: head, maps with processes and page beside them, events, console, and keys."""
        yield Static(id="head")
        with Horizontal(id="middle"):
            yield MapView()
            with Vertical(id="side"):
                yield Static(id="processes")
                yield Static(id="page")
        yield Static(id="line")
        yield Static(id="events")
        yield Static(id="console")
        yield Asking()
        yield Static(KEYS, id="keys")

    def on_mount(self) -> None:
        """Name the panes, and start showing what runs."""
        titles = {
            "map": "memory",
            "processes": "processes",
            "page": "this page",
            "events": "events",
            "console": "console",
        }
        for name, title in titles.items():
            self.query_one(f"#{name}").border_title = title
        self.map.focus()
        self.set_interval(1 / PICTURES, self._run_on)
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        self._choose(self.watched.current)

    def _choose(self, pid: int, address: int = 0) -> None:
        """Put the cursor on a page of a process or of physical memory, on the first where that is not shown."""
        page = next(self.watched.snapshot.processes[pid].pages(), None) if pid else None
        first = Spot(pid, page.address if page is not None else 0)
        self.map.spot = first
        self.show()
        wanted = Spot(pid, address)
        board = self.map.board
        self.map.go_to(wanted if address and board is not None and board.place_of(wanted) else first)

    @property
    def map(self) -> MapView:
        """Return the maps."""
        return self.query_one(MapView)

    @property
    def is_small(self) -> bool:
        """Say whether there is room for one map alone."""
        return self.size.width < NARROW or self.size.height < LOW

    def on_resize(self, _event: Resize) -> None:
        """Arrange for another size of the terminal."""
        self.call_after_refresh(self._arrange)

    def _arrange(self) -> None:
        """Show the panes that there is room for now."""
        self.set_class(self.is_small, "small")
        self._show_again()

    def on_map_view_resized(self) -> None:
        """Draw the maps as wide as the other panes leave them."""
        self._show_again()

    def _show_again(self) -> None:
        if not self.is_busy:
            self.show()

    # The machine moves in a thread of its own: whatever it does, the keys are heard.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether an action may be made now: while the machine moves, only what does not look at it."""
        if not self.is_busy or action in AT_ANY_TIME:
            return True
        if self.running:
            self._meanwhile = action, parameters
        return False

    def _do(self, move: Callable[[], T], then: Callable[[T], object] = lambda outcome: None) -> None:
        """Move the machine, then show it, and give what came of it to somebody."""
        self.is_busy, self.said = True, ""
        self.set_timer(PATIENCE, self._say_busy)
        Thread(target=self._moving, args=(move, then), daemon=True).start()

    def _moving(self, move: Callable[[], T], then: Callable[[T], object]) -> None:
        try:
            outcome = move()
        except BaseException as error:  # to be told where the view has ended
            self._call(self._fail, error)
        else:
            self._call(self._moved, lambda: then(outcome))

    def _call(self, what: Callable[..., object], argument: object) -> None:
        """Let the view do something, if it is still there."""
        with suppress(RuntimeError):
            self.call_from_thread(what, argument)

    def _moved(self, then: Callable[[], object]) -> None:
        self.is_busy = False
        self.running = self.running and not self.watched.is_over
        self.show()
        then()
        if self._meanwhile is not None:
            (action, parameters), self._meanwhile = self._meanwhile, None
            getattr(self, f"action_{action}")(*parameters)

    def _fail(self, error: BaseException) -> None:
        self.error = error
        self.exit()

    def _handle_exception(self, error: Exception) -> None:
        """End by a mistake of the view's own, which is told as every command's is."""
        if self.is_headless:
            super()._handle_exception(error)
        else:
            self._fail(error)

    def _say_busy(self) -> None:
        if self.is_busy and not self.running:
            self._put("line", Text("the machine is at work; q quits"))

    # Showing.

    def show(self) -> None:
        """Show where the run stands."""
        watched = self.watched
        if watched.unreadable:
            self.say(f"the kernel's tables can't be followed: {watched.unreadable}")
        else:
            self._show_maps()
        doing = "running" if self.running else watched.ending or "paused"
        self._put("head", panes.head(watched, self.size.width, doing))
        self._put("processes", panes.processes(watched))
        self._put("events", panes.events(watched, self._room("events")))
        self._put("console", panes.console(watched, self._room("console")))
        self._show_page()

    def _show_maps(self) -> None:
        snapshot = self.watched.snapshot
        columns = (self.map.size.width or self.size.width) - SCROLL_BAR
        widths = Widths.of(columns, digits_of(snapshot))
        title = self.watched.programs
        current = self.watched.current  # is shown before all others
        chosen = sorted(snapshot.spaces, key=lambda pid: (pid != current, pid))
        if self.is_small:
            chosen = [self.map.spot.pid] if self.map.spot.pid in snapshot.spaces else []
        scene = scene_of(
            snapshot, title, chosen, frames_a_row=widths.frames, pages_a_row=widths.pages, changes=self.watched.changes
        )
        if self.is_small and chosen:
            del scene.maps[0]
        self.map.show(Board(scene, TextView(self.console), columns))

    def _show_page(self) -> None:
        tale = panes.page(self.watched, self.map.spot)
        self._put("page", panes.told(tale))
        self._put("line", Text(self.said or (panes.in_short(tale) if self.is_small else "")))

    def _put(self, name: str, text: object) -> None:
        self.query_one(f"#{name}", Static).update(text)  # type: ignore[arg-type]

    def _room(self, name: str) -> int:
        return max(self.query_one(f"#{name}").size.height, 1)

    def say(self, text: str) -> None:
        """Say something in the line below the maps, until the next move."""
        self.said = text
        self._put("line", Text(text))

    def _said_unless(self, text: str) -> Callable[[bool], None]:
        """Return what says something where a search was in vain."""
        return lambda found: None if found else self.say(text)

    def on_map_view_moved(self) -> None:
        """Tell of another page."""
        if self.is_busy:
            return
        if self.is_small:
            self._show_maps()
        self._show_page()

    # Moves.

    def _move(self, move: Callable[[], object]) -> None:
        self.running = False
        self._do(move)

    def action_step(self) -> None:
        """Make a step."""
        self._move(self.watched.step)

    def action_step_back(self) -> None:
        """Go back by a step."""
        self._move(self.watched.back)

    def action_back_many(self) -> None:
        """Go back by a hundred steps."""
        self._move(lambda: self.watched.back(100))

    def action_over(self) -> None:
        """Step until the process that runs now was served again."""
        self._move(self.watched.over)

    def action_start(self) -> None:
        """Go to where the programs start."""
        self._move(lambda: self.watched.go(0))

    def action_run(self) -> None:
        """Run, or pause."""
        self.running = not self.running and not self.watched.is_over
        self.said, self._due = "", 0.0
        self.show()

    def action_speed(self, by: int) -> None:
        """Run faster or slower."""
        self.speed = min(max(self.speed + by, 0), len(SPEEDS) - 1)
        self.say(f"{SPEEDS[self.speed]:,} traps a second" if SPEEDS[self.speed] else "as fast as can be")

    def _run_on(self) -> None:
        """Run for as long as a picture is shown, at the speed that was chosen."""
        if not self.running or self.is_busy:
            return
        self._due += SPEEDS[self.speed] / PICTURES
        if SPEEDS[self.speed] and self._due < 1:
            return
        steps, self._due = int(self._due), self._due % 1
        most = steps if SPEEDS[self.speed] else None
        self._do(lambda: self.watched.run_for(most, seconds=1 / PICTURES))

    # The page under the cursor.

    def action_move(self, across: int, along: int) -> None:
        """Move the cursor."""
        self.said = ""
        self.map.move(across, along)

    def action_next_process(self) -> None:
        """Put the cursor on the same page of the next process, or on its first one; then on physical memory."""
        pids = [0, *self.watched.snapshot.spaces]
        here = self.map.spot
        address = here.address if here.pid else 0  # what another process has at the same address
        self._choose(pids[(pids.index(here.pid) + 1) % len(pids)] if here.pid in pids else pids[0], address)

    def action_next_change(self) -> None:
        """Run to the next step that changes the page under the cursor."""
        spot, at = self.map.spot, self.watched.at

        def look() -> bool:
            if self.watched.next_change(spot):
                return True
            self.watched.go(at)
            return False

        self.running = False
        self._do(look, self._said_unless("nothing changes this page up to the end of the run"))

    def action_who_changed(self) -> None:
        """Say what changed the page under the cursor last."""
        spot = self.map.spot
        self.running = False
        self._do(lambda: self.watched.who_changed(spot), self._tell_changes)

    def _tell_changes(self, changes: list[Change]) -> None:
        told = panes.changes(changes)
        self.say(str(changes[0]) if self.is_small else "")
        self._put("page", told)

    # Questions.

    def action_ask_where(self) -> None:
        """Ask for a page or a step to go to."""
        self.query_one(Asking).ask("go to an address of this memory, or a trap as #214", self._go_to)

    def action_ask_text(self) -> None:
        """Ask for a text to find."""
        self.query_one(Asking).ask("run to an event or a line of the console with", self._find)

    def action_ask_input(self) -> None:
        """Ask for a line to type on the machine."""
        if self.watched.is_over:
            self.say("the run is over: go back to type before its end")
            return
        self.running = False
        self.query_one(Asking).ask("type a line on the machine's serial line", self._type)

    def _type(self, answer: str) -> None:
        self.watched.type(answer + ENTER)
        self.show()
        self.say(f"{answer!r} is typed after trap {self.watched.at}; what came later is another run's")

    def _go_to(self, answer: str) -> None:
        try:
            number = int(answer.lstrip("#").replace(",", ""), 0)
        except ValueError:
            self.say(f"{answer!r} is no number: an address is such as 0x0804a000, a trap such as #214")
            return
        if answer.startswith("#"):
            self._move(lambda: self.watched.go(number))
            return
        spot = Spot(self.map.spot.pid, number & -4096)
        self.map.go_to(spot)
        if self.map.spot != spot:
            self.say(f"{number:#010x} is shown nowhere in this memory: here is the next page that is")

    def _find(self, answer: str) -> None:
        self.running = False
        self._do(lambda: self.watched.find(answer), self._said_unless(f"the run ends without {answer!r}"))

    def action_toggle_console(self) -> None:
        """Show the console or the events where there is no room for both."""
        self.toggle_class("console")
        self.call_after_refresh(self._show_again)

    def action_help(self) -> None:
        """Show what the keys do."""
        self.push_screen(Help())
