"""The web page, in a browser: it boots the kernel, and what it shows of memory is what the inspector finds there."""

import base64
import gzip
import json
import re
import string
import struct
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from browser import Browser
from keelback.cli.images import build_image
from keelback.cli.options import SHELL
from keelback.cli.programs import choose
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import MICROKERNEL, USERMODE, with_paging
from keelback.lang import PAGE_SHIFT
from keelback.machine.scan_codes import scan_codes
from keelback.machine.simulated.compiled import CompiledPc
from keelback.view.cells import Row
from keelback.view.changes import Fingerprint
from keelback.view.emulator import find_emulator
from keelback.view.page import PageContents, make_page
from keelback.view.page_tale import tale_of_address, tale_of_frame
from keelback.view.physical import physical_map
from keelback.view.virtual import virtual_map
from machine.lined import KEYBOARD, LINED, image_of, part_in_place
from support import sliced

MIB = 1 << 20
PAUSED = "document.getElementById('state')?.textContent === 'Paused'"
OVER = "document.getElementById('state')?.textContent === 'All programs have ended'"
COLOURS = ("light", "dark")
SIZES = ((1280, 800), (400, 800))
REGIONS = """
    #include <stdio.h>
    #include "keelback.h"
    int main(void)
    {
        char *start = sys_map(0, 60 * 4096, CAN_WRITE);
        for (int page = 0; page < 60; page += 2)
            sys_protect(start + page * 4096, 4096, page ? CAN_READ : NO_ACCESS);
        for (int endpoint = 0; endpoint < 8; endpoint++)
            sys_endpoint_create(0);
        puts("many regions");
        sys_yield();
    }
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture(scope="module")
def page_of(tmp_path_factory):
    """Return where the page of some programs lies, in a layout."""
    made = {}

    def make(layout, *words):
        if (layout, words) not in made:
            image = build_image(choose(words, layout))
            page = make_page(PageContents(layout, image, ", ".join(words), 16 * MIB), find_emulator())
            made[layout, words] = path = tmp_path_factory.mktemp("page") / "index.html"
            path.write_text(page)
        return f"file://{made[layout, words]}"

    return make


@pytest.fixture
def cow(browser, page_of):
    """Show the page of `hello` and `cow` after a trap; where it stands before that already, it is not opened again."""

    def shown(trap, *, width=1280, height=800, dark=False):
        url = page_of(MICROKERNEL, "hello", "cow")
        if browser.run(f"location.href.startsWith({url!r}) && keelback.machine?.traps <= {trap}"):
            browser.resize(width, height)
            browser.colour(dark)
            browser.run("keelback.map.chosen = null")
            browser.run(f"keelback.runTo({trap})")
        else:
            browser.open(f"{url}#trap={trap}", width=width, height=height, dark=dark)
        browser.wait_for(f"{PAUSED} && keelback.machine.traps === {trap}")
        browser.run("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
        return browser

    return shown


def memory_of(browser):
    """Return the machine's RAM, which comes packed."""
    packed = browser.run("""(async () => {
        const packed = new Blob([keelback.machine.memory]).stream().pipeThrough(new CompressionStream("gzip"));
        const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
        return btoa(Array.from(bytes, (each) => String.fromCharCode(each)).join(""));
    })()""")
    return bytearray(gzip.decompress(base64.b64decode(packed)))


def shown_maps(browser):
    """Return the maps that the page shows, as plain data, and the frames and pages that it calls changed."""
    return json.loads(
        browser.run("""JSON.stringify([
            keelback.maps.map(({ pid, title, lines }) => ({ pid, title, lines: lines.map((line) => ({
                start: line.start, name: line.name, end: line.end, said: line.said,
                cells: line.cells?.map(({ glyph, style, pid, level }) => [glyph, style, pid, level]) })) })),
            [...keelback.changed],
            Object.fromEntries(keelback.maps.slice(1).map(({ pid }) => [pid, [...keelback.changedPages(pid)]])),
        ])""")
    )


