"""Labs are folders; what a student begins with comes from the kernel's own source."""

import ast
import base64
import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from command_client import ENVIRONMENT
from consoles import run
from keelback.errors import UserError
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.labs.grading import grade, read_file
from keelback.labs.html import html_of
from keelback.labs.lab import find_lab, labs, read_lab
from keelback.labs.language import check_all
from keelback.labs.reports import gradescope_of, junit_of
from keelback.labs.result import Reason, Result, Verdict
from keelback.labs.skeleton import skeleton, solution
from keelback.labs.vocabulary import vocabulary

EVERY = pytest.mark.parametrize("lab", labs(), ids=lambda lab: lab.name)


def methods_of(text):
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    return {f"{each.name}.{method.name}": method for each in classes for method in each.body}


@EVERY
def test_a_skeleton_has_the_kernels_signatures_and_docstrings_and_no_body(lab):
    bare, whole = methods_of(skeleton(lab)), methods_of(solution(lab))
    names = [f"My{name}" for methods in lab.methods.values() for name in methods]
    assert [*bare] == [*whole] and sorted(bare) == sorted(names)
    for name, method in bare.items():
        assert ast.dump(method.args) == ast.dump(whole[name].args)
        assert ast.get_docstring(method) == ast.get_docstring(whole[name])
        assert [type(each) for each in method.body[-1:]] == [ast.Assert]
        assert len(method.body) == 1 + (ast.get_docstring(method) is not None)
    check_all(lab, [(lab.file, skeleton(lab).encode())])


def test_a_solution_is_the_kernels_source():
    text = solution(find_lab("fork"))
    assert "self.promises.take(child, parent.promised.pages, parent.promised.tables)" in text
    assert VirtualMemory.duplicate.__doc__ is not None and VirtualMemory.duplicate.__doc__ in text


@EVERY
def test_a_lab_says_what_its_task_needs(lab):
    assert lab.task.startswith(f"# Lab {lab.number}: ")
    assert all(method.partition(".")[2] in lab.task for methods in lab.methods.values() for method in methods)
    assert f"keelback grade {lab.name} {lab.file}" in lab.task
    assert any(trial.strict for each in lab.requirements for trial in each.trials)


GOOD = """\
number = 90
name = "mine"
title = "Mine"
layout = "teaching"
memory = 2
[methods]
"keelback.kernel.memory.frames" = ["Frames.drop"]
[[requirement]]
says = "It runs."
points = 1
trial = [{ programs = ["one 1"] }]
"""


TRIAL = '{ programs = ["one 1"] }'
METHODS = '"keelback.kernel.memory.frames" = ["Frames.drop"]'


