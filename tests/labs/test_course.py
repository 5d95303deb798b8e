"""A course: each submission graded once, its result kept, what is likely copied listed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from consoles import run
from keelback.cli import progress
from keelback.errors import UserError
from keelback.labs.copies import likely_copies, parts_of
from keelback.labs.course import Course, Results, Threads, find_submissions, grade_all
from keelback.labs.grading import LIMITS
from keelback.labs.lab import find_lab
from keelback.labs.skeleton import skeleton, solution

LAB = find_lab("fork")
MANY_WAYS = """
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.lang import replaces, u32


@replaces(VirtualMemory)
class Mine:
    def count(self, first: u32, last: u32) -> u32:
        found: u32 = 0
        page: u32 = first
        while page < last:
            if page % 3 == 1 and page * 7 < last + 5:
                found += self.weight(page, page + 9) * 4
            elif (page & 12) != 4 or found > 90:
                found = found * 2 - page // 4
            page += 16
        return found

    def weight(self, one: u32, other: u32) -> u32:
        return (one + other) * (one - 3) // (other + 11)
"""


def handed_in(folder, **texts):
    """Make a folder of submissions; a value is a file's text, or files by their names."""
    for student, text in texts.items():
        if isinstance(text, str):
            (folder / f"{student}.py").write_text(text)
        else:
            (folder / student).mkdir()
            for name, each in text.items():
                (folder / student / name).write_text(each)
    return folder


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "in"
    made.mkdir()
    return handed_in(made, ann="import os\n", bob={"fork.py": "x = (\n", "notes.txt": ""}, eve="import sys\n")


def test_a_student_has_a_file_or_a_folder_and_the_rest_is_told(folder):
    (folder / "README.txt").write_text("")
    (folder / "eve").mkdir()
    (folder / "zed").mkdir()
    (folder / "bob.py").write_text("")
    (folder / ".hidden.py").write_text("")
    found, wrong = find_submissions(folder)
    assert {each.student: [name for name, _ in each.texts] for each in found} == {
        "ann": ["ann.py"],
        "bob": ["fork.py"],
        "eve": ["eve.py"],
    }
    assert sorted(wrong) == [
        f"{folder}/README.txt: a submission is a Python file, .py",
        f"{folder}/bob.py: bob has handed in something else already",
        f"{folder}/eve: there is no .py file in it",
        f"{folder}/zed: there is no .py file in it",
    ]


@pytest.mark.parametrize(
    ("name", "said"), [("none", "No such file or directory"), ("empty", "there is no submission in it")]
)
def test_a_folder_without_submissions_is_told(name, said, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as error:
        find_submissions(tmp_path / name)
    assert error.value.said == f"{tmp_path / name}: {said}"


@pytest.mark.parametrize("name", ["eve.py", "eve/fork.py", "eve"])
def test_a_link_to_what_a_student_has_not_handed_in_is_refused(name, folder, tmp_path):
    secret = tmp_path / "secret" / "fork.py"
    secret.parent.mkdir()
    secret.write_text("X = 1\n")
    (folder / "eve.py").unlink()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).symlink_to(secret if name.endswith(".py") else secret.parent)
    (folder / "dan.py").symlink_to("ann.py")
    found, wrong = find_submissions(folder)
    assert [each.student for each in found] == ["ann", "bob"]
    link = folder / name if name.endswith(".py") else folder / name / "fork.py"
    assert wrong == [
        f"{folder}/dan.py: this is a link to {folder}/ann.py; hand in a file itself",
        f"{link}: this is a link to {secret}; hand in a file itself",
    ]


def test_what_is_no_regular_file_is_told(folder):
    os.mkfifo(folder / "fay.py")
    (folder / "lou.py").symlink_to("lou.py")
    assert find_submissions(folder)[1] == [
        f"{folder}/fay.py: this is no regular file; name one, .py",
        f"{folder}/lou.py: Too many levels of symbolic links",
    ]


def graded(folder, results, lab=LAB, limits=LIMITS):
    """Grade a course; return which results were kept, and which are new."""
    kept, tasks = Course(lab, find_submissions(folder)[0], limits).tasks(Results(results))
    new = [*grade_all(tasks, Results(results), Threads(2))]
    return sorted(each["student"] for each in kept), sorted(each["student"] for each in new)


