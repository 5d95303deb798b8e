"""Moving pictures of recorded runs: in each frame is what memory was, and a browser shows them in order."""

import re
import xml.etree.ElementTree as Xml

import pytest

from command_client import keelback_command

SVG = "{http://www.w3.org/2000/svg}"


def keelback(*words, cwd):
    return keelback_command(*words, cwd=cwd)


def film(tmp_path, *more, programs=("cow",), options=()):
    """Return a film of a recorded run."""
    assert keelback("run", *programs, *options, "--record", "run.kb", cwd=tmp_path).returncode == 0
    done = keelback("replay", "run.kb", "--film", "film.svg", *more, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return (tmp_path / "film.svg").read_text()


def seen_in(text, frame):
    """Return the words of a frame, by the rules of the style sheet, which are read here by hand."""
    length = max(int(each) for each in re.findall(r"f\d+-(\d+)", text))
    root, words = Xml.fromstring(text), []

    def walk(element, visible):
        name = element.get("class") or ""
        if found := re.search(r"f(\d+)-(\d+)", name):
            visible = int(found[1]) <= frame < int(found[2])
        if element.tag == f"{SVG}text" and visible:
            words.append("".join(element.itertext()))
        for each in element:
            walk(each, visible)

    walk(root, True)
    return words, length


@pytest.mark.parametrize("options", [(), ("--kernel", "compiled", "--paging", "x86-64")], ids=["interpreted", "x86-64"])
def test_every_frame_shows_its_trap(tmp_path, options):
    text = film(tmp_path, "--every", "5", options=options)
    assert "<title>cow · microkernel, " in text and len(text) < 400_000
    for frame in (0, 3, 6):
        words, _ = seen_in(text, frame)
        assert [each for each in words if each.startswith("trap ")] == [
            next(w for w in words if f"trap {5 * frame}," in w)
        ]
        assert any(each.startswith("physical memory: 64 MiB") for each in words)
        assert any(each.startswith("cow (1): ") and "pages" in each for each in words)
    first, _ = seen_in(text, 0)
    assert "the programs are started" in first


def test_the_frames_of_a_span_are_those_of_the_rules(tmp_path):
    text = film(tmp_path, "--every", "9", programs=("hello",))
    for first, end in {(int(a), int(b)) for a, b in re.findall(r'class="film f(\d+)-(\d+)"', text)}:
        length = max(int(each) for each in re.findall(r'f\d+-(\d+)"', text))
        [rule] = re.findall(rf"@keyframes f{first}-{end}\{{(.*?\}})\}}", text)
        assert f"{100 * first / length:.3f}%{{visibility:visible}}" in rule
        assert (f"{100 * end / length:.3f}%{{visibility:hidden}}" in rule) == (end < length)


def test_of_a_long_run_there_are_no_more_frames_than_people_watch(tmp_path):
    text = film(tmp_path, programs=("primes 20000", "ping 30", "pong 30"))
    assert len(set(re.findall(r">trap ([\d,]+), time", text))) <= 62


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--every", "3"], "--every is for a film: name its file by --film FILE.svg"),
        (["--film", "a.svg", "--changed", "2:0x8049000"], "--film and --changed are two questions: ask one"),
        (["--film", "nowhere/a.svg"], "nowhere/a.svg: No such file or directory"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, words, says):
    assert keelback("run", "hello", "--record", "run.kb", cwd=tmp_path).returncode == 0
    done = keelback("replay", "run.kb", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"keelback: {says}\n")
