"""A trial of courses: some 150 synthetic submissions of all labs, graded here and, if asked, again by a cluster.

    python tests/labs/course_trial.py [-j N] [--dask] [-o FOLDER] [LAB…]

With --dask, two workers grade all again, one of which is killed in mid-run; results must be the same.
The exit status is 0 when every verdict is right, the same both times, nothing is left behind, and neither Keelback nor
any submission is changed.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from keelback.image.cache import cache_directory
from keelback.image.own_sources import digest_of_sources
from keelback.labs import confined
from keelback.labs.cluster import Cluster
from keelback.labs.course import GRADED_BY, Course, Results, Threads, find_submissions, grade_all
from keelback.labs.grading import LIMITS
from keelback.labs.lab import find_lab, labs
from labs.dask_processes import Processes
from labs.synthetic import complaint, hostile, submissions_of


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started ends, too
    parser = argparse.ArgumentParser()
    parser.add_argument("labs", nargs="*")
    parser.add_argument("-j", type=int, default=os.cpu_count())
    parser.add_argument("--dask", action="store_true")
    parser.add_argument("-o", dest="output", metavar="FOLDER", help="A new folder for submissions and results.")
    words = parser.parse_args()
    chosen = [find_lab(each) for each in words.labs] or labs()
    wanted = {lab: some_of(submissions_of(lab), number) for number, lab in enumerate(chosen)}
    for lab, (name, text) in zip(cycle(chosen), hostile().items(), strict=False):
        wanted[lab][name] = text
    count, before = sum(map(len, wanted.values())), left_behind()
    with tempfile.TemporaryDirectory(prefix="course-trial-") as name:
        folder = Path(words.output or name)
        folder.mkdir(parents=True, exist_ok=True)
        with timed(f"{count} submissions on this machine, {words.j} at once"):
            here = {lab: graded(lab, each, folder, "here", Threads(words.j)) for lab, each in wanted.items()}
        wrong = [said for lab, each in wanted.items() for said in complaints(lab, each, here[lab])]
        pids = [os.getpid()]
        if words.dask:
            with timed(f"{count} submissions by two workers, one killed"):
                there, workers = graded_by_workers(wanted, folder)
            pids += workers
            pairs = ((lab.name, name, here[lab][name], there[lab][name]) for lab in here for name in here[lab])
            wrong += [f"{lab}, {name}: differs" for lab, name, one, other in pairs if one != other]
        wrong += [f"changed: {each}" for each in changed(wanted, folder)]
        wrong += [f"left behind: {each}" for each in still(left_behind, before) | folders_of(pids)]
    print("\n".join(wrong) or "every verdict is right, nothing is left behind, and nothing is changed")
    return bool(wrong)


@contextmanager
def timed(what) -> Iterator[None]:
    """Print how long something takes, of this world and of the CPU, that of ended children too."""
    started, used = time.monotonic(), used_seconds()
    yield
    print(f"{what}: {time.monotonic() - started:.0f} s, {used_seconds() - used:.0f} s of the CPU", flush=True)


def used_seconds():
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in found)


def graded_by_workers(wanted, folder):
    """Grade by two workers, of which one is killed in mid-run; return the facts, and the numbers of all processes."""
    with Processes(workers=2) as processes:
        there, pids = {}, [each.pid for each in processes.started]
        for number, (lab, each) in enumerate(wanted.items()):
            if number == len(wanted) // 2:
                processes.kill_a_worker(after=5.0)
            there[lab] = graded(lab, each, folder, "there", Cluster(processes.address))
    return there, pids


PATIENT = LIMITS._replace(seconds=600.0)
"""Limits for a machine on which others work, too."""
SELDOM = "right with comments", "hang", "crash", "no Kernel Python", "no Python"


def some_of(synthetic, number):
    """Return the submissions of a lab, of those that are alike in all labs one or two."""
    chosen = {SELDOM[number % len(SELDOM)], SELDOM[(number + 2) % len(SELDOM)]}
    return {name: each for name, each in synthetic.items() if name not in SELDOM or name in chosen}


def complaints(lab, synthetic, found):
    """Return what is wrong with the results of a lab's submissions."""
    said = {name: complaint(each, found[name]) for name, each in synthetic.items()}
    return [f"{lab.name}, {name}: {each}" for name, each in said.items() if each]


def graded(lab, synthetic, folder, where, graders):
    """Grade submissions of a lab; return the facts of each by name."""
    handed_in = folder / lab.name
    handed_in.mkdir(exist_ok=True)
    for name, each in synthetic.items():
        (handed_in / name).mkdir(exist_ok=True)
        (handed_in / name / lab.file).write_text(each.text)
    results = Results(folder / where / lab.name)
    kept, tasks = Course(lab, find_submissions(handed_in)[0], PATIENT).tasks(results)
    assert not kept
    started, found = time.monotonic(), {}
    for facts in grade_all(tasks, results, graders):
        found[facts["student"]] = facts
        print(f"  {lab.name} {len(found)}/{len(tasks)}", end="\r", flush=True)
    print(f"  {lab.name}: {len(found)} in {time.monotonic() - started:.0f} s")
    print("".join(f"    {each}\n" for each in complaints(lab, synthetic, found)), end="", flush=True)
    return found


def changed(wanted, folder):
    """Yield what is not as it was before: Keelback's own files, or a submission."""
    if digest_of_sources(GRADED_BY) != digest_of_sources.__wrapped__(GRADED_BY):
        yield "Keelback"
    for lab, each in wanted.items():
        for name, synthetic in each.items():
            if (folder / lab.name / name / lab.file).read_text() != synthetic.text:
                yield f"{lab.name}, {name}"


def left_behind():
    """Return processes of grading that are there now."""
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return {line for line in listed.splitlines() if confined.__file__ in line}


def still(find, before, seconds=20.0):
    """Return what is found, was not before, and stays: what others do meanwhile comes and goes."""
    until, found = time.monotonic() + seconds, find() - before
    while found and time.monotonic() < until:
        time.sleep(0.5)
        found &= find()
    return found


def folders_of(pids):
    """Return scratch folders that processes have left to the next, which is this one's child.

    Those of this process's that have a lab's files are there until it ends.
    """
    text = "from keelback.image.leftovers import scratch_folder\nwith scratch_folder(): pass"
    subprocess.run([sys.executable, "-c", text], check=True)
    places = Path(tempfile.gettempdir()), cache_directory()
    found = [each for pid in pids for place in places for each in place.glob(f"keelback-{pid}-*")]
    names = {each.name for each in labs()}
    return {str(each) for each in found if not names & {inner.name for inner in each.iterdir()}}


if __name__ == "__main__":
    sys.exit(main())
