"""`keelback fuzz`: a mistake is found, made small and shown by a command, and none where there is none."""

import json
import shlex

import pytest
from distributed import LocalCluster

from command_client import keelback_command
from consoles import ROOT, write_files
from keelback.cli.fuzz import fuzz
from keelback.cli.options import KernelChoice
from keelback.fuzz.trying import Family, Finding, shrunk
from support import some_of

OWN = ROOT / "docs" / "own-parts.md"
"""A page with a part of the kernel that is wrong, hasty.py."""
FIRST_WRONG = 13
PATIENCE = 280
"""Seconds for a command: others work on this machine, too."""


class Kernel:
    """A kernel that goes wrong in any family of so many turns, and of two rounds or more; `tried` are the lines."""

    def __init__(self):
        self.tried = []

    def find(self, _make, family, *, every=64):
        self.tried.append(family.line)
        if family.rounds < 1 or family.turns < FIRST_WRONG:
            return None
        return Finding(family, "invariant", family.turns * 9 + every, "it is broken")


def test_what_is_found_is_made_as_small_as_it_gets(monkeypatch):
    kernel = Kernel()
    monkeypatch.setattr("keelback.fuzz.trying.find", kernel.find)
    found = shrunk(None, kernel.find(None, Family(7, 4 << 20)))
    assert found == Finding(Family(7, 4 << 20, 1, FIRST_WRONG), "invariant", FIRST_WRONG * 9 + 1, "it is broken")
    assert len(kernel.tried) < 12


@pytest.mark.parametrize("seed", some_of([1, 4], [1]))  # 4: in both lives
def test_nothing_is_found_where_nothing_is_wrong(seed, tmp_path):
    done = keelback_command("fuzz", "--count", "1", "--seed", seed, cwd=tmp_path, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "1 of 1 families, 0 with something wrong\n")
    assert [*tmp_path.iterdir()] == []


def test_a_mistake_is_found_and_kept_with_the_command_that_shows_it(tmp_path):
    write_files(OWN, tmp_path)
    done = keelback_command("fuzz", "--with", "hasty.py", "--count", "1", cwd=tmp_path, timeout=PATIENCE)
    first, check, watch = done.stdout.splitlines()
    assert done.returncode == 3
    assert first.startswith("1 family: frame 0x1 counts 0 references, and should count 1 (the rule: ")
    facts = json.loads((tmp_path / "found" / "1.json").read_text())
    assert (facts["family"]["rounds"], facts["family"]["turns"], facts["check"]) == (0, 1, check.strip())
    assert watch.endswith(f"then g, #{facts['trap'] - 1}")
    shown = keelback_command(*shlex.split(check)[1:], cwd=tmp_path, timeout=PATIENCE)
    assert shown.returncode == 3 and "frame 0x1 counts 0 references" in shown.stdout


@pytest.mark.campaign
def test_a_cluster_finds_what_this_machine_finds(tmp_path, monkeypatch, capsys):
    write_files(OWN, tmp_path)
    monkeypatch.chdir(tmp_path)
    given = {"seed": 1, "count": 9, "jobs": None}
    choice = KernelChoice(parts=("hasty.py",))
    assert fuzz(choice, **given, dask=None, output="here") == 3
    here = capsys.readouterr().out
    by_tcp = {"protocol": "tcp", "host": "127.0.0.1", "dashboard_address": None}
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, **by_tcp) as cluster:
        assert fuzz(choice, **given, dask=cluster.scheduler_address, output="there") == 3
    assert capsys.readouterr().out == here.replace("here/", "there/")
    assert {each.name for each in (tmp_path / "here").iterdir()} == {
        each.name for each in (tmp_path / "there").iterdir()
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "--layout teaching",
            "the teaching layout has not what families use: libraries, malloc, mapping, starting, waiting",
        ),
        ("--with nothing.py", "nothing.py: No such file or directory"),
        (
            "-j 1 --dask tcp://127.0.0.1:9",
            "-j is for this machine, and --dask is for others: a worker does as many as it has threads",
        ),
    ],
)
def test_what_cant_be_tried_is_told_in_a_line(words, said, tmp_path):
    done = keelback_command("fuzz", "--count", "1", *words.split(), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"keelback: {said}\n")
