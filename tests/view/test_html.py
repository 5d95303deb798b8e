"""What a notebook shows: the same words as a terminal, in a page's own terms, whatever runs the notebook."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from rich.console import Console

from keelback.inspect.notebooks import html_of
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import with_paging
from keelback.view.html import COLUMNS_OF_TEXT, show_in_notebooks
from keelback.view.page_tale import tale_of_address
from keelback.view.runs import COLUMNS, runs
from keelback.view.scene import title_of
from keelback.view.text import TextView
from kernel.driven import ANYWHERE, LIBRARY, MALLOC, PAGE, SMALL, TEXT, Call, driven


@pytest.fixture(scope="module", params=[SMALL, with_paging(SMALL, "PAE")], ids=["i386", "PAE"])
def snapshot(request):
    """Return a machine: `it` (1) has memory of each kind, and its child has written to one page."""
    show_in_notebooks()
    made = driven("it", "it", layout=request.param)
    assert made.call(Call.LOAD_LIBRARY, LIBRARY) > 0
    assert made.call(Call.MAP, ANYWHERE, 3 * PAGE, 2) == ANYWHERE
    made.write(ANYWHERE, 7)
    made.call(Call.MALLOC_PAGES, 2)
    made.write(MALLOC, 2, pid=made.fork())
    return Snapshot(made.lens)


class Page(HTMLParser):
    """A page as it is read: its text, that of each element of some kind, and the styles of spans."""

    def __init__(self, source):
        super().__init__()
        self.text, self.open, self.cells, self.styles = "", [], [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "span":
            self.styles.append(dict(attributes)["style"])
        if tag in ("td", "th", "b"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] in ("td", "th", "b"):
            self.cells[-1] += data


def test_a_snapshot_is_the_map_that_a_terminal_shows(snapshot):
    view = TextView(Console(width=COLUMNS_OF_TEXT, force_terminal=True, _environ={}))
    shown = [line.plain.rstrip() for line in view.lines(view.scene(snapshot, title_of(snapshot)))]
    said = Page(snapshot._repr_html_())
    assert [line.rstrip() for line in said.text.splitlines()] == shown
    for name in ("it (1)", "it (2)", "it (3)"):
        assert f"{name}: " in said.text


def light(colour):
    """Return the relative luminance of a colour, as WCAG 2 has it."""
    parts = [part / 255 for part in bytes.fromhex(colour[1:])]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_text_of_a_map_can_be_read_on_its_ground(snapshot):
    """What is reversed has its owner's colour as its ground, and a colour for the text too."""
    styles = Page(snapshot._repr_html_()).styles
    pairs = {tuple(re.findall(r"(?:^|; )(?:background-)?color: (#\w+)", each)) for each in styles}
    assert len({ground for _, ground in pairs}) > 3
    for ink, ground in pairs:
        low, high = sorted(map(light, (ink, ground)))
        assert (high + 0.05) / (low + 0.05) >= 3, (ink, ground)


def test_neither_the_terminal_nor_its_user_changes_a_map(snapshot, monkeypatch):
    before = snapshot._repr_html_()
    for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "40"}.items():
        monkeypatch.setenv(name, value)
    assert snapshot._repr_html_() == before


def test_a_process_is_a_table_of_its_runs(snapshot):
    process = snapshot.processes[3]
    title, *cells = Page(process._repr_html_()).cells
    assert f"<{title}>" == repr(process)
    rows = [cells[start : start + len(COLUMNS)] for start in range(0, len(cells), len(COLUMNS))]
    assert rows[0] == [*COLUMNS]
    listed = list(runs(process))
    assert [int(row[0].partition("–")[0], 16) for row in rows[1:]] == [run.start for run in listed]
    assert [row[1:] for row in rows[1:]] == [
        [f"{run.pages:,}", run.use, run.rights, run.frames, run.owner, run.counted, run.shared_with] for run in listed
    ]


def test_a_walk_has_each_entry_and_what_its_letters_mean(snapshot):
    walk = snapshot.walk(3, MALLOC)
    said = Page(walk._repr_html_())
    assert said.cells[0] == f"{MALLOC:#010x}: frame {walk.mapping.frame:#x}"
    assert said.cells[1::2] == [f"{step.level}[{step.index}]" for step in walk.steps]
    for step, told in zip(walk.steps, said.cells[2::2], strict=True):
        assert told.startswith(f"{step.entry:#x}: ") and told.endswith(step.flags)
    assert "P present, W writable, U user" in said.text


def test_a_page_and_a_frame_tell_who_else_has_them(snapshot):
    [page] = snapshot.processes[3].pages(TEXT, TEXT + 1)
    told = Page(page._repr_html_())
    assert told.cells[0] == f"{TEXT:#010x} in it (3)"
    assert told.cells[1:][1::2][: len(tale_of_address(snapshot.processes[3], TEXT).facts)] == [
        said for _, said in tale_of_address(snapshot.processes[3], TEXT).facts
    ]
    frame = Page(page.frame._repr_html_())
    for name in ("it (1)", "it (2)", "it (3)"):
        assert f"{TEXT:#010x} in {name}: text, read-only" in frame.text


def test_a_page_of_a_library_as_loaded_has_a_tale_too(snapshot):
    [library] = snapshot.libraries.values()
    page = next(each for each in snapshot.frames[library.frames[0]].pages if not each.space.pid)
    assert Page(page._repr_html_()).cells[0] == f"{page.address:#010x} in library {library.name}"


def test_what_nobody_has_said_how_to_show_is_shown_by_its_repr():
    asking = (
        "from keelback.inspect.snapshot.walks import Walk; import sys;"
        "print(Walk(0, (), None)._repr_html_(), [each for each in sys.modules if each.startswith('keelback.view')])"
    )
    assert subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True).stdout == "None []\n"
    assert html_of(7) is None
