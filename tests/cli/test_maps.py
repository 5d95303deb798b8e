"""`keelback maps`: a machine is stopped where it is said, and every word is the machine's."""

import json
import re

import pytest

from cli.test_targets import done, said
from keelback.cli.options import StopPoint
from keelback.cli.pausing import Pause, paused
from keelback.kernel.processes.processes import ProcessState
from support import MIB

COW = ["cow", "--at", "40", "--memory", "8M"]


def test_a_program_of_the_users_own_is_shown_before_it_ends(tmp_path, monkeypatch):
    (tmp_path / "mine.c").write_text(
        '#include "keelback.h"\nstatic char page[8192];\nint main(void) { page[4096] = 1; return 0; }\n'
    )
    monkeypatch.chdir(tmp_path)
    shown = said("maps", "mine.c", "--memory", "16M")
    assert shown.startswith("mine · microkernel, i386 · interpreted · trap ")
    assert "mine (1): " in shown and "text" in shown and "may be written" in shown


@pytest.mark.parametrize("life", ["interpreted", "compiled"])
def test_the_moment_before_the_first_end_is_found(life):
    pc, _, why = paused(["hello", "ping"], Pause(compiled=life == "compiled", memory=8 * MIB))
    assert why == "just before hello (1) ends"
    table = pc.kernel.processes.table
    assert all(table[pid].state == ProcessState.ALIVE for pid in (1, 2))
    pc.step()
    assert sum(table[pid].state == ProcessState.ALIVE for pid in (1, 2)) == 1


FAMILY = """
    #include <stdio.h>
    #include <sys/wait.h>
    #include <unistd.h>
    _Alignas(4096) int counter[1024] = {7};
    int main(void)
    {
        if (fork() == 0)
            return 0;
        wait(NULL);
        counter[0] = 8;
        puts("done");
    }
"""


@pytest.fixture
def family(tmp_path, monkeypatch):
    (tmp_path / "family_of_mine.c").write_text(FAMILY)
    monkeypatch.chdir(tmp_path)
    return "family_of_mine.c"


def test_a_child_that_ends_first_is_seen_sharing_with_its_parent(family):
    shown = said("maps", family)
    assert "just before family_of_mine (2) ends" in shown.splitlines()[0] and "also in" in shown
    shown = said("maps", family, "--pid", "1")
    assert "just before family_of_mine (1) ends" in shown.splitlines()[0] and "also in" not in shown


def test_an_address_is_named_by_a_variable_of_the_program(family):
    [title, *_] = said("maps", family, "--walk", "counter").partition("\ncounter, ")[2].splitlines()
    assert re.fullmatch(r"0x[0-9a-f]+000 in family_of_mine \(1\)", title)
    by_number = said("maps", family, "--walk", title.split()[0])
    assert by_number.replace(f"\n{title.split()[0]} in", f"\ncounter, {title.split()[0]} in") == said(
        "maps", family, "--walk", "counter"
    )
    near = "--walk conter: no program here has a variable of that name; did you mean counter?"
    assert done("maps", family, "--walk", "conter")[::2] == (2, f"keelback: {near}\n")


@pytest.mark.parametrize("paging", ["i386", "x86-64"])
def test_in_80_columns_no_name_is_broken_and_ranges_have_ends(family, paging, monkeypatch):
    wide = said("maps", family, "--paging", paging)
    monkeypatch.setenv("COLUMNS", "80")
    shown = said("maps", family, "--paging", paging)
    assert max(map(len, shown.splitlines()[1:])) <= 80
    rows = [line for line in shown.splitlines() if line.startswith("0x")]
    assert [row.split("–")[0] for row in rows] == [
        row.split("–")[0] for row in wide.splitlines() if row.startswith("0x")
    ]
    assert all(re.match(r"0x[0-9a-f]+–[0-9a-f]+  ", row) for row in rows)
    assert shown.count("1 is family_of_mine, 2 is family_of_mine") == 2