def write_lab(folder, right="", wrong=""):
    """Write a lab, a text of whose description is replaced."""
    (folder / "one.c").write_text("int main(void) { return 0; }")
    (folder / "task.md").write_text("# Lab 90: Mine\n")
    assert right in GOOD
    (folder / "lab.toml").write_text(GOOD.replace(right, wrong) if right else GOOD)
    return folder


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("number = 90\n", "", "number is missing; it has to be a whole number from 1 to 999"),
        ("number = 90", "number = ", "Invalid value (at line 1, column 10)"),
        ("number = 90", "number = []", "number = []: it has to be a whole number from 1 to 999"),
        ("number = 90", "number = 1.5", "number = 1.5: it has to be a whole number from 1 to 999"),
        ("number = 90", "number = -1", "number = -1: it has to be a whole number from 1 to 999"),
        ("number = 90", "number = true", "number = true: it has to be a whole number from 1 to 999"),
        ("number = 90", 'number = "x"', 'number = "x": it has to be a whole number from 1 to 999'),
        ("number = 90", "number = 5", "number = 5: that is lab fork; it has to be another"),
        ("number = 90", f"number = 1{'0' * 99}", f"number = 1{'0' * 39}…: it has to be a whole number from 1 to 999"),
        ("number = 90", f"number = 90\ndeep = {'[' * 9999}", "its values are nested too deeply"),
        ("number = 90", "number = 90\nfrmaes = true", 'there is no key "frmaes"; did you mean frames?'),
        ("number = 90", "number = 90\nframes = 1", "frames = 1: it has to be true or false"),
        ("number = 90", 'number = 90\nlibraries = ["libx"]', 'libraries = ["libx"]: it has to be a list of libraries'),
        ("number = 90", 'number = 90\nlibraries = "libcount"', 'libraries = "libcount": it has to be a list of'),
        ("number = 90", "number = 90\nlibraries = [[]]", "libraries = [[]]: it has to be a list of libraries"),
        *(
            ('"mine"', json.dumps(name), f"name = {json.dumps(name)}: it has to be small letters and digits, perhaps")
            for name in ("../../evil", "", "class", "two words", "Two", "a--b", "-a", "a.b")
        ),
        ('"mine"', "7", "name = 7: it has to be small letters and digits"),
        ('"Mine"', '""', 'title = "": it has to be a text of one line'),
        ('"teaching"', '"school"', 'layout = "school": it has to be one of microkernel, usermode, teaching'),
        ('"teaching"', '"teachin"', 'layout = "teachin": it has to be one of microkernel, usermode, teaching; did you'),
        *(
            ("memory = 2", f"memory = {size}", f"memory = {size}: it has to be a whole number from 1 to 1,024")
            for size in ("0", "-4", "100000", '"4M"', "2.5")
        ),
        ('"teaching"\nmemory = 2', '"microkernel"\nmemory = 1', "memory = 1: layout microkernel needs 4 MiB at least"),
        ('"teaching"\nmemory = 2', '"usermode"\nmemory = 7', "memory = 7: layout usermode needs 8 MiB at least"),
        (
            "Frames.drop",
            "Frames.dorp",
            "methods: keelback.kernel.memory.frames has no method Frames.dorp; did you mean",
        ),
        ("memory.frames", "memory.framse", "methods: the kernel has no module keelback.kernel.memory.framse; did you"),
        ("keelback.kernel.memory.frames", "a\\nb", 'methods = {"a\\nb": ["Frames.drop"]}: it has to be a table'),
        ("keelback.kernel.memory.frames", "os", "methods: the kernel has no module os"),
        *(
            (METHODS, f'"keelback.kernel.memory.frames" = {value}', "methods = {")
            for value in ("[]", '"Frames.drop"', "5", '["Frames.drop", "Frames.drop"]', "[1]")
        ),
        (METHODS, "", "methods = {}: it has to be a table with a list of methods for each module of the kernel"),
        ("points = 1", "points = 0", "requirement 1: points = 0: it has to be a whole number from 1 to 1,000"),
        ("points = 1", "points = 1.5", "requirement 1: points = 1.5: it has to be a whole number from 1 to 1,000"),
        ("points = 1", "point = 1", 'requirement 1: there is no key "point"; did you mean points?'),
        (TRIAL, "", "requirement 1: trial = []: it has to be one table or more"),
        (f"[{TRIAL}]", "5", "requirement 1: trial = 5: it has to be one table or more"),
        *(
            ('["one 1"]', value, f"requirement 1, trial 1: programs = {value}: it has to be a list of programs, each a")
            for value in ("[]", '[""]', '"one"', '["../one"]', '["one\\n2"]', "[1]")
        ),
        ('"one 1"', '"two"', "a trial names the program two, and there is no two.c"),
        *(
            (" }]", f", {key} }}]", f"requirement 1, trial 1: {said}")
            for key, said in (
                ("hiden = true", 'there is no key "hiden"; did you mean hidden?'),
                ("hidden = 1", "hidden = 1: it has to be true or false"),
                ("time = 0", "time = 0: it has to be a whole number from 1 to 1,000,000,000"),
                ("fail = 3", "fail = 3: it has to be a table of a call and the first of its allocations that fails"),
                ('fail = { call = "fork" }', "fail: first is missing; it has to be a whole number from 1 to 63"),
                ('fail = { call = "fork", first = 0 }', "fail: first = 0: it has to be a whole number from 1 to 63"),
                ('fail = { call = "nocall", first = 1 }', 'fail: call = "nocall": it has to be a call of the kernel'),
                (
                    'fail = { call = "frok", first = 1 }',
                    'fail: call = "frok": it has to be a call of the kernel\'s, such',
                ),
                (
                    "fail = { call = [], first = 1 }",
                    "fail: call = []: it has to be a call of the kernel's, such as fork",
                ),
            )
        ),
    ],
)
def test_a_mistake_in_a_lab_is_told_with_its_file_and_its_key(right, wrong, said, tmp_path):
    assert find_lab(str(write_lab(tmp_path))).points == 1
    write_lab(tmp_path, right, wrong)
    with pytest.raises(UserError) as error:
        read_lab(tmp_path)
    assert error.value.said.startswith(f"{tmp_path}/lab.toml: {said}") and "\n" not in error.value.said


