"""Submissions that attack their grader: whatever their Python does, the result is the grader's own.

Here their text is not read first, so that what stands behind that wall is tried, too.
"""

import base64
import json
import mmap

import pytest

from keelback.labs import grading
from keelback.labs.grading import LIMITS, grade
from keelback.labs.lab import find_lab
from keelback.labs.limits import Ended
from keelback.labs.skeleton import skeleton

MAP_NORESERVE = 0x4000  # of mmap(2)
LAB = find_lab("fork")
FORGED = json.dumps({"points": 14, "most": 14, "verdicts": []})


@pytest.fixture
def graded(tmp_path, monkeypatch):
    """Return what grades a text that nobody has read."""
    monkeypatch.setattr(grading, "check_all", lambda lab, texts: None)

    def result_of(text, **limits):
        file = tmp_path / LAB.file
        file.write_text(text)
        return grade(LAB, [file], limits=LIMITS._replace(**limits))

    return result_of


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import os\nos._exit(0)\n", "its compilation came to no end"),
        ("import os\nos.kill(os.getpid(), 9)\n", "its compilation was killed by SIGKILL"),
        ("while True: pass\n", "its compilation took more time of the CPU than it may"),
        ("import os\nwhile True: os.write(3, b'x' * 65536)\n", "its compilation wrote more than 4,194,304 bytes"),
        ("import sys\nsys.modules['keelback.image.compiled'] = None\n", "its compilation ended with status 1"),
        (f"import os\nos.write(3, b'''{FORGED}\\n''')\nos._exit(0)\n", "its compilation came to no end"),
        ("import os\nos.write(3, b'{\"kernel\": \"AAAA\"}\\n')\nos._exit(0)\n",
         "what was said of its compilation can't be understood"),
    ],
)  # fmt: skip
def test_what_a_submission_does_to_its_process_is_its_own_affair(text, said, graded):
    result = graded(text, cpu=4, report=4 << 20)
    assert (result.points, result.refused) == (0, said)


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
