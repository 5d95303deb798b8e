"""Grading: the kernel's own bodies get all points, and a mistake is told by its first wrong event."""

import re
from dataclasses import replace

import pytest

from keelback.labs.grading import LIMITS, grade
from keelback.labs.lab import find_lab, labs
from keelback.labs.machines import Machines
from keelback.labs.skeleton import skeleton, solution
from keelback.machine.observed import Outcome
from labs import transcripts
from labs.mistakes import MISTAKES
from support import sliced, some_of

NAMES = [lab.name for lab in labs()]


@pytest.fixture
def graded(tmp_path):
    """Return what grades a text as a submission of a lab."""

    def result_of(lab, text, **limits):
        file = tmp_path / lab.file
        file.write_text(text)
        return grade(lab, [file], limits=LIMITS._replace(**{"seconds": 280.0} | limits))  # whatever else runs

    return result_of


@pytest.mark.parametrize("name", some_of(NAMES, ["own-tables"]))
def test_the_kernels_own_bodies_get_all_points(name, graded):
    lab = find_lab(name)
    result = graded(lab, solution(lab))
    assert [each.reason for each in result.verdicts] == [None] * len(lab.requirements)
    assert (result.points, result.refused) == (lab.points, "")


@pytest.mark.parametrize("name", sliced(NAMES, 13))
def test_what_is_not_written_is_named_with_its_line(name, graded):
    lab = find_lab(name)
    text = skeleton(lab)
    result = graded(lab, text)
    assert result.points == 0 and result.refused == ""
    reason = result.verdicts[0].reason
    [line] = [number for number, each in enumerate(text.splitlines(), 1) if each.strip() in _refusals(reason.found)]
    assert reason.kind == "panic" and reason.lines[0] == f"{lab.file}:{line}"
    assert any(f"{method} is not written yet" in reason.found for each in lab.methods.values() for method in each)


@pytest.mark.campaign
def test_a_kernel_that_is_too_large_is_told_so_by_each_trial(graded):
    """Its text has no room in the image."""
    lab = find_lab("fork")
    text = solution(lab)
    for number in range(10):
        long = f'        assert parent.pid != {30_000 + number}, "{chr(ord("A") + number) * 1000}"\n'
        text = text.replace("        child = self.create", f"{long}        child = self.create")
    result = graded(lab, text)
    assert (result.points, result.refused) == (0, "")
    found = {each.reason.found for each in result.verdicts}
    assert len(found) == 1 and re.fullmatch(
        r"the kernel's text has [\d,]+ bytes; there is room for 81,920: make methods and their texts shorter", *found
    )


def _refusals(said):
    name = said.removeprefix("assertion failed: ").removesuffix(" is not written yet")
    return [f'assert False, "{name} is not written yet"']


def test_every_mistake_is_made_in_the_kernels_own_text():
    texts = {lab.name: solution(lab) for lab in labs()}
    assert [each for each, (right, *_) in MISTAKES.items() if texts[each[0]].count(right) != 1] == []


@pytest.mark.parametrize(("name", "mistake"), sliced(MISTAKES, 90))
def test_a_typical_mistake_is_told_as_its_page_has_it(name, mistake):
    """The page is written again by `python tests/labs/transcripts.py LAB`."""
    lab, (*_, line) = find_lab(name), MISTAKES[name, mistake]
    result = transcripts.graded(lab, transcripts.mistaken(lab, mistake))
    assert result.refused == "" and result.points < lab.points
    told = [each for verdict in result.verdicts if verdict.reason for each in verdict.reason.told()]
    assert any(line in each for each in told), "\n".join(told)
    assert transcripts.section(lab, mistake, result) == transcripts.sections_of(lab)[transcripts.heading(mistake)]


@pytest.mark.parametrize("lab", labs(), ids=lambda lab: lab.name)
def test_the_page_of_a_lab_has_all_its_typical_mistakes(lab):
    assert transcripts.page_of(lab).read_text().startswith(transcripts.head(lab))
    assert [*transcripts.sections_of(lab)] == [*map(transcripts.heading, transcripts.mistakes_of(lab))]


