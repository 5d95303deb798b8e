"""Examples do what they say: scripts run, and what a notebook shows is what its cells come to now."""

import json
import os
import subprocess
import sys

import pytest

import keelback.looking
from consoles import ROOT, SOURCE, blocks
from keelback.errors import UserError
from keelback.inspect.snapshot import Snapshot
from keelback.looking import run_to
from keelback.machine.moments import save
from notebooks import EXAMPLES, NOTEBOOKS, executed, written


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda each: each.name)
def test_a_notebook_shows_what_its_cells_come_to(notebook, tmp_path):
    """Python tests/refresh_consoles.py writes it again."""
    assert written(executed(notebook, tmp_path)) == notebook.read_text()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda each: each.name)
def test_a_notebook_is_of_the_format_that_it_names(notebook):
    book = json.loads(notebook.read_text())
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    for cell in book["cells"]:
        keys = {"cell_type", "id", "metadata", "source"}
        assert set(cell) == keys | ({"execution_count", "outputs"} if cell["cell_type"] == "code" else set())
    assert any("text/html" in output.get("data", {}) for cell in book["cells"] for output in cell.get("outputs", ()))


def test_the_script_shows_who_shares_what_after_a_fork():
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, EXAMPLES / "inspect_fork.py"], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    child, parent = "0x0804b000 in cow (2)", "0x0804b000 in cow (1)"
    assert f"2 references, shown at {parent}, {child}>" in done.stdout
    assert "<page 0x0804a000 in cow (2): data, may be written → frame " in done.stdout
    walks = [line for line in done.stdout.splitlines() if ", 0x0804a000: frame " in line]
    assert len({line.rpartition(" ")[2] for line in walks}) == 2


def test_the_python_of_the_page_on_looking_holds():
    [source] = [each for each in blocks(ROOT / "docs" / "inspect.md", "python") if "keelback.looking" in each]
    assert source.count("assert ") == 2
    exec(source, {})


@pytest.mark.parametrize("kernel", ["interpreted", "compiled"])
@pytest.mark.parametrize("paging", ["i386", "PAE", "x86-64"])
def test_a_machine_stands_where_it_was_run_to(kernel, paging):
    moment = run_to("ping", until="ping 2", paging=paging, kernel=kernel, memory="16M")
    assert b"ping 2" in moment.console and b"ping 3" not in moment.console
    assert (moment.machine, moment.layout.paging.name, len(moment.contents)) == (kernel, paging, 16 << 20)
    assert run_to("ping", at=moment.traps, paging=paging, kernel=kernel, memory="16M").time == moment.time


def test_without_a_moment_a_machine_stands_before_the_first_end():
    machine = run_to("hello", memory="16M").snapshot()
    assert repr(machine.processes[1].threads[0]).startswith("<thread 1: running")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"until": "never"}, "--until 'never': the console never said that"),
        ({"at": 7_000}, "--at 7000: there is no such trap"),
        ({"memory": "much"}, "much"),
        ({"layout": "nosuch"}, "nosuch"),
        ({"paging": "nosuch"}, "nosuch"),
    ],
)
def test_what_can_not_be_run_to_is_one_line(asked, said):
    with pytest.raises(UserError, match=said) as error:
        run_to("hello", **asked)
    assert "\n" not in str(error.value)


def test_a_kept_machine_is_looked_at_as_one_that_was_run(tmp_path):
    moment = run_to("hello", at=1, memory="16M")
    save(moment, tmp_path / "kept")
    with keelback.looking.attach(f"file:{tmp_path / 'kept'}") as kept:
        assert isinstance(kept.snapshot(), Snapshot)
        assert kept.snapshot()._repr_html_() == moment.snapshot()._repr_html_()
