"""Submissions that attack their grader: whatever their Python does, the result is the grader's own.

Here their text is not read first, so that what stands behind that wall is tried, too.
"""

import base64
import json
import mmap
import tempfile

import pytest

from keelback.labs import grading, limits
from keelback.labs.grading import LIMITS, grade
from keelback.labs.html import html_of
from keelback.labs.lab import find_lab
from keelback.labs.limits import Confinement, Ended, confinement
from keelback.labs.skeleton import skeleton, solution

MAP_NORESERVE = 0x4000  # of mmap(2)
LAB = find_lab("fork")
FORGED = json.dumps({"points": 14, "most": 14, "verdicts": []})


@pytest.fixture
def graded(tmp_path, monkeypatch):
    """Return what grades a text that nobody has read."""
    monkeypatch.setattr(grading, "check_all", lambda lab, texts: None)

    def result_of(text, **least):
        file = tmp_path / LAB.file
        file.write_text(text)
        return grade(LAB, [file], limits=LIMITS._replace(**least))

    return result_of


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import os\nos._exit(0)\n", "its compilation came to no end"),
        ("import os\nos.kill(os.getpid(), 9)\n", "its compilation was killed by SIGKILL"),
        ("while True: pass\n", "its compilation took more time of the CPU than it may"),
        ("import os\nwhile True: os.write(3, b'x' * 65536)\n", "its compilation wrote more than 4,194,304 bytes"),
        (f"{solution(LAB)}\nimport sys\nsys.modules['keelback.image.compiled'] = None\n",
         "its compilation ended with status 1"),
        (f"import os\nos.write(3, b'''{FORGED}\\n''')\nos._exit(0)\n", "its compilation came to no end"),
        ("import os\nos.write(3, b'{\"kernel\": \"AAAA\"}\\n')\nos._exit(0)\n",
         "what was said of its compilation can't be understood"),
    ],
)  # fmt: skip
def test_what_a_submission_does_to_its_process_is_its_own_affair(text, said, graded):
    result = graded(text, cpu=4, report=4 << 20)
    assert (result.points, result.refused) == (0, said)


METHODS = [name for names in LAB.methods.values() for name in names]
REPLACES = "def replaces(owner):\n    return lambda kept: kept\n"


def kernels_own(method):
    return f"{method} stays the kernel's own: nothing of this submission is in its place"


@pytest.mark.parametrize(
    ("change", "method"),
    [
        (lambda text: text.replace("\n\n\n", f"\n\n\n{REPLACES}", 1), METHODS[0]),
        (lambda text: text.replace("@replaces(V", "VirtualMemory = Processes\n\n\n@replaces(V"), METHODS[0]),
        (lambda text: text.replace("@replaces(Processes)\n", ""), "Processes.fork"),
        (lambda text: f"{text}\nVirtualMemory.duplicate = VirtualMemory.release\n", "VirtualMemory.duplicate"),
    ],
)
def test_methods_that_are_not_replaced_are_worth_nothing(change, method, graded):
    result = graded(change(skeleton(LAB)))
    assert (result.points, result.refused) == (0, kernels_own(method))


def test_a_method_that_is_not_the_labs_is_not_replaced(graded):
    result = graded(f"{solution(LAB)}\n    def free(self, process: Process) -> None:\n        pass\n")
    assert (result.points, result.refused) == (0, "it replaces Processes.free, which is not of this lab")


def test_what_an_import_raises_is_told_with_its_line(graded):
    result = graded(f"{skeleton(LAB)}\nX = {{}}['y']\n")
    assert (result.line, result.refused) == (skeleton(LAB).count("\n") + 2, "KeyError: 'y'")


@pytest.mark.skipif(not confinement().namespaces, reason="this system gives no namespaces to this user")
def test_the_folder_that_submissions_come_from_is_hidden(tmp_path, graded, monkeypatch):
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.setattr(limits, "confinement", lambda: Confinement(namespaces=True, user=None))
    (tmp_path / "eve.py").write_text("all of it")
    result = graded(f"import os\nassert not os.path.exists({str(tmp_path / 'eve.py')!r}), 'seen'\n")
    assert result.refused == kernels_own(METHODS[0])


def test_code_that_is_none_breaks_nobody_but_its_judge(tmp_path, monkeypatch):
    many = mmap.mmap(-1, 20 << 30, mmap.MAP_PRIVATE | MAP_NORESERVE)  # addresses of the grader, not of its judge
    facts = json.dumps([{"kernel.o": 4}, [], []]).encode()
    packed = len(facts).to_bytes(4, "little") + facts + b"nope"
    result = _of_reports({"kernel": base64.b64encode(packed).decode()}, tmp_path, monkeypatch)
    assert result.points == 0 and result.refused == ""
    assert {each.reason.found for each in result.verdicts} == {"the machine ended with status 1"}
    many.close()


@pytest.mark.parametrize(
    "report",
    [
        {"refused": 3},
        {"refused": {"said": 1}},
        {"refused": {"said": "a", "file": "b", "line": "c", "details": ""}},
        {"kernel": 3},
        {"kernel": "?"},
        {"kernel": "////////"},
        {"kernel": "AAAA", "strict": 3},
        {"kernel": "AAAA", "strict": {"programs": [[]]}},
    ],
)
def test_reports_of_any_form_are_results(report, tmp_path, monkeypatch):
    result = _of_reports(report, tmp_path, monkeypatch)
    assert (result.points, result.refused) == (0, "what was said of its compilation can't be understood")


def test_half_a_character_in_a_report_is_written_to_any_file(tmp_path, monkeypatch):
    refused = {"said": "no\ud800", "file": "\udcff.py", "line": 1, "details": "\udcff"}
    result = _of_reports({"refused": refused}, tmp_path, monkeypatch)
    assert (result.refused, result.file, result.details) == ("no?", "?.py", "?")
    html_of(LAB, result).encode()


@pytest.mark.parametrize("data", [b"", b"\xff\n", b"[]\n3\nnull\n", b"[" * 100_000, b'{"points": 14}\n'])
def test_a_report_that_says_nothing_is_none(data, tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "run_limited", lambda *words, **given: Ended(data, ""))
    (tmp_path / LAB.file).write_text(skeleton(LAB))
    assert grade(LAB, [tmp_path / LAB.file]).refused == "its compilation came to no end"


def _of_reports(report, tmp_path, monkeypatch):
    data = json.dumps(report).encode() + b"\n"
    monkeypatch.setattr(grading, "run_limited", lambda *words, **given: Ended(data, ""))
    (tmp_path / LAB.file).write_text(skeleton(LAB))
    return grade(LAB, [tmp_path / LAB.file])