def as_shown(found):
    """Return a map of the inspector's in the same form."""

    def line(each):
        if isinstance(each, Row):
            cells = [[cell.glyph, cell.style.value, cell.pid, cell.level] for cell in each.cells]
            return {"start": each.start, "name": each.name, "cells": cells}
        return {"start": each.start, "name": each.name, "end": each.end, "said": each.said}

    return {"pid": found.pid, "title": found.title, "lines": [line(each) for each in found.lines]}


def assert_shows_its_memory(browser, layout, width=64):
    """Check every cell against the inspector's, over the same RAM; return the snapshot."""
    snapshot = Snapshot.of(layout, memory_of(browser))
    shown, frames, pages = shown_maps(browser)
    expected = [physical_map(snapshot, width, frozenset(frames))]
    for pid, process in sorted(snapshot.processes.items()):
        if process.is_alive:
            expected.append(virtual_map(process, width, frozenset(pages[str(pid)])))
    for ours, theirs in zip(expected, shown, strict=True):
        assert as_shown(ours) == theirs
    return snapshot


# The machine.


def test_the_page_boots_the_kernel_and_loads_nothing_from_elsewhere(cow):
    browser = cow(5)
    assert browser.run("keelback.machine.console").endswith("KiB free\nhello: I am process 1\n")
    assert (
        browser.run("document.getElementById('screen').textContent").split("\n")[1].rstrip() == "hello: I am process 1"
    )
    asked = [each for each in browser.requests() if not each.startswith(("file:///", "blob:", "data:", "about:"))]
    assert (browser.complaints(), asked) == ([], [])


def test_programs_take_the_traps_that_they_take_on_the_simulated_pc(cow):
    browser = cow(0)
    browser.run("document.getElementById('speed').value = 8")
    browser.run("keelback.run()")
    browser.wait_for(OVER)
    payload = choose(["hello", "cow"], MICROKERNEL).build().payload()
    pc = CompiledPc(MICROKERNEL, make_image(MICROKERNEL, payload, compiled(MICROKERNEL)), memory=16 * MIB)
    pc.boot()
    pc.run()
    assert browser.run("keelback.machine.traps") == pc.traps


