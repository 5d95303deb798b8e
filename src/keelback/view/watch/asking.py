"""A line that asks for a word, and is there only while it asks."""

from collections.abc import Callable

from textual.binding import Binding
from textual.widgets import Input


class Asking(Input):
    """Asks one thing at a time; escape takes the question back."""

    BINDINGS = [Binding("escape", "leave", "Leave")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(id="asking", compact=True)
        self._then: Callable[[str], None] = lambda answer: None
        self.display = False

    def ask(self, question: str, then: Callable[[str], None]) -> None:
        """Ask, and give the answer to somebody; an empty one to nobody."""
        self._then, self.placeholder, self.value, self.display = then, question, "", True
        self.focus()

    def action_leave(self) -> None:
        """Take the question back."""
        self.display = False
        self.screen.focus_next()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Pass the answer on."""
        event.stop()
        self.action_leave()
        if event.value.strip():
            self._then(event.value.strip())
