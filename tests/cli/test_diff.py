"""`keelback diff`, on files that `keelback snapshot` has written."""

import json

import pytest

from cli.test_run import command


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    for name, trap, memory in (("one", "4", "8M"), ("other", "7", "8M"), ("large", "4", "9M")):
        done = command("snapshot", str(folder / name), "--at", trap, "--memory", memory, "cow", "ping")
        assert done.returncode == 0, done.stderr
    return folder


def test_a_machine_is_equal_to_itself(saved):
    done = command("diff", str(saved / "one"), str(saved / "one"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "equal\n", "")


def test_two_moments_of_a_run_differ_in_the_kernels_terms(saved):
    done = command("diff", str(saved / "one"), str(saved / "other"))
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert any(line.startswith("threads.table[1].frame.") and " (cow (1)): " in line for line in lines)
    told = json.loads(command("diff", "--json", str(saved / "one"), str(saved / "other")).stdout)["differences"]
    assert [f"{each['what']}: {each['one']} → {each['other']}" for each in told] == lines


def test_machines_that_are_not_alike_get_one_line(saved):
    done = command("diff", str(saved / "one"), str(saved / "large"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "8,388,608 bytes of memory" in done.stderr and "9,437,184" in done.stderr
    assert command("diff", str(saved / "one"), "/nowhere").stderr == "keelback: /nowhere: No such file or directory\n"