def test_events_are_those_of_the_trace(cow):
    browser = cow(0)
    browser.run("while (!keelback.isOver) keelback.step()")
    events = browser.run("keelback.changes.filter((each) => each.isEvent).map((each) => each.text)")
    command = [sys.executable, "-m", "keelback", "run", "--kernel", "compiled", "--trace", "hello", "cow"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    traced = re.findall(
        r"^ +[\d,]+ +[\d,]+  (\w+)\[(\d+)\] +(\w+\(|page fault at \w+: \w+ \w+ \w+)", done.stderr, re.MULTILINE
    )
    shown = [re.match(r"(\w+) \((\d+)\): (\w+\(|page fault at \w+: \w+ \w+ \w+)", each).groups() for each in events]
    assert sorted(shown) == sorted(traced) and len(shown) == browser.run("keelback.machine.traps")
    assert "hello (1): getpid() = 1" in events and "cow (2): fork() = 3" in events


def test_a_step_is_one_trap_and_every_run_is_the_same(cow):
    browser = cow(30)
    for _ in range(10):
        browser.run("keelback.step()")
    assert browser.run("keelback.machine.traps") == 40
    by_steps = (memory_of(browser), browser.run("keelback.machine.instructions"))
    browser.run("keelback.reset(40)")
    assert (memory_of(browser), browser.run("keelback.machine.instructions")) == by_steps


def test_the_machine_stands_still_until_it_is_told_to_run(browser, page_of):
    url = page_of(MICROKERNEL, "hello", "cow")
    browser.open(url)
    browser.wait_for(PAUSED)
    assert browser.run("[keelback.machine.traps, keelback.isRunning]") == [0, False]
    assert browser.run("document.getElementById('back').disabled")
    browser.open(f"{url}#run")
    browser.wait_for("window.keelback?.machine?.traps > 0")


@pytest.mark.parametrize("width", sliced([1280, 420], 2))
def test_a_page_that_has_not_started_shows_no_map_and_leaves_room_for_the_screen(browser, page_of, tmp_path, width):
    url = page_of(MICROKERNEL, "hello", "cow")
    still = tmp_path / "still.html"
    still.write_text(Path(urlsplit(url).path).read_text().replace('<script type="module">', '<script type="text/x">'))
    sizes = []
    for each, until in ((still.as_uri(), "document.readyState === 'complete'"), (url, PAUSED)):
        browser.open(each, width=width)
        browser.wait_for(f"location.href === '{each}' && {until}")
        sizes.append(browser.run("['screen', 'picture'].map((id) => document.getElementById(id).offsetHeight)"))
    (before, no_map), (after, a_map) = sizes
    assert no_map == 0 < a_map and abs(before - after) <= 1
    assert browser.complaints() == []


def test_back_leads_to_the_trap_before_with_the_same_page_chosen(cow):
    browser = cow(39)
    before = (memory_of(browser), browser.run("keelback.machine.instructions"))
    browser.run("keelback.choose({ pid: 2, address: 0x804a000 })")
    browser.run("keelback.step()")
    browser.run("keelback.back()")
    browser.wait_for(f"{PAUSED} && keelback.machine.traps === 39")
    assert (memory_of(browser), browser.run("keelback.machine.instructions")) == before
    assert browser.run("keelback.map.chosen") == {"pid": 2, "address": 0x804A000}
    assert not browser.run("document.getElementById('back').disabled")


@pytest.mark.campaign
def test_where_v86_itself_fails_the_page_says_so_and_can_start_anew(browser, page_of):
    browser.open(page_of(MICROKERNEL, "hostile") + "#trap=1")
    browser.wait_for(PAUSED)
    browser.run("while (!keelback.isOver) keelback.step()")
    state = browser.run("document.getElementById('state').textContent")
    assert state.startswith("v86 does not know what the program does, and has failed: ")
    browser.run("keelback.reset()")
    browser.wait_for(PAUSED)
    assert (browser.complaints(), browser.run("keelback.machine.traps")) == ([], 0)


# The map.


def test_every_cell_is_what_the_inspector_finds(cow):
    for trap in (0, 1, 12, 24, 45, 60):
        assert_shows_its_memory(cow(trap), MICROKERNEL)


LIBRARY_SHOWN = "keelback.maps.slice(1).some((map) => map.lines.some((line) => line.name === 'libcount'))"


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(with_paging(MICROKERNEL, "PAE"), id="PAE"),
        pytest.param(USERMODE, id="usermode", marks=pytest.mark.campaign),
    ],
)
def test_other_layouts_and_libraries_are_read_as_well(browser, page_of, layout):
    browser.open(f"{page_of(layout, 'cow', 'libraries')}#trap=30")
    browser.wait_for(PAUSED)
    browser.run(f"while (!({LIBRARY_SHOWN})) keelback.step()")
    snapshot = assert_shows_its_memory(browser, layout)
    assert len(snapshot.libraries) > 0 and len(snapshot.spaces) > 1


@pytest.mark.campaign
def test_regions_in_nodes_are_read_as_well(browser, page_of, tmp_path):
    source = tmp_path / "regions_of_mine.c"
    source.write_text(REGIONS)
    browser.open(page_of(MICROKERNEL, str(source)) + "#trap=10")
    browser.wait_for(PAUSED)
    browser.run("while (!keelback.machine.console.includes('many regions')) keelback.step()")
    snapshot = assert_shows_its_memory(browser, MICROKERNEL)
    assert len(snapshot.processes[1].regions) > 12
    for region in snapshot.processes[1].regions[:6]:
        title, facts, _ = told(browser, 1, region.start)
        tale = tale_of_address(snapshot.processes[1], region.start)
        assert (title, [tuple(each) for each in facts]) == (tale.title, tale.facts)
    assert {"regions", "handles"} <= {use.split()[0] for use in assert_tells_of_frames(browser, snapshot)}


