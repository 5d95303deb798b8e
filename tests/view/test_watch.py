"""The live view: what a run looks like at each step, forward and back, at any size of the terminal."""

import os
import subprocess
import sys
from random import Random
from threading import Event

import pytest

from keelback.cli.watch import without_serving
from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.kernel.layout import MICROKERNEL, OTHER_PAGING, TEACHING
from keelback.lang import Panic
from keelback.machine.recorded.recording import Recording
from keelback.machine.simulated.compiled import CompiledPc
from keelback.view.cells import Row, Spot, Style
from keelback.view.watch.map_view import MapView
from keelback.view.watch.watched import Watched
from machine.lined import SERIAL, machine, part_in_place
from support import MIB, make_pc, programs_of, sliced
from view import screens
from view.screens import typed

LARGE, SMALL = (120, 40), (80, 24)
LIVES = ("interpreted", "compiled")
X86_64 = next(each for each in OTHER_PAGING if (each.name, each.paging.name) == ("microkernel", "x86-64"))


def watched(*programs, layout=MICROKERNEL, life="interpreted", files=None, memory=16 * MIB):
    """Return a run of programs of the payload that is watched from its start."""
    files = files or {name: programs_of(layout)[name] for name in {each.split()[0] for each in programs}}
    if life == "interpreted":
        pc = make_pc(*programs, layout=layout, programs=files, memory=memory, check=False)
    else:
        members = {"etc/init": "".join(line + "\n" for line in programs).encode()} | files
        pc = CompiledPc(layout, make_image(layout, make_payload(members), compiled(layout)), memory=memory)
    return Watched(Recording(pc), ", ".join(programs), files)


def seen(run, do, size=LARGE):
    """Return the lines of the terminal after somebody has done something with the view of a run."""
    return screens.seen(run, do, size)


def changed(run):
    """Return the pages that the maps mark as changed."""
    found = []

    async def do(pilot, app):
        board = app.query_one(MapView).board
        for line in board.lines:
            if isinstance(line.shows, Row):
                cells = enumerate(line.shows.cells)
                found.extend(
                    Spot(line.pid, line.shows.address(at)) for at, cell in cells if Style.CHANGED in cell.style
                )

    seen(run, do)
    return found


# The run.


@pytest.mark.parametrize("life", sliced(LIVES, 2))
def test_back_shows_what_was_there(life):
    run, steps = watched("cow", life=life), Random(5)
    states = {}
    while not run.is_over:
        states[run.at] = (bytes(run.recording.pc.contents), run.console, run.changes, run.latest(5))
        run.step()
    assert run.ending == "powered off"
    for at in steps.sample(sorted(states), 6):
        run.go(at)
        assert (bytes(run.recording.pc.contents), run.console, run.changes, run.latest(5)) == states[at]
    run.back(3)
    assert run.latest(5) == states[run.at][3]


@pytest.mark.parametrize("life", LIVES)
def test_what_a_fault_changed_is_marked(life):
    run = watched("cow", life=life)
    run.step()
    [event] = run.events_of(1)
    assert event.action.name == "ZEROS"
    page = event.address & -4096
    assert {Spot(0, event.frame << 12), Spot(1, page)} <= {*changed(run)}
    run.step()  # to the next trap, and there the program has written what it wanted to
    assert page in run.changes.pages_of(1)
    run.step()
    assert page not in run.changes.pages_of(1)


def test_over_passes_by_what_others_do():
    run = watched("ping 3", "pong 3")
    pid = run.current
    run.over()
    assert any(each.pid == pid for each in run.events_of(run.at))
    run.over()
    before = run.at
    assert run.current in (1, 2)
    run.over()
    assert run.at > before


def test_to_find_something_runs_to_it():
    run = watched("hello", "null")
    assert run.find("I am process 1") and "hello: I am process 1" in run.console
    assert run.find("not mapped: killed") and str(run.events_of(run.at)[0]).endswith("killed")
    assert not run.find("what nobody prints") and run.is_over


def test_the_next_change_of_a_page_is_found():
    run = watched("cow")
    run.step()
    page = run.events_of(1)[0].address & -4096
    assert run.next_change(Spot(1, page))
    assert page in run.changes.pages_of(1)
    frame = next(run.snapshot.processes[1].pages(page)).frame.number
    assert run.next_change(Spot(0, frame << 12)) and frame in run.changes.frames


@pytest.mark.parametrize("life", sliced(LIVES, 2))
def test_who_changed_a_page_is_told_with_trap_and_line(life):
    run = watched("cow", life=life)
    run.go(8)
    page = run.events_of(1)[0].address & -4096
    content, mapped, record = run.who_changed(Spot(1, page))
    assert run.at == 8
    assert (content.step, mapped.step, record.step) == (2, 1, 1)
    assert "by the program" in str(content) and " in main" in str(content)
    assert "write to 0x0804a" in str(mapped) and "page_tables.py:" in str(mapped)
    lines = seen(run, typed("g", *hex(page), "enter", "w"))
    assert any("trap 2" in line for line in lines) and "by the program" in " ".join(lines)


