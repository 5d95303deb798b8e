"""What the keys of the live view do."""

from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Static

TEXT = """\
[b]Time[/b]
  →  step: to where the kernel has served the next trap
  ←  step back        ⇧←  back by 100        home  to the start
  ⇧→ or o  step over: until this process was served again
  space  run or pause      + -  faster, slower
  /  run to an event or a line of the console with a text
  i  type a line on the serial line: it comes after this trap

[b]The page under the cursor[/b]
  ↑ ↓ k j, h l, or a click  choose a page
  n  run to the next step that changes it
  w  say which trap changed it last, and where in kernel or program
  p  the same page of the next process
  g  go to an address, or to a trap as #214

[b]Cells[/b]
  the glyph says whose a page is, the style what its program may do:
  [reverse]1[/reverse] may be written  1 read-only  [u]1[/u] copy-on-write  [b]1[/b] changed by this step
  K kernel  R reserved  C console  L library  S of several  0 zeros
  g guard  . free

c  console or events, where one has room   q  quit   any key closes this"""


class Help(ModalScreen[None]):
    """Shows the keys, until any is pressed."""

    def compose(self) -> ComposeResult:
        """Make the text."""
        yield Static(TEXT, id="help")

    def on_key(self) -> None:
        """Go away."""
        self.dismiss()

    def on_click(self) -> None:
        """Go away."""
        self.dismiss()
