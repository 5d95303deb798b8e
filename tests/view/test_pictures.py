"""Pictures: well-formed, no larger than a slide, with every cell that the text has, and what has changed ringed."""

import re
import sys
from xml.etree import ElementTree

import pytest

from cli.test_run import command
from consoles import ROOT
from keelback.cli.pictures import spots_of
from keelback.errors import UserError
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import MICROKERNEL
from keelback.view import png
from keelback.view.cells import Row, Style
from keelback.view.changes import Fingerprint
from keelback.view.colours import DARK, LIGHT
from keelback.view.page_tale import tale_of_address
from keelback.view.scene import scene_of
from keelback.view.svg import HEIGHT, WIDTH, picture, picture_of_page, picture_of_two
from kernel.driven import ANYWHERE, PAGE, SMALL, STACK, Call, driven
from refresh_pictures import PICTURES, drawn
from support import MIB

NAMESPACE = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def states():
    """Return a machine before its child has written to two pages, and after it."""
    found = []
    for writes in (0, 2):
        made = driven("it", layout=SMALL)
        made.call(Call.MAP, ANYWHERE, 3 * PAGE, 2)
        for page in range(3):
            made.write(ANYWHERE + page * PAGE, 1)
        child = made.fork()
        for page in range(writes):
            made.write(ANYWHERE + page * PAGE, 2, pid=child)
        found.append(Snapshot(made.lens))
    return found


def elements(svg, kind):
    return ElementTree.fromstring(svg).iter(NAMESPACE + kind)


def test_two_states_have_a_ring_for_each_cell_that_has_changed(states):
    before, after = states
    scene = scene_of(after, "it · after", changes=Fingerprint(after).changes_since(Fingerprint(before)))
    changed = sum(Style.CHANGED in cell.style for each in scene.maps for line in each.lines if isinstance(line, Row)
                  for cell in line.cells)  # fmt: skip
    svg = picture_of_two(scene_of(before, "it · before"), scene)
    rings = [each for each in elements(svg, "rect") if each.get("class") == "ring"]
    assert len(rings) == changed + 1 > 3  # one more in the legend


def test_a_picture_has_the_glyph_of_every_cell_in_its_row(states):
    scene = scene_of(states[1], "it · now")
    svg = picture(scene)
    drawn = "".join(each.text or "" for each in elements(svg, "text") if "cell" in each.get("class", "")
                    and "level" not in each.get("class", ""))  # fmt: skip
    shown = "".join(cell.glyph for each in scene.maps for line in each.lines if isinstance(line, Row)
                    for cell in line.cells).replace(".", "·")  # fmt: skip
    assert drawn.startswith(shown.replace(" ", ""))


def test_a_page_its_frame_and_others_that_show_it_are_ringed_and_linked(states):
    after = states[1]
    process, address = after.processes[2], ANYWHERE + 2 * PAGE
    spots = spots_of(process, address + 5)
    frame = process.walk(address).mapping.frame
    assert spots == [(2, address), (0, frame * PAGE), (1, address)]
    svg = picture_of_page(scene_of(after, "it"), tale_of_address(process, address), spots)
    kinds = [each.get("class") for each in (*elements(svg, "rect"), *elements(svg, "path"))]
    assert (kinds.count("ring"), kinds.count("link")) == (3, 2)
    assert spots_of(process, STACK - 40 * PAGE) == [(2, STACK - 40 * PAGE)]


@pytest.mark.parametrize("ground", ["auto", "light", "dark"])
def test_nothing_stands_outside_the_slide(states, ground):
    after = states[1]
    svg = picture_of_page(scene_of(after, "it · x"), tale_of_address(after.processes[2], ANYWHERE), [], ground)
    for each in elements(svg, "text"):
        assert all(0 <= float(x) < WIDTH for x in each.get("x").split()) and 0 < float(each.get("y")) < HEIGHT
    assert ("prefers-color-scheme" in svg) == (ground == "auto")


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ground", [DARK, LIGHT], ids=["dark", "light"])
def test_words_can_be_read_on_their_ground(ground):
    paper = luminance(ground.paper)
    for colour in (ground.ink, ground.quiet, *ground.owners):
        light, dark = max(paper, luminance(colour)), min(paper, luminance(colour))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, colour


def test_many_processes_are_told_to_be_more_than_there_is_room_for():
    made = driven(*["it"] * 12, layout=MICROKERNEL, memory=8 * MIB)
    svg = picture(scene_of(Snapshot(made.lens), "it"))
    assert re.search(r"⋮ \d+ rows more", svg)


def test_pixels_are_a_png_twice_as_fine(states):
    content = png.png_of(picture(scene_of(states[1], "it")))
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) == (2 * WIDTH, 2 * HEIGHT)


def test_without_resvg_a_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(UserError, match=r"--png needs resvg, .* -m pip install 'keelback\[png\]'"):
        png.png_of("<svg/>")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_the_docs_is_what_its_command_draws(name, tmp_path):
    assert (ROOT / "docs" / name).read_text() == drawn(name, tmp_path)


def test_a_picture_that_can_not_be_written_is_told_in_a_line(tmp_path):
    done = command("mem", "hello", "--at", "1", "--memory", "8M", "--svg", str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and "Is a directory" in done.stderr