def test_a_second_run_grades_only_what_has_changed(folder, tmp_path):
    results = tmp_path / "out" / "deep"
    assert graded(folder, results) == ([], ["ann", "bob", "eve"])
    assert sorted(each.name for each in results.iterdir()) == ["ann.json", "bob.json", "eve.json"]
    facts = json.loads((results / "ann.json").read_text())
    assert (facts["student"], facts["points"], facts["most"], facts["line"]) == ("ann", 0, 14, 1)
    assert graded(folder, results) == (["ann", "bob", "eve"], [])
    (folder / "ann.py").write_text("import os, sys\n")
    (results / "eve.json").write_text("[]")
    assert graded(folder, results) == (["bob"], ["ann", "eve"])
    for spoil in (
        lambda facts: facts.pop("verdicts"),
        lambda facts: facts["verdicts"].pop(),
        lambda facts: facts["verdicts"][0].update(points="0"),
        lambda facts: facts["verdicts"][0].update(reason=[]),
        lambda facts: facts.update(points=99),
        lambda facts: facts.update(student="bob"),
    ):
        facts = json.loads((results / "ann.json").read_text())
        spoil(facts)
        (results / "ann.json").write_text(json.dumps(facts))
        assert graded(folder, results) == (["bob", "eve"], ["ann"])
    assert graded(folder, results, limits=LIMITS._replace(seconds=9.0)) == ([], ["ann", "bob", "eve"])
    assert graded(folder, results, lab=find_lab("cow")) == ([], ["ann", "bob", "eve"])


def test_a_result_that_cant_be_kept_is_told_and_the_others_are_graded(folder, tmp_path):
    (tmp_path / "out" / "ann.json").mkdir(parents=True)
    done = run("keelback grade fork --submissions in -o out --json", cwd=tmp_path)
    facts, said = json.loads(done.stdout), "out/ann.json: Is a directory"
    assert done.returncode == 2 and f"keelback: {said}\n" in done.stderr
    assert [each["student"] for each in facts["results"]] == ["ann", "bob", "eve"] and facts["wrong"] == [said]
    assert (tmp_path / "out" / "eve.json").is_file()


def test_no_submission_sees_the_others_or_a_result(folder, tmp_path):
    course = Course(LAB, find_submissions(folder)[0], LIMITS, folder=folder)
    _, tasks = course.tasks(Results(tmp_path / "out"))
    assert {task.hidden for task in tasks.values()} == {(folder, tmp_path / "out")}


def test_a_run_that_ends_early_has_kept_what_it_has(folder, tmp_path):
    class Failing:
        def graded(self, tasks) -> Iterator[tuple[str, dict]]:
            yield from [*Threads(1).graded(tasks)][:2]
            raise UserError("the power is gone")

    results = Results(tmp_path / "out")
    kept, tasks = Course(LAB, find_submissions(folder)[0], LIMITS).tasks(results)
    with pytest.raises(UserError):
        [*grade_all(tasks, results, Failing())]
    assert kept == [] and len([*(tmp_path / "out").iterdir()]) == 2


def test_the_command_prints_a_line_each_a_table_and_a_histogram(folder, tmp_path):
    done = run("keelback grade fork --submissions in -o out -j 2", cwd=tmp_path)
    assert done.returncode == 0
    assert sorted(line.partition(" ")[2] for line in done.stderr.splitlines()) == [
        f"{student}: 0 of 14 points" for student in ("ann", "bob", "eve")
    ]
    assert done.stderr.splitlines()[2].startswith("3/3 ")
    head, first, *_ = done.stdout.splitlines()
    assert " ".join(head.split()) == "student points 1. of 2 2. of 3 3. of 3 4. of 4 5. of 2"
    assert first.split()[:7] == ["ann", "0", "0", "0", "0", "0", "0"] and "ann.py:1: import os: a submission" in first
    assert "3 submissions, 0.0 points on average" in done.stdout
    assert done.stdout.splitlines()[-1].split() == ["0-1", "3", "#" * 40]
    (folder / "odd.txt").write_text("")
    again = run("keelback grade fork --submissions in -o out --json", cwd=tmp_path)
    assert again.returncode == 2 and again.stderr == (
        "keelback: in/odd.txt: a submission is a Python file, .py\n3 results kept from before\n"
    )
    facts = json.loads(again.stdout)
    assert [each["student"] for each in facts["results"]] == ["ann", "bob", "eve"] and len(facts["wrong"]) == 1