@pytest.mark.parametrize(("window", "width"), [(600, 32), (400, 16)])
def test_a_narrow_window_has_fewer_cells_a_row_and_labels_beside_them(cow, window, width):
    browser = cow(40, width=window)
    assert_shows_its_memory(browser, MICROKERNEL, width=width)
    texts = browser.run("keelback.map.items.filter((each) => each.line?.name === 'stack').map((each) => each.text)")
    assert len([each for each in texts if each.endswith("  stack")]) == 2  # one of each process
    assert browser.run("keelback.map.items.filter((each) => each.kind === 'name')") == []


def test_the_text_layer_says_what_the_picture_shows(cow):
    browser = cow(40)
    text = browser.run("document.getElementById('text').textContent")
    for row in (each for map in shown_maps(browser)[0] for each in map["lines"] if "cells" in each):
        assert f"{row['start']:#010x}  {''.join(cell[0] for cell in row['cells'])}" in text


# The tale.


def told(browser, pid, address):
    """Choose a page and return its tale, as `page_tale` would have it; entries are lines of words."""
    browser.run(f"keelback.choose({{ pid: {pid}, address: {address} }})")
    return browser.run("""[
        document.getElementById('tale-title').textContent,
        [...document.querySelectorAll('#tale-facts dt')].map(
            (each) => [each.textContent, each.nextSibling.textContent]),
        [...document.querySelectorAll('#tale-entries tr')].map((row) => [...row.cells].map((each) => each.textContent)),
    ]""")


def test_the_tale_of_a_page_is_what_the_inspector_tells(cow):
    browser = cow(40)
    snapshot = Snapshot.of(MICROKERNEL, memory_of(browser))
    mapped = [each.page for each in snapshot.spaces[2].user]
    for address in (*mapped, 0x0808_0000, 0x1000, 0x4000_0000, MICROKERNEL.stack_guard, MICROKERNEL.stack_bottom):
        tale = tale_of_address(snapshot.processes[2], address)
        title, facts, entries = told(browser, 2, address)
        assert (title, [tuple(each) for each in facts]) == (tale.title, tale.facts)
        for step, (entry, value, leads, flags) in zip(tale.steps, entries, strict=True):
            assert (entry, int(value, 16)) == (f"{step.level}[{step.index}]", step.entry)
            assert (leads == "not present") or (leads.endswith(f"frame {step.leads_to:#x}") and flags == step.flags)


def test_the_tale_of_a_frame_is_what_the_inspector_tells(cow):
    browser = cow(40)
    assert_tells_of_frames(browser, Snapshot.of(MICROKERNEL, memory_of(browser)))


def assert_tells_of_frames(browser, snapshot):
    """Choose a frame of each use; return the uses."""
    found = {snapshot.frames[each].use: each for each in range(len(snapshot.frames))}
    for number in found.values():
        tale = tale_of_frame(snapshot, number)
        title, facts, entries = told(browser, 0, number << PAGE_SHIFT)
        assert (title, [tuple(each) for each in facts], entries) == (tale.title, tale.facts, [])
    return [*found]


def test_what_the_last_trap_changed_is_what_the_inspector_finds(cow):
    for trap in (23, 38):
        before = Fingerprint(Snapshot.of(MICROKERNEL, memory_of(cow(trap - 1))))
        browser = cow(trap)
        snapshot = Snapshot.of(MICROKERNEL, memory_of(browser))
        changes = Fingerprint(snapshot).changes_since(before)
        _, frames, pages = shown_maps(browser)
        assert set(frames) == changes.frames and frames
        for pid, space in snapshot.spaces.items():
            assert set(pages[str(pid)]) == changes.pages_of(pid) & {each.page for each in space.user}