def test_no_step_leads_before_the_start_or_behind_the_end():
    run = watched("hello")
    run.back()
    assert run.at == 0 and not run.changes.frames
    run.go(10_000)
    assert run.is_over and run.at == run.recording.end
    run.step()
    assert run.at == run.recording.end


# The terminal.


@pytest.mark.parametrize("layout", [MICROKERNEL, X86_64, TEACHING], ids=lambda each: each.paging.name)
def test_all_that_there_is_to_see_is_on_the_screen(layout):
    program = "fork" if layout is TEACHING else "cow"
    lines = seen(watched(program, layout=layout), typed("right", "right", "right"))
    assert len(lines) == LARGE[1] and max(map(len, lines)) <= LARGE[0]
    assert lines[0].startswith(f"{program} · {layout.name}, {layout.paging.name} · interpreted")
    assert "trap 3   paused" in lines[0]
    text = "\n".join(lines)
    for part in ("memory", "processes", "this page", "events", "console", "physical memory:", f"{program} (1): "):
        assert part in text
    assert any(line.startswith("│▶     3  1 ") for line in lines)
    assert "← → step" in lines[-1]


def test_a_small_terminal_shows_one_map_and_one_line_of_the_page():
    run = watched("cow")
    lines = seen(run, typed("right"), SMALL)
    assert len(lines) == SMALL[1] and max(map(len, lines)) <= SMALL[0]
    text = "\n".join(lines)
    assert "cow (1): " in text and "physical memory:" not in text
    assert any("0x08048000" in line and "read-only" in line for line in lines)
    assert "physical memory:" in "\n".join(seen(run, typed("p"), SMALL))
    assert "console" in "\n".join(seen(run, typed("c"), SMALL))


def test_keys_step_and_go_back():
    run = watched("cow")
    first = seen(run, typed("right", "right", "right", "right"))
    assert run.at == 4
    assert seen(run, typed("right", "right", "left", "left"))[1:] == first[1:]
    seen(run, typed("home"))
    assert run.at == 0


def test_the_cursor_tells_of_the_page_under_it():
    run = watched("cow")
    where = []

    async def do(pilot, app):
        where.append(app.query_one(MapView).spot)
        for key in ("l", "l", "h", "down", "up"):
            await pilot.press(key)
            where.append(app.query_one(MapView).spot)

    seen(run, do)
    start = Spot(1, 0x0804_8000)
    assert where[:4] == [start, Spot(1, 0x0804_9000), Spot(1, 0x0804_A000), Spot(1, 0x0804_9000)]
    assert where[5] == where[3]
    assert any("text of cow (1)" in line for line in seen(run, typed()))


def test_a_click_chooses_a_page():
    run = watched("cow")
    where = []

    async def do(pilot, app):
        view = app.query_one(MapView)
        column, line = view.board.place_of(Spot(0, 0x2000))
        await pilot.click(MapView, offset=(column + 1, line + 1))
        where.append(view.spot)

    seen(run, do)
    assert where == [Spot(0, 0x2000)]


def test_one_can_go_to_an_address_and_to_a_trap():
    run = watched("cow")
    lines = seen(run, typed("g", *"0x08049123", "enter"))
    assert any("0x08049000 in cow (1)" in line for line in lines)
    seen(run, typed("g", "#", "7", "enter"))
    assert run.at == 7
    lines = seen(run, typed("g", *"nowhere", "enter"), SMALL)
    assert any("'nowhere' is no number: an address is such as 0x0804a000" in line for line in lines)
    seen(run, typed("g", "5", "escape", "right"))
    assert run.at == 8


def test_the_run_goes_on_by_itself_and_stops_at_its_end():
    run = watched("cow")

    async def do(pilot, app):
        await pilot.press("plus", "plus", "plus", "space")
        while not run.is_over:
            await pilot.pause(0.05)
        await pilot.pause(0.1)
        assert not app.running

    assert "powered off" in seen(run, do)[0]


def test_a_terminal_that_grows_shows_what_a_large_one_does():
    async def grow(pilot, app):
        await screens.settled(pilot, app)
        await pilot.resize_terminal(*LARGE)
        await pilot.pause(0.2)

    assert seen(watched("hello"), grow, SMALL) == seen(watched("hello"), typed())


def test_a_panic_is_where_the_run_ends():
    run = watched("hello")
    real = run.recording.pc.kernel.traps.trap
    assert real is not None
    run.recording.pc.arriving.append(2)
    seen(run, typed("right", "right"))
    assert run.at == 2 or run.is_over


