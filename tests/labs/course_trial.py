"""A trial of courses: some 150 synthetic submissions of all labs, graded here and, if asked, again by a cluster.

    python tests/labs/course_trial.py [-j N] [--dask] [LAB…]

With --dask, two workers grade all again, one of which is killed in mid-run; results must be the same.
The exit status is 0 when every verdict is right, the same both times, and nothing is left behind.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from keelback.labs import confined
from keelback.labs.cluster import Cluster
from keelback.labs.course import Course, Results, Threads, find_submissions, grade_all
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
    words = parser.parse_args()
    chosen = [find_lab(each) for each in words.labs] or labs()
    wanted = {lab: some_of(submissions_of(lab), number) for number, lab in enumerate(chosen)}
    for lab, (name, text) in zip(cycle(chosen), hostile().items(), strict=False):
        wanted[lab][name] = text
    with tempfile.TemporaryDirectory(prefix="course-trial-") as folder:
        before, started = left_behind(), time.monotonic()
        here = {lab: graded(lab, each, Path(folder), "here", Threads(words.j)) for lab, each in wanted.items()}
        count = sum(map(len, here.values()))
        print(f"{count} submissions on this machine, {words.j} at once: {time.monotonic() - started:.0f} s")
        wrong = [said for lab, each in wanted.items() for said in complaints(lab, each, here[lab])]
        pids = []
        if words.dask:
            started = time.monotonic()
            with Processes(workers=2) as processes:
                there, pids = {}, [each.pid for each in processes.started]
                for number, (lab, each) in enumerate(wanted.items()):
                    if number == len(wanted) // 2:
                        processes.kill_a_worker(after=5.0)
                    there[lab] = graded(lab, each, Path(folder), "there", Cluster(processes.address))
            print(f"{count} submissions by two workers, one killed: {time.monotonic() - started:.0f} s")
            wrong += [
                f"{lab.name}, {name}: differs"
                for lab in here
                for name in here[lab]
                if here[lab][name] != there[lab][name]
            ]
        time.sleep(1)
        wrong += [f"left behind: {each}" for each in (left_behind() - before) | folders_of(pids)]
    print("\n".join(wrong) or "every verdict is right, and nothing is left behind")
    return bool(wrong)


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
    kept, tasks = Course(lab, find_submissions(handed_in)[0], LIMITS).tasks(results)
    assert not kept
    started, found = time.monotonic(), {}
    for facts in grade_all(tasks, results, graders):
        found[facts["student"]] = facts
        print(f"  {lab.name} {len(found)}/{len(tasks)}", end="\r", flush=True)
    print(f"  {lab.name}: {len(found)} in {time.monotonic() - started:.0f} s")
    print("".join(f"    {each}\n" for each in complaints(lab, synthetic, found)), end="", flush=True)
    return found


def left_behind():
    """Return processes of grading that are there now."""
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return {line for line in listed.splitlines() if confined.__file__ in line}


def folders_of(pids):
    """Return scratch folders that processes have left to the next, which is this one's child."""
    text = "from keelback.image.leftovers import scratch_folder\nwith scratch_folder(): pass"
    subprocess.run([sys.executable, "-c", text], check=True)
    return {str(each) for pid in pids for each in Path(tempfile.gettempdir()).glob(f"keelback-{pid}-*")}


if __name__ == "__main__":
    sys.exit(main())