@pytest.mark.parametrize("words", ["lab show ./mine", "lab new ./mine made", "grade ./mine mine.py"])
def test_every_command_refuses_a_lab_that_is_wrong_and_writes_nothing(words, tmp_path):
    (tmp_path / "mine").mkdir()
    write_lab(tmp_path / "mine", '"mine"', '"../../evil"')
    (tmp_path / "mine.py").write_text("")
    done = run(f"keelback {words}", cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith('keelback: mine/lab.toml: name = "../../evil": it has to be') and not done.stderr[
        :-1
    ].count("\n")
    assert {each.name for each in tmp_path.iterdir()} == {"mine", "mine.py"}


@pytest.mark.parametrize(
    ("data", "said"),
    [(None, "No such file or directory"), (b"# \xff", "it is not UTF-8, at byte 2; save it as UTF-8")],
)
def test_a_task_that_cant_be_read_is_told(data, said, tmp_path):
    write_lab(tmp_path)
    if data is None:
        (tmp_path / "task.md").unlink()
    else:
        (tmp_path / "task.md").write_bytes(data)
    with pytest.raises(UserError) as error:
        read_lab(tmp_path)
    assert error.value.said == f"{tmp_path}/task.md: {said}"


def test_a_copy_of_a_lab_may_be_changed(tmp_path):
    """A copy of a lab of Keelback's has its number and its name."""
    shutil.copytree(find_lab("fork").folder, tmp_path / "copy")
    assert read_lab(tmp_path / "copy").number == 5


def test_a_trial_in_which_no_allocation_can_fail_is_told_to_who_grades_the_solution(tmp_path):
    write_lab(tmp_path, " }]", ', fail = { call = "fork", first = 1 } }]')
    lab = read_lab(tmp_path)
    (tmp_path / "mine.py").write_text(solution(lab))
    [verdict] = grade(lab, [tmp_path / "mine.py"]).verdicts
    assert (verdict.points, verdict.reason.kind) == (0, "trial")
    assert verdict.reason.found == "the lab's trial is wrong: the right kernel makes no allocation 1 for fork"


def test_the_lab_in_the_docs_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "labs.md").read_text()
    (tmp_path / "lab.toml").write_text(page.partition("```toml\n")[2].partition("```")[0])
    (tmp_path / "holders.c").write_text("int main(void) { return 0; }")
    (tmp_path / "task.md").write_text("# Lab 20: A frame's last holder\n")
    lab = read_lab(tmp_path)
    assert (lab.file, lab.points, lab.frames, lab.programs(with_hidden=False)) == ("drop.py", 4, True, ["holders"])
    assert 'assert False, "Frames.drop is not written yet"' in skeleton(lab)