def test_every_lab_has_five_mistakes_at_least():
    assert all(sum(lab == name for lab, _ in MISTAKES) >= 5 for name in NAMES)


def test_a_seed_decides_when_ticks_come_and_nothing_else():
    """The right kernel beside itself, and the same run by the same seed."""
    lab = find_lab("waits")
    trial = lab.requirements[1].trials[0]

    def ticks(seed):
        pc, found = Machines(lab, seed=seed).make(trial), []
        pc.before_trap.append(lambda: found.append(pc.time))
        pc.boot()
        while pc.outcome is Outcome.RUNNING and pc.traps < 400:
            pc.step()
        return found

    plain, one, other = ticks(None), ticks(1), ticks(2)
    assert one == ticks(1) and len({tuple(each) for each in (plain, one, other)}) == 3


@pytest.mark.campaign
def test_memory_is_drawn_twice_with_the_cells_marked_that_differ(graded):
    lab = find_lab("fork")
    right, wrong, _ = MISTAKES["fork", "what can't be written is not there"]
    reason = graded(lab, solution(lab).replace(right, wrong)).verdicts[1].reason
    assert reason.event == "trap 1, of twice (1)" and reason.right == reason.found == "fork() = 2"
    assert all(line.startswith("fork.py:") for line in reason.lines) and len(reason.lines) > 5
    assert reason.command == "keelback watch --layout teaching --memory 2M --with fork.py twice.c"
    should, found = ([line.split("  ") for line in each.splitlines()] for each in reason.maps)
    assert ["", "0x00100000", "11222", "image"] in should
    assert ["", "0x00100000", "..222", "image"] in found
    marks = should[should.index(["", "0x00100000", "11222", "image"]) + 2]
    assert marks[-1].strip() == "^^"
    assert reason.picture.count('class="ring"') == 3 and "as it should be" in reason.picture


# Submissions that are no kernels.


LOOP = "        while True:\n            pass\n"


@pytest.mark.campaign
def test_a_kernel_that_loops_is_told_by_the_trap_that_does_not_end(graded):
    lab = find_lab("fork")
    text = solution(lab).replace("        parent = self.of(caller)\n", "        parent = self.of(caller)\n" + LOOP)
    result = graded(replace(lab, requirements=lab.requirements[:1]), text)
    reason = result.verdicts[0].reason
    assert (reason.kind, reason.event) == ("hang", "trap 1, of twice (1)")
    line = text[: text.index(LOOP)].count("\n") + 1
    found = "the kernel did not end within 5,000,000 instructions; it is at fork.py:"
    assert reason.right == "fork() = 2" and reason.found in (f"{found}{line}", f"{found}{line + 1}")


@pytest.mark.campaign
def test_a_kernel_that_loops_as_it_starts_is_told_with_its_line():
    """No way leads to what stands behind the calls of a method that never returns, and it is compiled all the same."""
    lab = find_lab("own-tables")
    first = "        limit = self.kernel_limit\n"
    text = solution(lab).replace(first, first + LOOP, 1)
    reason = transcripts.graded(lab, text).verdicts[0].reason
    assert (reason.kind, reason.event, reason.right) == ("hang", "the start of the kernel", "the start of programs")
    assert reason.lines == (f"{lab.file}:{text.splitlines().index('        while True:') + 1}",)
    assert reason.command.startswith("keelback check ") and reason.maps is None


def test_what_the_compiler_refuses_is_told_with_its_line(graded):
    lab = find_lab("fork")
    text = solution(lab).replace(
        "        parent = self.of(caller)\n", "        parent = self.of(caller)\n        [1]\n"
    )
    result = graded(lab, text)
    line = text.splitlines().index("        [1]") + 1
    assert (result.points, result.file, result.line) == (0, "fork.py", line) and result.refused


def test_a_limit_of_time_is_a_result(graded):
    lab = find_lab("fork")
    result = graded(lab, solution(lab), seconds=0.2)
    assert (result.points, result.refused) == (0, "its compilation took longer than 0.2 seconds")