def test_keys_alone_choose_pages_and_step(cow):
    browser = cow(40)
    browser.run("document.getElementById('map').focus()")
    for key, chosen in (("ArrowDown", 0), ("ArrowRight", 0x1000), ("ArrowDown", 0x41000), ("ArrowLeft", 0x40000)):
        browser.press(key)
        assert browser.run("keelback.map.chosen") == {"pid": 0, "address": chosen}
    browser.press(".", ".")
    assert browser.run("keelback.machine.traps") == 41
    browser.press(" ", " ")
    assert browser.run("keelback.isRunning")


def test_a_click_chooses_the_page_under_it(cow):
    browser = cow(40)
    left, top = browser.run("(({ left, top }) => [left, top])(document.getElementById('map').getBoundingClientRect())")
    browser.click(left + (12 + 5) * 8 + 4, top + 16 + 8)
    assert browser.run("keelback.map.chosen") == {"pid": 0, "address": 0x5000}


def test_a_link_keeps_the_trap_and_the_page(cow):
    browser = cow(40)
    browser.run("keelback.choose({ pid: 2, address: 0x804a000 })")
    browser.run("keelback.keepLink()")
    assert browser.run("location.hash") == "#trap=40&page=2:0x804a000"


# How it looks.


@pytest.mark.parametrize("dark", [False, True], ids=COLOURS)
@pytest.mark.parametrize(("width", "height"), SIZES, ids=str)
def test_the_page_fits_its_window_and_shows_cells_in_their_colours(cow, width, height, dark):
    browser = cow(40, width=width, height=height, dark=dark)
    assert struct.unpack(">II", browser.picture()[16:24]) == (width, height)
    assert browser.run("document.scrollingElement.scrollWidth") <= width
    assert browser.run(CUT) == []
    theme = browser.run("keelback.theme")
    row = browser.run("keelback.map.items.findIndex((each) => each.kind === 'row')")
    assert pixel(browser, row, 12 + 1) == theme["fills"][3].lower()  # frame 1 is of process 3, which may write it
    assert pixel(browser, row, 12 + (64 if width > 1000 else 16)) == theme["paper"].lower()  # nothing is behind a row


# Every element with text that does not show all of it.
CUT = """[...document.querySelectorAll("button, h1, h2, p, dd, dt, td, output, label, li, #screen")]
    .filter((each) => each.offsetParent && each.scrollWidth > each.clientWidth + 1 && each.clientWidth)
    .map((each) => each.outerHTML.slice(0, 80))"""


def pixel(browser, line, column):
    """Return the colour of the map's picture in a corner of a character."""
    place = f"{column * 8 + 1}, {line * 16 + 13}, 1, 1"
    values = browser.run(f"[...keelback.canvas.context.getImageData({place}).data]")
    return "#" + "".join(f"{each:02x}" for each in values[:3])


@pytest.mark.parametrize("dark", [False, True], ids=COLOURS)
def test_all_text_can_be_read(cow, dark):
    browser = cow(40, dark=dark)
    browser.run("keelback.choose({ pid: 2, address: 0x804a000 })")
    for ink, ground, what in browser.run(TEXTS) + browser.run(CELLS):
        assert contrast(ink, ground) >= 4.5, (what, ink, ground)


# The colours of each element that has text of its own, and of the ground that it stands on.
TEXTS = """(() => {
    const ground = (each) => {
        const colour = getComputedStyle(each).backgroundColor;
        return colour === "rgba(0, 0, 0, 0)" && each.parentElement ? ground(each.parentElement) : colour;
    };
    return [...document.body.querySelectorAll("*:not(script):not(#text)")]
        .filter((each) => [...each.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
        .map((each) => [getComputedStyle(each).color, ground(each), each.tagName + each.id]);
})()"""
# Those of every cell that there can be here.
CELLS = """[...keelback.cells.known.values()].map((cell) => {
    const { ink, ground } = keelback.canvas.coloursOf(cell);
    const rgb = (colour) => `rgb(${[1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)).join(", ")})`;
    return [rgb(ink), rgb(ground), JSON.stringify(cell)];
})"""