def test_a_folder_for_a_student_has_the_task_the_file_and_the_programs(tmp_path):
    done = run("keelback lab new cow mine", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("made mine: task.md says what to do")
    made = {each.name for each in (tmp_path / "mine").iterdir()}
    assert made == {"task.md", "kernel.md", "cow.py", "apart.c", "last.c", "answers.c"}
    assert (tmp_path / "mine" / "cow.py").read_text() == skeleton(find_lab("cow"))
    run("keelback lab new cow right --solved", cwd=tmp_path)
    assert (tmp_path / "right" / "cow.py").read_text() == solution(find_lab("cow"))
    again = run("keelback lab new cow mine", cwd=tmp_path)
    assert again.stderr == "keelback: mine: there is something in it already; name a new folder\n"
    assert run("keelback lab new cow ''", cwd=tmp_path).stderr == "keelback: a FOLDER without a name: name a new one\n"


@EVERY
def test_what_there_is_to_call_has_all_that_the_kernels_own_bodies_name(lab):
    """But for methods of all records, and parts that the layout has not."""
    text, nodes = vocabulary(lab), [*ast.walk(ast.parse(solution(lab)))]
    named = {each.attr for each in nodes if isinstance(each, ast.Attribute)}
    missing = {name for name in named if not re.search(rf"^{name}(\(|: | = )", text, re.MULTILINE)}
    assert missing <= {"copy_from", "clear", "inherit", "drop_all", "handles", "objects"}
    assert text.count("# to be written") == sum(map(len, lab.methods.values()))
    sections = re.findall("^## .*$", text, re.MULTILINE)
    assert len(sections) == len({*sections})


def test_what_there_is_to_call_has_the_records_behind_tables_and_the_members_of_enumerations():
    sections = {each.partition(",")[0]: each for each in vocabulary(find_lab("overlapping")).split("\n## ")}
    for name, has in {
        "Programs": ("layout: Layout", "text: int"),
        "Layout": ("paging: PagingScheme", "stack_top: int", "stack_bottom: int"),
        "PagingScheme": ("word_bits: int",),
        "Processes": ("table: Array[Process]", "running: Array[Queue]"),
        "Process": ("runners: Link", "space: Space"),
        "Queue": ("first: u16",),
        "Link": ("next: u16",),
        "Page": ("bytes: ",),
        "RegionKind": ("STACK = 2",),
        "AddressSpaces": ("kernel: KernelSpace",),
        "Payload": (),
    }.items():
        assert all(f"\n{each}" in sections[name] for each in has), name
    assert "\nzero: u32\n" in vocabulary(find_lab("demand-zero"))


def test_what_there_is_to_call_has_the_registers_of_the_layouts_machine():
    assert "\n## TrapFrame64, in keelback.kernel.x86.trap_frame\n" in vocabulary(find_lab("fork"))
    assert "\neax: u32\n" in vocabulary(find_lab("waits"))


def test_a_lab_that_is_none_is_told_with_those_that_are():
    done = run("keelback lab show x", cwd=Path("/"))
    assert done.returncode == 2 and done.stderr.startswith("keelback: there is no lab 'x': there are 1 isolation, ")


@pytest.mark.parametrize("word", ["forks", "fork.py"])
def test_a_lab_that_is_nearly_one_is_told_its_name(word):
    with pytest.raises(UserError, match=f"^there is no lab '{word}'; did you mean fork\\?$"):
        find_lab(word)


def test_a_folder_is_no_submission(tmp_path):
    with pytest.raises(UserError, match="this is a folder; name the files in it, .py$"):
        read_file(tmp_path)


def test_a_submission_that_is_refused_is_told_with_its_line(tmp_path):
    (tmp_path / "fork.py").write_text("import os\n")
    done = run("keelback grade fork fork.py --junit a.xml --gradescope results.json --html a.html", cwd=tmp_path)
    assert done.returncode == 1 and done.stdout.startswith("fork: 0 of 14 points\n\nfork.py:1: import os: a submission")
    suite = ElementTree.parse(tmp_path / "a.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("5", "5")
    assert "<code>fork.py:1</code>: import os: a submission" in (tmp_path / "a.html").read_text()
    scores = json.loads((tmp_path / "results.json").read_text())
    assert scores["score"] == 0 and sum(each["max_score"] for each in scores["tests"]) == 14
    facts = json.loads(run("keelback grade fork fork.py --json", cwd=tmp_path).stdout)
    assert (facts["points"], facts["most"], facts["file"], facts["line"]) == (0, 14, "fork.py", 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--html fork.py", "--html fork.py: this is a file of the submission, too; name another file"),
        ("--junit link.py", "--junit link.py: this is a file of the submission, too; name another file"),
        ("--html same --junit ./same", "--html same: this is --junit, too; name another file"),
        ("--html -", "--html '-': name a file to write; the terminal has the result anyway"),
        ("--html .", "--html .: this is a folder; name a file in it"),
        ("--html no/h.html", "--html no/h.html: there is no folder no; make it before"),
        ("''", "a FILE without a name: name the files of a submission, .py"),
    ],
)
def test_where_a_result_cant_be_written_is_told_before_it_is_graded(words, said, tmp_path):
    (tmp_path / "fork.py").write_text("import os\n")
    (tmp_path / "link.py").symlink_to("fork.py")
    done = run(f"keelback grade fork fork.py {words}", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"keelback: {said}\n")
    assert (tmp_path / "fork.py").read_text() == "import os\n"
    assert {each.name for each in tmp_path.iterdir()} == {"fork.py", "link.py"}


def test_a_submission_in_a_locale_without_letters_of_others_is_graded(tmp_path):
    """What the lab says has such letters, too, and is read and written as UTF-8."""
    shutil.copytree(find_lab("fork").folder, tmp_path / "lab")
    with (tmp_path / "lab" / "task.md").open("a", encoding="utf-8") as task:
        task.write("Müßig – ∀\n")
    toml = tmp_path / "lab" / "lab.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("Fork, all", "Förk, all"), encoding="utf-8")
    (tmp_path / "fork.py").write_text("import os\n")
    plain = {**ENVIRONMENT, "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert run("keelback lab new ./lab mine", cwd=tmp_path, env=plain).returncode == 0
    assert "Müßig – ∀" in (tmp_path / "mine" / "task.md").read_text(encoding="utf-8")
    done = run("keelback grade ./lab fork.py --html a.html", cwd=tmp_path, env=plain)
    assert done.returncode == 1 and "Förk, all" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_a_page_says_what_a_result_says_and_needs_no_other():
    picture = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    reason = Reason(
        "event", "one", 3, "trap 3", "fork() = 2", "<b>3</b>", ("page & page",), lines=("a.py:1",), picture=picture
    )
    page = html_of(find_lab("fork"), Result("fork", (Verdict("It runs.", 2, 2), Verdict("It <forks>.", 0, 3, reason))))
    assert "<title>Lab 5, Fork, all or nothing: 2 of 5 points</title>" in page
    assert "&lt;b&gt;3&lt;/b&gt;" in page and "page &amp; page" in page and "It &lt;forks&gt;." in page
    [data] = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert base64.b64decode(data).decode() == picture
    assert not re.search(r"https?:|<script|<link|url\(", page)
    refused = html_of(find_lab("fork"), Result("fork", (), "it is <odd>", "a.py", 7, "    x\n    ^"))
    assert "<code>a.py:7</code>: it is &lt;odd&gt;" in refused and "<pre>    x\n    ^</pre>" in refused


def test_reports_say_what_a_result_says():
    reason = Reason("event", "one", 3, "trap 3, of one (1)", "fork() = 2", "fork() = \x1b", lines=("a.py:1", "a.py:2"))
    result = Result("mine", (Verdict("It runs.", 2, 2), Verdict("It forks.", 0, 3, reason)))
    suite = ElementTree.fromstring(junit_of(result))
    well, failed = suite.findall("testcase")
    assert (well.get("name"), well.find("failure")) == ("It runs.", None)
    assert "yours  fork() = ?" in failed.find("failure").text and "lines  a.py:1, 2" in failed.find("failure").text
    tests = json.loads(gradescope_of(result))["tests"]
    assert [(each["score"], each["max_score"], each["status"]) for each in tests] == [
        (2, 2, "passed"),
        (0, 3, "failed"),
    ]
    facts = result.facts()
    assert facts["verdicts"][1]["reason"]["right"] == "fork() = 2"
    page = (Path(__file__).parents[2] / "docs" / "labs.md").read_text()
    named = {*facts, *facts["verdicts"][1], *facts["verdicts"][1]["reason"]}
    assert all(f"`{name}`" in page for name in named)