def test_a_panic_is_the_last_event_with_its_place(monkeypatch):
    """Its head is cut off in a small terminal, and the console hidden."""
    run = watched("hello")
    seen(run, typed("right"))

    def fail():
        raise Panic("assertion failed: Processes.fork is not written yet", ("mine/fork.py", 36))

    monkeypatch.setattr(run.recording.pc, "step", fail)
    lines = seen(run, typed("right"), SMALL)
    [line] = [each for each in lines if "kernel panic at fork.py:36: assertion failed: Processes.fork" in each]
    assert "▶" in line and not any("kernel panic at" in each for each in seen(run, typed("left"), SMALL))


def test_a_kernel_that_loops_can_be_left(monkeypatch):
    run, over = watched("hello"), Event()
    monkeypatch.setattr(run.recording, "step", over.wait)
    lines = []

    async def do(pilot, app):
        await pilot.press("right")
        await pilot.pause(0.6)
        lines.extend(screens.screen(app))
        await pilot.press("down", "q")
        assert app.is_busy and not app._running
        over.set()
        app.is_busy = False

    seen(run, do)
    assert any("the machine is at work; q quits" in line for line in lines)


def test_without_colours_all_is_shown(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    lines = seen(watched("cow"), typed("right", "l"))
    assert any("1 cow" in line for line in lines)


def test_in_vain_the_run_stays_where_it_was():
    run = watched("hello")
    seen(run, typed("right"))
    lines = seen(run, typed("p", "n"))
    assert run.at == 1 and any("nothing changes this page" in line for line in lines)


def test_the_same_page_of_the_next_process_is_gone_to():
    run = watched("cow")
    assert run.find("fork")
    where = []

    async def do(pilot, app):
        view = app.query_one(MapView)
        for key in ("l", "l", "p"):
            await pilot.press(key)
        where.append(view.spot)

    seen(run, do)
    assert [each.address for each in where] == [0x0804_A000] and where[0].pid in (0, 2)


def test_a_line_is_typed_where_the_run_stands_and_begins_another_run():
    with part_in_place():
        run = Watched(Recording(machine("interpreted", SERIAL)), "driver")
        lines = seen(run, typed("right", "right", "right", "i", *"ab", "enter"))
        assert any("'ab' is typed after trap 3; what came later is another run's" in line for line in lines)
        assert run.find("0x0000000d") and "0x00000061 0x00000062 0x0000000d" in run.console
        lines = seen(run, typed("left", "left", "i", "q", "enter"))
        assert run.recording.furthest == run.at and len(run.events_of(run.at + 1)) == 0
        run.find("no such text")
        assert run.is_over and "0x00000071" in run.console
        lines = seen(run, typed("i"))
        assert any("the run is over: go back to type before its end" in line for line in lines)


def test_the_help_covers_every_key():
    from keelback.view.watch.help import TEXT

    for key in ("→", "←", "space", "home", "+ -", "/", "n ", "w ", "p ", "g ", "c ", "i ", "q "):
        assert key in TEXT
    assert any("The page under the cursor" in line for line in seen(watched("hello"), typed("question_mark")))


def test_a_small_terminal_has_room_for_the_help_and_says_how_to_get_it():
    run = watched("hello")
    assert seen(run, typed(), SMALL)[-1].startswith("? help  q quit")
    first, *_, last = seen(run, typed("question_mark"), SMALL)
    assert (first.strip()[0], first.strip()[-1], last.strip()[0], last.strip()[-1]) == tuple("╭╮╰╯")


def test_the_state_of_a_process_with_threads_is_shown_whole():
    run = watched("philosophers")
    run.find("thread_create")
    assert any("philosop 2× running" in line for line in seen(run, typed()))


def test_the_docs_show_screens_as_they_are():
    assert screens.SCREEN.search(screens.PAGE.read_text()) and screens.page_now() == screens.PAGE.read_text()


# The command.


def test_without_the_library_one_line_says_what_to_install():
    script = "import sys; sys.modules['textual'] = None; from keelback.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", script, "watch", "hello"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    cure = f"{sys.executable} -m pip install 'keelback[watch]'"
    assert done.stderr == f"keelback: the live view needs a library more; type: {cure}\n"


@pytest.mark.parametrize("terminal", ["xterm", "dumb"])
def test_without_a_terminal_one_line_says_so(terminal):
    line = [sys.executable, "-m", "keelback", "watch", "cow"]
    done = subprocess.run(line, capture_output=True, text=True, env=os.environ | {"TERM": terminal}, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "keelback: the live view needs a terminal that can be drawn on; maps and mem print instead\n"
    )


def test_the_words_of_the_command_that_is_served_say_all_but_that():
    given = ["watch", "--serve", "--port", "81", "cow", "--kernel", "compiled", "--port=9", "--", "--serve"]
    assert without_serving(given) == ["watch", "cow", "--kernel", "compiled", "--", "--serve"]
