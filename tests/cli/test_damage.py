"""A machine whose RAM is damaged is looked at by every command: each shows it, or says in one line what is wrong."""

import random
import struct
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO

import pytest

from cli.test_targets import done
from keelback.cli import diff, targets
from keelback.cli.frames import show_frames
from keelback.cli.maps import show_maps
from keelback.cli.mem import FORMATS, show_memory
from keelback.cli.options import Picture, StopPoint, Target
from keelback.cli.ps import list_processes
from keelback.cli.shell import run_shell
from keelback.cli.snapshot import save_machine
from keelback.cli.walk import show_walk
from keelback.errors import UserError
from keelback.inspect.moment import Stands
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64
from keelback.kernel.memory.frames import Role
from keelback.lang import address_of, size_of
from keelback.machine.moments import moment_of, save
from support import make_pc, some_of
from variants import name_of

PAGE = 4096
VALUES = (0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFF000, 0x1E7067, 0x8000001B)
"""What damaged words are, when they are neither what they were but for a bit, nor any number."""
ON = Target(on="file:it")
FIRST = Target(on="file:it", stop=StopPoint(pid=1))
EVERYTHING = "repr(machine), [repr(each) for each in machine.processes.values()], list(machine.libraries.values())"

LOOKS = {
    "ps": lambda folder: list_processes(ON, as_json=False),
    "ps --json": lambda folder: list_processes(ON, as_json=True),
    "frames": lambda folder: show_frames([], ON, as_json=False),
    "frames 0x1e7": lambda folder: show_frames([0, 0x1E7, 0x200], ON, as_json=False),
    "walk": lambda folder: show_walk(1, 0x0804A000, ON, as_json=False),
    "maps": lambda folder: show_maps(ON, walk="0x0804a000", drawn=Picture(), as_json=False),
    "maps --json": lambda folder: show_maps(ON, walk=None, drawn=Picture(), as_json=True),
    "maps --svg": lambda folder: show_maps(ON, walk=None, drawn=Picture(svg=str(folder / "svg")), as_json=True),
    "mem": lambda folder: show_memory(ON, "keelback", since=None, drawn=Picture()),
    **{form: lambda folder, form=form: show_memory(ON, form, since=None, drawn=Picture()) for form in FORMATS},
    "mem --svg": lambda folder: show_memory(FIRST, "keelback", since=None, drawn=Picture(svg=str(folder / "svg"))),
    "snapshot": lambda folder: save_machine(str(folder / "saved"), ON),
    "shell": lambda folder: run_shell(ON, code=EVERYTHING, script=None),
    "diff": lambda folder: diff.tell_differences("whole", "it", as_json=False),
}
"""What every command does that looks at a machine."""


class Damage:
    """A machine, and the same with some words of its RAM that are others."""

    def __init__(self, layout):
        pc = make_pc("cow", "ping 2", "pong 2", check=False, layout=layout)
        pc.boot()
        for _ in range(16):
            pc.step()
        self.moment = moment_of(pc)
        self.whole = bytes(pc.contents)
        snapshot = self.moment.snapshot()
        table = snapshot.kernel.memory.frames.table
        records = [(each.address, each.size) for each in table.ram.records]
        records.append((table.record.base, len(table) * table.element_size))
        tables = [
            (number * PAGE, PAGE)
            for number in range(len(snapshot.frames))
            if snapshot.frames[number].role in (Role.TABLE, Role.KERNEL) and number * PAGE >= layout.records_end
        ]
        filled = [(at, PAGE) for at in range(0, len(self.whole), PAGE) if any(self.whole[at : at + PAGE])]
        self._places = [records, records, tables, filled]

    def by(self, seed):
        """Return the machine with damage that a seed chooses."""
        choose, contents = random.Random(seed), bytearray(self.whole)
        for _ in range(choose.choice((1, 1, 3, 30, 300))):
            start, size = choose.choice(choose.choice(self._places))
            words = range(start & ~3, min(start + size, len(contents) - 3), 4)
            used = [at for at in words if any(contents[at : at + 4])] if choose.random() < 0.8 else []
            place = choose.choice(used or words)
            [word] = struct.unpack_from("<I", contents, place)
            other = choose.choice((choose.choice(VALUES), word ^ 1 << choose.randrange(32), choose.randrange(1 << 32)))
            struct.pack_into("<I", contents, place, other)
        return replace(self.moment, contents=contents)


@pytest.fixture(scope="module", params=some_of([MICROKERNEL, MICROKERNEL_64], [MICROKERNEL]), ids=name_of)
def damage(request):
    return Damage(request.param)


def attached(found, monkeypatch):
    """Let commands find machines by their names."""

    @contextmanager
    def attach(target, own=()):
        yield found[target]

    monkeypatch.setattr(targets, "attach", attach)
    monkeypatch.setattr(diff, "attach", attach)


SEEDS = 300


@pytest.mark.parametrize(
    "seeds",
    [range(8), pytest.param(range(8, SEEDS), marks=pytest.mark.campaign)],
    ids=["some", "all"],
)
def test_damaged_memory_is_shown_or_told_by_every_command(damage, seeds, tmp_path, monkeypatch):
    outcomes = set()
    for seed in seeds:
        attached({"file:it": damage.by(seed), "file:whole": damage.moment}, monkeypatch)
        for name, look in LOOKS.items():
            try:
                with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
                    look(tmp_path)
                outcomes.add("shown")
            except UserError as error:
                assert "\n" not in str(error) and len(str(error)) < 300, (seed, name, error)
                outcomes.add("told" if "memory is damaged" in str(error) else "else")
            except BaseException as error:
                pytest.fail(f"seed {seed}, {name}: {error!r}")
    assert {"shown", "told"} <= outcomes


def test_a_file_of_a_damaged_machine_is_a_line_with_its_name(damage, tmp_path):
    process, contents = damage.moment.snapshot().kernel.processes.table[1], bytearray(damage.whole)
    contents[address_of(process) : address_of(process) + size_of(process)] = b"\x59" * size_of(process)
    file = tmp_path / "damaged"
    save(replace(damage.moment, contents=contents), file)
    for words in (["ps"], ["frames"], ["maps"], ["mem"], ["walk", "1", "0x0804a000"], ["ps", "--json"]):
        status, _, told = done(*words, "--on", f"file:{file}")
        line = f"keelback: {file}: its kernel's memory is damaged: Process.state holds 89, which names no member\n"
        assert (status, told) == (2, line)
    save(damage.moment, tmp_path / "whole")
    status, _, told = done("diff", str(tmp_path / "whole"), str(file))
    assert status == 2 and told.startswith(
        f"keelback: {tmp_path / 'whole'} or {file}: its kernel's memory is damaged: "
    )
    save(replace(damage.moment, contents=contents, stands=Stands.IN_KERNEL), file)
    assert "it stands inside the kernel, whose records are not whole there" in done("ps", "--on", f"file:{file}")[2]


def test_a_role_that_there_is_none_of_is_shown(damage, monkeypatch, capsys):
    table, contents = damage.moment.snapshot().kernel.memory.frames.table, bytearray(damage.whole)
    free = next(number for number in range(0x300, len(table)) if damage.moment.snapshot().frames[number].is_free)
    struct.pack_into("<H", contents, table.record.base + free * table.element_size + 2, 0xF000)
    attached({"file:it": replace(damage.moment, contents=contents)}, monkeypatch)
    assert LOOKS["mem"](None) == 0 and "?" in capsys.readouterr().out
    assert show_frames([free], ON, as_json=False) == 0 and "role " in capsys.readouterr().out