def test_in_80_columns_kinds_of_memory_and_frames_are_whole(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = said("maps", "sharing 4", "--pid", "1", "--memory", "8M")
    assert "…" not in shown
    assert re.search(r"^0x40000000–fff +shared +may be written +0x[0-9a-f]+ +object 1 +2$", shown, re.MULTILINE)


def test_at_and_until_are_where_they_say():
    pc = paused(["ping"], Pause(memory=8 * MIB, stop=StopPoint(at=3))).machine
    assert pc.traps == 3
    pc = paused(["ping"], Pause(memory=8 * MIB, stop=StopPoint(until="ping 2"))).machine
    assert pc.console.endswith(b"ping 2") or (b"ping 2" in pc.console and b"ping 3" not in pc.console)


def test_a_limit_is_a_moment_too():
    assert "primes (1): " in said("maps", "primes 0", "--limit", "100K", "--memory", "8M")


def test_json_has_what_the_table_has():
    found = json.loads(said("maps", *COW, "--json", "--walk", "0x0804a000"))
    facts = [found[name] for name in ("layout", "paging", "traps", "machine")]
    assert facts == ["microkernel", "i386", 40, "interpreted"]
    first, second = found["processes"]
    assert (first["program"], second["parent"], second["runs"][0]["others"]) == (
        "cow", 1, [{"whose": "cow (1)", "pid": 1, "offset": 0}],
    )  # fmt: skip
    assert [len(walk["walk"]) for walk in found["walks"]] == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--at", "9999"], "--at 9999: there is no such trap; the machine ended after "),
        (["--until", "nobody"], "--until 'nobody': the console never said that; the machine ended after "),
        (["--pid", "7"], "there never was a process 7; the machine ended after "),
        (["--at", "1", "--pid", "7"], "there is no process 7 here that is alive; there is hello (1)"),
        (["--walk", "0xhere"], "--walk 0xhere: not an address such as 0x0804a000"),
        (["--walk", "here"], "--walk here: no program here has a variable of that name"),
        (["--at", "1", "--until", "x"], "--at and --until: say one of them"),
    ],
)
def test_what_can_not_be_shown_is_said_in_a_line(arguments, line):
    status, printed, told = done("maps", "hello", "--memory", "8M", *arguments)
    assert (status, printed) == (2, "")
    assert told.startswith(f"keelback: {line}") and told.count("\n") == 1


@pytest.mark.parametrize("form", ["qemu", "qemu-tlb", "jos", "vmprint"])
def test_memory_is_printed_in_other_tools_styles(form):
    first = said("mem", "hello", "--at", "1", "--memory", "8M", "--format", form).partition("\n")[0]
    assert first.startswith({"jos": "VPN range", "vmprint": "page table 0x"}.get(form, "00000000000b8000"))


def test_memory_is_printed_by_cells():
    shown = said("mem", *COW)
    assert "cow (2): " in shown and "w may be written" in shown
    one = said("mem", *COW, "--pid", "2")
    assert "cow (1): " not in one and "cow (2): " in one


def test_a_moment_without_processes_is_told():
    shown = done("mem", "hello", "--at", "5", "--memory", "8M", "--format", "qemu")
    assert shown == (2, "", "keelback: no process is alive here; say another moment with --at\n")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return the words that name a saved machine, which has run COW."""
    file = tmp_path_factory.mktemp("kept") / "cow.machine"
    said("snapshot", str(file), *COW)
    return ["--on", f"file:{file}"]


@pytest.mark.parametrize("words", [["maps"], ["mem"], ["mem", "--format", "jos", "--pid", "2"]], ids=" ".join)
def test_a_saved_machine_says_what_the_machine_did(words, kept):
    assert said(*words, *kept) == said(*words, *COW) != ""


def test_a_machine_that_is_there_has_no_earlier_moment(kept):
    status, printed, told = done("mem", *kept, "--since", "0")
    assert (status, printed) == (2, "") and told.startswith("keelback: --since compares two moments of one run; ")