def contrast(*colours):
    def luminance(colour):
        shares = [int(each) / 255 for each in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(luminance(each) for each in colours)
    return (high + 0.05) / (low + 0.05)


def test_the_legend_has_only_what_occurs(cow):
    browser = cow(40)
    maps = shown_maps(browser)[0]
    glyphs = {cell[0] for map in maps for line in map["lines"] for cell in line.get("cells", ())}
    said = browser.run("document.getElementById('legend').innerText")
    assert "cow (2)" in said and "cow (3)" in said and "hello (1)" not in said
    assert ("of a library" in said, "copy-on-write" in said, "read-only" in said) == ("L" in glyphs, True, True)


@pytest.mark.parametrize("width", [1280, 400])
def test_numbers_of_entries_are_whole_and_their_letters_are_told(cow, width):
    browser = cow(40, width=width)
    browser.run("keelback.choose({ pid: 2, address: 0x804a000 })")
    assert browser.run("document.getElementById('tale-letters').textContent").startswith("P present, W writable, U ")
    lines = browser.run(
        "[...document.querySelectorAll('#tale-entries td:nth-child(even)')].map((each) => each.getClientRects().length"
        " === 1 && each.clientHeight < 40 && getComputedStyle(each).whiteSpace)"
    )
    assert set(lines) == {"nowrap"}
    assert browser.run("document.scrollingElement.scrollWidth") <= width


def test_a_map_is_read_and_drawn_in_a_moment(cow):
    """On a host that is busy with other things the best of many tries tells how long it takes."""
    browser = cow(40)
    browser.run(
        "window.took = []; for (let each = 0; each < 20; each++) { keelback.refresh(); took.push(keelback.took); }"
    )
    assert browser.run("Math.min(...took)") < 30


# The keyboard.


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    """Return where the page of a kernel lies whose program drives the keyboard."""
    with part_in_place():
        image = make_image_file(LINED, image_of(LINED, "compiled", (KEYBOARD,)))
        page = make_page(PageContents(LINED, image, KEYBOARD, 16 * MIB), find_emulator())
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page)
    return f"file://{path}"


def press(browser, *codes):
    """Press keys on the screen, one after the other."""
    for code in codes:
        for kind in ("keydown", "keyup"):
            event = f"new KeyboardEvent('{kind}', {{ code: '{code}', bubbles: true, cancelable: true }})"
            browser.run(f"document.getElementById('screen').dispatchEvent({event})")


def test_keys_that_are_pressed_on_the_screen_reach_the_machine_and_come_again(browser, driven):
    browser.open(driven)
    browser.wait_for(PAUSED)
    browser.run("document.getElementById('speed').value = 8; keelback.run()")
    browser.wait_for("keelback.machine.traps > 20")
    press(browser, "KeyA", "ArrowUp", "Space")
    browser.wait_for("keelback.machine.console.includes('0x000000b9')")
    assert browser.run("keelback.isRunning"), "the space is the machine's"
    press(browser, "KeyQ")
    browser.wait_for(OVER)
    console, traps = browser.run("keelback.machine.console"), browser.run("keelback.machine.traps")
    told = [int(each, 16) for each in re.findall("0x[0-9a-f]{8}", console)]
    assert told == [0x1E, 0x9E, 0xE0, 0x48, 0xE0, 0xC8, 0x39, 0xB9, 0x10, 0x90]
    for trap in (traps - 5, 12, traps):
        browser.run(f"keelback.goTo({{ trap: {trap}, chosen: null }})")
        browser.wait_for(f"keelback.machine?.traps === {trap} && !keelback.isStarting")
    assert browser.run("keelback.machine.console") == console
    browser.run("document.getElementById('reset').click()")
    browser.wait_for(f"{PAUSED} && keelback.machine?.traps === 0")
    assert browser.run("keelback.machine.typed.length") == 0