def test_a_terminal_shows_a_bar_and_no_other_line(folder, tmp_path, monkeypatch):
    ours, theirs = os.openpty()
    words = [sys.executable, "-m", "keelback", "grade", "fork", "--submissions", "in", "-o", "out"]
    environment = {**os.environ, "TERM": "xterm"}
    process = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = b""
    while b"3/3" not in shown:
        shown += os.read(ours, 4096)  # at the child's end an OSError
    assert b"3 submissions, 0.0 points on average" in process.communicate(timeout=60)[0]
    os.close(ours)
    monkeypatch.setattr(progress.sys, "stderr", SimpleNamespace(isatty=lambda: True))
    with progress.silent(), progress.shown("it"):
        assert progress._timer is None
    with progress.shown("it"):
        assert progress._timer is not None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--submissions in", "--submissions needs -o RESULTS, the folder that results are written to"),
        ("--submissions '' -o out", "--submissions '': name a folder"),
        ("--submissions in -o ''", "-o '': name a folder"),
        ("--submissions in -o ./in", "-o ./in: this is the folder of submissions; name another for results"),
        ("--submissions in -o out -j 0", "-j 0: not a number from 1 to 1,024"),
        ("--submissions in -o out -j ³", "-j ³: not a number from 1 to 1,024"),
        ("--submissions in -o in/ann.py", "in/ann.py: File exists"),
        ("--submissions in -o out x.py", "FILE is for one submission, and --submissions is for many"),
        ("--submissions in -o out --junit x.xml", "--junit is for one submission, and --submissions is for many"),
        ("x.py -o out", "-o is for --submissions"),
        ("x.py --dask tcp://127.0.0.1:9", "--dask is for --submissions"),
        (
            "--submissions in -o out -j 1 --dask tcp://127.0.0.1:9",
            "-j is for this machine, and --dask is for others: a worker grades as many as it has threads",
        ),
        ("x.py --seed -1", "--seed -1: not a number of at most 18 digits"),
        ("x.py -j 3", "-j is for --submissions"),
        ("", "name a FILE, or a folder by --submissions"),
        ("--submissions no -o out", "no: No such file or directory"),
    ],
)
def test_what_a_course_cant_be_is_told_in_a_line(words, said, folder, tmp_path):
    done = run(f"keelback grade fork {words}", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"keelback: {said}\n")


# Likely copies.


def test_names_constants_comments_and_the_order_of_methods_hide_no_copy():
    renamed = MANY_WAYS.replace("found", "total").replace("page", "at").replace("weight", "heft").replace("16", "99")
    head, methods = renamed.split("class Mine:\n")
    first, second = methods.split("\n    def heft")
    other = f"{head}class Yours:\n    def heft{second}\n{first}  # mine\n"
    assert [pair[:2] for pair in likely_copies(LAB, {"a": [MANY_WAYS.encode()], "b": [other.encode()]})] == [("a", "b")]


def test_what_is_asked_of_the_kernel_tells_two_apart():
    other = MANY_WAYS.replace("self.weight(page, page + 9) * 4", "self.spaces.frames.counts.user_free").replace(
        "(one + other) * (one - 3) // (other + 11)", "self.tables.entries(one) if one > other else 0"
    )
    [pair] = likely_copies(LAB, {"a": [MANY_WAYS.encode()], "b": [other.encode()]}, alike=0.1)
    assert pair.share < 0.7


def test_the_skeleton_and_the_kernels_bodies_are_common_ground():
    own = solution(LAB).replace("frame.set_result(0)", "frame.set_result(child.pid)")
    texts = {"a": skeleton(LAB), "b": skeleton(LAB), "c": solution(LAB), "d": solution(LAB), "e": own, "f": own}
    assert likely_copies(LAB, {name: [text.encode()] for name, text in texts.items()}) == []


@pytest.mark.parametrize("data", [b"\0", b"(" * 5000, b"x = (", b"\xff\xfe", b"X = " + b"-" * 50000 + b"1"])
def test_what_python_cant_read_is_like_nothing(data):
    assert parts_of([data]) == frozenset()
