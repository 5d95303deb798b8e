"""Maps of machines whose history is known: which glyph each page has, what may be done there, what is folded."""

import time
from io import StringIO

import pytest
from rich.console import Console

from keelback.inspect.lens import look
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import MICROKERNEL, OTHER_PAGING, TEACHING, USERMODE
from keelback.kernel.memory.frames import Role
from keelback.view.cells import Fold, Row, Style, folded
from keelback.view.frame_cells import FrameCells
from keelback.view.owners import GLYPHS, TOO_MANY, Owners
from keelback.view.physical import physical_map
from keelback.view.text import TextView
from keelback.view.virtual import virtual_map
from kernel.driven import (
    ANYWHERE,
    LIBRARY,
    MALLOC,
    PAGE,
    SMALL,
    STACK,
    TEXT,
    Call,
    driven,
    make_machine,
)
from support import MIB


def printed(snapshot, title="", columns=80, **console):
    stream = StringIO()
    TextView(Console(file=stream, width=columns, **console)).print(snapshot, title)
    return stream.getvalue()


def section(text, start):
    """Return the lines of a printed text from the one that starts so to the next empty one."""
    return text[text.index(start) :].partition("\n\n")[0].splitlines()[1:]


def cell_at(shown, address):
    """Return the cell that a map shows for an address."""
    for line in shown.lines:
        if line.start <= address < line.end:
            return line.cells[(address - line.start) // PAGE] if isinstance(line, Row) else line.cell
    return None


MICROKERNELS = """\
⋮ 0x00000000–0x07ffffff  kernel part
  0x08048000  11......          image
               c
  0x08050000  LLL.              libit
                c
  0x40000000  10.               anonymous memory
              cc
  0x80000000  31                malloc
              wc
  0xffeef000  gggggggggggggggg  guard
⋮ 0xffeff000–0xffffdfff  255 not there yet  stack
  0xffffe000  1                 stack
              c
"""


def test_a_map_of_the_microkernel_layout_is_as_drawn(snapshot):
    text = printed(snapshot)
    assert section(text, "it (3): ") == MICROKERNELS.splitlines()


def test_a_row_of_frames_says_whose_they_are_and_what_they_are_for(machine, snapshot):
    """Against the frame table, read on its own terms."""
    shown = physical_map(snapshot)
    expected = {Role.KERNEL: "K", Role.STACK: "K", Role.RESERVED: "R", Role.ZEROS: "0", Role.LIBRARY: "L",
                Role.CONSOLE: "C", Role.SHARED: "S"}  # fmt: skip
    for number, record in enumerate(machine.lens.memory.frames.table):
        cell = cell_at(shown, number * PAGE)
        if record.role in (Role.DATA, Role.TABLE):
            glyph = str(record.owner) if record.owner else "." if record.use == 0 else cell.glyph
            assert cell.glyph == glyph and (record.use or cell.glyph == "."), hex(number)
        else:
            assert cell.glyph == expected[record.role], hex(number)
        table = snapshot.tables.get(number)
        assert (Style.TABLE in cell.style) >= (table is not None), hex(number)


def test_what_a_program_may_do_is_the_style_of_page_and_frame(snapshot):
    child, physical = virtual_map(snapshot.processes[3]), physical_map(snapshot)
    expected = {
        TEXT: Style.PLAIN,
        MALLOC: Style.WRITABLE,
        MALLOC + PAGE: Style.COPY_ON_WRITE,
        STACK: Style.COPY_ON_WRITE,
    }
    for address, style in expected.items():
        page = cell_at(child, address)
        frame = snapshot.processes[3].walk(address).mapping.frame
        assert page.style == style, hex(address)
        assert cell_at(physical, frame * PAGE).style == style, hex(address)
    assert cell_at(child, ANYWHERE + PAGE) == ("0", Style.COPY_ON_WRITE, 0, 0)
    assert cell_at(child, ANYWHERE + 2 * PAGE).glyph == "."


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_line_is_longer_than_the_terminal_is_wide(snapshot, columns, terminal):
    text = printed(snapshot, "it", columns, force_terminal=terminal, color_system=None)
    assert max(map(len, text.splitlines())) <= columns


def test_a_terminal_without_colours_and_a_file_lose_no_fact(snapshot):
    """On a terminal reverse, underlined, dim and their combinations are one to one with styles; so are marks."""
    attributes = printed(snapshot, force_terminal=True, no_color=True, color_system="standard")
    assert "38;5" not in attributes and "\x1b[3" not in attributes
    child = [line for line in attributes.splitlines() if "0x80000000" in line][-1]
    assert "\x1b[7m3\x1b[0m\x1b[4m1\x1b[0m" in child
    root = next(cell for cell in physical_map(snapshot).cells() if cell.level == 2)
    assert f"\x1b[4;7m{root.glyph}" in attributes
    marks = printed(snapshot)
    assert "\x1b" not in marks and "w may be written" in marks and "d page directory" in marks


def test_the_legend_has_what_occurs_and_no_more(snapshot):
    text = printed(snapshot, columns=200)
    legend = text.rpartition("\n\n")[2]
    assert {line.split(" ")[0] for entry in legend.splitlines() for line in entry.split("   ")} == {
        *"123KRCL0g.", *"wcstd",
    }  # fmt: skip
    alone = Snapshot(driven("it", layout=SMALL).lens)
    assert "library" not in printed(alone).rpartition("\n\n")[2]


USERMODES = """\
⋮ 0x00000000–0x007fefff  kernel part
  0x007ff000  g         guard
  0x00800000  1         stack
              w
  0x00801000  11111111  image
               wwwwwww
  0x00809000  LLLL      libit
                cc
"""


def test_a_map_of_the_usermode_layout_is_as_drawn():
    made = driven("it", layout=USERMODE, memory=16 * MIB)
    made.call(Call.LOAD_LIBRARY, LIBRARY + made.offset)
    assert section(printed(Snapshot(made.lens)), "it (1): ") == USERMODES.splitlines()


def test_the_courses_picture_shows_reserved_pages_tables_and_data_by_owner():
    """Four processes fill memory at their own speeds, and one forks: every frame in its owner's glyph, tables apart."""
    made = driven("it", "it", "it", layout=TEACHING, memory=2 * MIB)
    for turn in range(6):
        for pid in (1, 2, 3):
            for page in range(pid):
                address = 0x20_0000 + (turn * pid + page) * PAGE
                assert made.call(Call.PAGE_ALLOC, address, pid=pid) == 0
    snapshot = Snapshot(made.lens)
    text = printed(snapshot, columns=100)
    first, marks = section(text, "physical memory")[:2]
    assert first.startswith("  0x00000000  RKKKK0")
    assert {*marks} >= {*"4pdtw"}
    shown = physical_map(snapshot)
    for number, record in enumerate(made.lens.memory.frames.table):
        cell = cell_at(shown, number * PAGE)
        if record.owner:
            assert cell.glyph == str(record.owner) and (record.role == Role.TABLE) == bool(cell.level), hex(number)
    assert sum(cell.level == 1 for line in shown.lines if isinstance(line, Row) for cell in line.cells) == 6
    child = made.fork(3)
    forked = physical_map(Snapshot(made.lens))
    tables = [cell.level for line in forked.lines if isinstance(line, Row) for cell in line.cells if cell.pid == child]
    assert sorted(tables)[-5:] == [1, 1, 2, 3, 4]
    screen = cell_at(virtual_map(Snapshot(made.lens).processes[1]), 0xB_8000)
    assert (screen.glyph, screen.style) == ("C", Style.WRITABLE)


@pytest.mark.parametrize("layout", OTHER_PAGING, ids=lambda layout: f"{layout.name}-{layout.paging.name}")
def test_every_scheme_has_its_levels_and_its_addresses(layout):
    made = driven("it", layout=layout, memory=16 * MIB)
    text = printed(Snapshot(made.lens), columns=100)
    names = {"PAE": "t page table   d page directory   p page-directory pointers"}.get(
        layout.paging.name, "t page table   d page directory   p page-directory pointers   4 page map level 4"
    )
    assert names in text.replace("\n", "   ")
    assert f"  {made.lens.layout.image_base:#0{14 if layout.paging.word_bits == 64 else 10}x}  1" in text


def test_rows_that_repeat_are_folded_and_no_page_is_lost(snapshot):
    shown = physical_map(snapshot)
    ends = [0]
    for line in shown.lines:
        assert line.start == ends[-1]
        ends.append(line.end)
    assert ends[-1] == len(snapshot.frames) * PAGE
    assert any(isinstance(line, Fold) for line in shown.lines)


def test_three_mixed_rows_that_repeat_are_one_and_a_fold():
    cells = FrameCells(Snapshot(driven("it", layout=SMALL).lens))
    mixed = (cells.of(0), cells.of(1))
    rows = [Row(start, mixed) for start in range(0, 8 * PAGE, 2 * PAGE)]
    first, fold = folded(rows, lambda cell, count: "")
    assert (first, fold) == (rows[0], Fold(2 * PAGE, 8 * PAGE, "like the row above"))
    assert [*folded(rows[:2], lambda cell, count: "")] == rows[:2]


def test_processes_have_glyphs_of_their_own_as_long_as_there_are_any():
    class Crowd:
        processes = dict.fromkeys(range(1, 101))

    glyphs = Owners(Crowd()).glyphs
    assert [glyphs[pid] for pid in (1, 9, 10)] == ["1", "9", "A"]
    assert len({*glyphs.values()} - {TOO_MANY}) == len(GLYPHS) and glyphs[100] == TOO_MANY
    Crowd.processes = dict.fromkeys((1, 1 + len(GLYPHS), 2))
    assert Owners(Crowd()).glyphs == {1: "1", 2: "2", 1 + len(GLYPHS): "3"}
    assert not {*GLYPHS} & {*"KRCSL0g.+"}


def test_a_map_of_a_large_machine_is_made_within_a_second():
    layout = MICROKERNEL
    pc = make_machine("it", life="compiled", layout=layout, memory=3584 * MIB)
    pc.boot()
    snapshot = Snapshot(look(layout, pc.contents))
    assert len(snapshot.frames) == 917_504
    start = time.process_time()
    shown = physical_map(snapshot)
    text = printed(snapshot)
    assert time.process_time() - start < 2  # of two maps
    assert len(shown.lines) < 40 and " free" in text
