"""A course on a cluster: the same results, and a worker that is killed costs nothing but time."""

import shlex
import shutil
from dataclasses import replace

import pytest
from distributed import LocalCluster

from consoles import run
from keelback.errors import UserError
from keelback.labs.cluster import Cluster
from keelback.labs.course import Course, Results, Threads, find_submissions, grade_all
from keelback.labs.grading import LIMITS
from keelback.labs.lab import DESCRIPTION, find_lab, read_lab
from keelback.labs.skeleton import solution
from labs.dask_processes import Processes

LAB = find_lab("fork")


@pytest.fixture
def course(tmp_path):
    """Return a course of submissions that are refused at once."""
    (tmp_path / "in").mkdir()
    for number in range(6):
        (tmp_path / "in" / f"s{number}.py").write_text(f"import os{number}\n")
    return Course(LAB, find_submissions(tmp_path / "in")[0], LIMITS)


def graded(course, results, graders):
    _, tasks = course.tasks(results)
    return sorted(grade_all(tasks, results, graders), key=lambda facts: facts["student"])


def test_a_cluster_finds_what_this_machine_finds(course, tmp_path):
    here = graded(course, Results(tmp_path / "here"), Threads(1))
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        there = graded(course, Results(tmp_path / "there"), Cluster(cluster.scheduler_address))
    assert here == there and len(here) == 6


def test_who_answers_no_scheduler_is_told(course, tmp_path, monkeypatch):
    monkeypatch.setattr("keelback.labs.cluster.PATIENCE", 1)
    with pytest.raises(UserError, match="^--dask tcp://127.0.0.1:9: no scheduler answers: "):
        graded(course, Results(tmp_path / "out"), Cluster("tcp://127.0.0.1:9"))


@pytest.mark.parametrize(
    "address", ["foo", "", "tcp://", "tcp://grader", "foo://grader:1", "tcp://grader:0", "grader:65536"]
)
def test_what_is_no_address_of_a_scheduler_is_told_in_a_line(address, tmp_path):
    (tmp_path / "ann.py").write_text("import os\n")
    words = f"keelback grade fork --submissions . -o out --dask {shlex.quote(address)}"
    done = run(words, cwd=tmp_path)
    said = f"keelback: --dask {address}: not the address of a scheduler, such as tcp://grader:8786\n"
    assert (done.returncode, done.stderr) == (2, said) and not (tmp_path / "out").exists()


def test_a_worker_with_another_keelback_is_told(course, tmp_path, monkeypatch):
    answers = iter(["one", *["other"] * 100])
    monkeypatch.setattr("keelback.labs.cluster.sources", lambda: next(answers))
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        pytest.raises(UserError, match="^a worker has another Keelback than this one; install the same$"),
    ):
        graded(course, Results(tmp_path / "out"), Cluster(cluster.scheduler_address))


class Dying(Cluster):
    """Kills a worker as soon as the first result has come."""

    def __init__(self, processes):
        object.__setattr__(self, "address", processes.address)
        object.__setattr__(self, "processes", processes)

    def graded(self, tasks):
        for number, each in enumerate(super().graded(tasks)):
            if number == 0:
                self.processes.kill_a_worker(after=0.0)
            yield each


@pytest.mark.campaign
def test_what_a_killed_worker_was_at_is_graded_again(tmp_path):
    """Scheduler and workers are processes; each submission takes longer than the other worker's death."""
    (tmp_path / "in").mkdir()
    for number in range(3):
        text = solution(LAB).replace("frame.set_result(0)", f"frame.set_result({number})")
        (tmp_path / "in" / f"s{number}.py").write_text(text)
    shutil.copytree(LAB.folder, tmp_path / "lab")
    head, first, *_ = (LAB.folder / DESCRIPTION).read_text().split("[[requirement]]")
    (tmp_path / "lab" / DESCRIPTION).write_text(f"{head}[[requirement]]{first}")
    course = Course(read_lab(tmp_path / "lab"), find_submissions(tmp_path / "in")[0], LIMITS)
    with Processes(workers=2) as processes:
        found = graded(course, Results(tmp_path / "out"), Dying(processes))
    assert [(each["student"], each["points"], each["most"]) for each in found] == [
        ("s0", 2, 2),
        ("s1", 0, 2),
        ("s2", 0, 2),
    ]
    assert {each["verdicts"][0]["reason"]["kind"] for each in found[1:]} == {"event"}


def test_what_loses_every_worker_is_told_and_graded_by_the_next_run(course, tmp_path, monkeypatch):
    def dying(sources, do, task):
        import os

        os._exit(1)

    monkeypatch.setattr("keelback.labs.cluster._do", dying)
    one = replace(course, submissions=course.submissions[:1])
    said = "^s0: the machine that did it was lost, twice; run this again$"
    with Processes(workers=2) as processes, pytest.raises(UserError, match=said):
        graded(one, Results(tmp_path / "out"), Cluster(processes.address))
    assert [*(tmp_path / "out").iterdir()] == []