@pytest.mark.campaign
def test_who_types_after_going_back_begins_another_future(browser, driven):
    browser.open(driven)
    browser.wait_for(PAUSED)
    browser.run("keelback.runTo(20)")
    browser.wait_for("keelback.machine.traps === 20")
    press(browser, "KeyA")
    browser.run("keelback.runTo(40)")
    browser.wait_for("keelback.machine.traps === 40")
    press(browser, "KeyB")
    browser.run("keelback.goTo({ trap: 30, chosen: null })")
    browser.wait_for("keelback.machine?.traps === 30 && !keelback.isStarting")
    press(browser, "KeyQ")
    browser.run("keelback.run()")
    browser.wait_for(OVER)
    told = re.findall("0x[0-9a-f]{8}", browser.run("keelback.machine.console"))
    assert [int(each, 16) for each in told] == [0x1E, 0x9E, 0x10, 0x90]


def test_keys_that_go_elsewhere_are_not_the_machines(browser, driven):
    browser.open(driven)
    browser.wait_for(PAUSED)
    press(browser, "Tab", "F5", "AudioVolumeUp")
    browser.run("document.body.dispatchEvent(new KeyboardEvent('keydown', { code: 'KeyA', bubbles: true }))")
    assert browser.run("keelback.machine.typed.length") == 0


def test_every_key_sends_what_it_sends_elsewhere(browser, page_of):
    """The page's table is held against the one that texts are typed by, which QEMU's keyboard is held against."""
    browser.open(page_of(MICROKERNEL, "hello", "cow"))
    browser.wait_for(PAUSED)
    names = {
        **{f"Key{each.upper()}": each for each in string.ascii_lowercase},
        **{f"Digit{each}": each for each in string.digits},
        **dict(
            zip(
                ["Minus", "Equal", "BracketLeft", "BracketRight", "Semicolon", "Quote", "Backquote", "Backslash"],
                "-=[];'`\\",
                strict=True,
            )
        ),
        **{"Comma": ",", "Period": ".", "Slash": "/", "Space": " ", "Enter": "\n", "Backspace": "\b", "Escape": "\x1b"},
        **{
            f"Arrow{each}": f"\x1b[{letter}"
            for each, letter in zip(("Up", "Down", "Right", "Left"), "ABCD", strict=True)
        },
        **{"Home": "\x1b[H", "End": "\x1b[F", "Insert": "\x1b[2~", "Delete": "\x1b[3~"},
        **{"PageUp": "\x1b[5~", "PageDown": "\x1b[6~"},
    }
    press(browser, *names)
    sent = browser.run("keelback.machine.typed.flatMap(({ codes }) => codes)")
    assert bytes(sent) == b"".join(map(scan_codes, names.values()))
    browser.run("keelback.machine.typed = []")


# The shell.

CODES = {" ": "Space", "\n": "Enter", "\b": "Backspace", "\\": "Backslash", ".": "Period"}


def type_text(browser, text):
    """Type letters and what `CODES` has on the screen; `|` is the key of the backslash with shift."""
    for each in text:
        if each == "|":
            browser.run(KEY.format(kind="keydown", code="ShiftLeft"))
            press(browser, "Backslash")
            browser.run(KEY.format(kind="keyup", code="ShiftLeft"))
        else:
            press(browser, CODES.get(each, f"Key{each.upper()}"))


KEY = (
    "document.getElementById('screen').dispatchEvent("
    "new KeyboardEvent('{kind}', {{ code: '{code}', bubbles: true, cancelable: true }}))"
)


def test_somebody_types_to_the_shell_on_the_screen(browser, page_of):
    browser.open(page_of(MICROKERNEL, SHELL, "hello"))
    browser.wait_for(PAUSED)
    browser.run("document.getElementById('speed').value = 8; keelback.run()")
    browser.wait_for("keelback.machine.console.endsWith('% ')")
    type_text(browser, "echo helo\blo | cat\n")
    browser.wait_for("keelback.machine.console.endsWith('hello\\n% ')")
    type_text(browser, "exit\n")
    browser.wait_for(OVER)
    browser.run("keelback.refresh()")
    rows = [row.rstrip() for row in browser.run("document.getElementById('screen').textContent").splitlines()]
    assert rows[1:4] == ["% echo hello | cat", "hello", "% exit"]
