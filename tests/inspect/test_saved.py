"""A saved machine is read back as it was; whatever else a file has is told in one line, and takes little memory."""

import io
import json
import os
import resource
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from forged import forged, parts_of, sealed
from keelback.inspect.kept import BadKeptFile
from keelback.inspect.moment import Moment, Stands, logged
from keelback.inspect.records_digest import records_digest
from keelback.inspect.saved import read_moment, write_moment
from keelback.inspect.saved.form import KIND, RUN
from keelback.inspect.sparse import PAGE, filled_runs, make_memory
from keelback.kernel.layout import MICROKERNEL, PUBLISHED, TEACHING, USERMODE
from keelback.machine.moments import moment_of, save
from support import MIB, make_pc
from variants import name_of

GIB = 1 << 30
START = KIND.start


@pytest.fixture(scope="module")
def pc():
    made = make_pc("hello", "ping 2", "pong 2", check=False)
    made.boot()
    for _ in range(6):
        made.step()
    return made


@pytest.fixture(scope="module")
def saved(pc, tmp_path_factory):
    file = tmp_path_factory.mktemp("saved") / "machine"
    save(moment_of(pc), file)
    return file.read_bytes()


def said_of(content, folder):
    file = folder / "file"
    file.write_bytes(content)
    with pytest.raises(BadKeptFile) as error:
        read_moment(file)
    line = str(error.value)
    assert line.startswith(f"{file}: it") and "\n" not in line and len(line) < 400
    return line.removeprefix(f"{file}: ")


def test_a_machine_is_read_back_as_it_was(pc, saved, tmp_path):
    file = tmp_path / "machine"
    file.write_bytes(saved)
    found = read_moment(file)
    assert bytes(found.contents) == bytes(pc.contents)
    assert (found.layout, found.machine, found.stands) == (MICROKERNEL, "interpreted", Stands.TRAP_END)
    assert (found.time, found.traps, found.console) == (pc.time, 6, bytes(pc.console))
    assert [repr(each) for each in found.snapshot().processes.values()] == [
        repr(each) for each in moment_of(pc).snapshot().processes.values()
    ]
    assert len(saved) < 200_000


def test_what_the_kernel_wrote_is_in_its_log(pc):
    assert logged(pc.kernel) == bytes(pc.console)


@pytest.mark.parametrize("layout", PUBLISHED, ids=name_of)
def test_every_layout_and_scheme_is_saved(layout, tmp_path):
    contents = make_memory(layout.records_end)
    contents[layout.text_end :] = bytes(range(256)) * ((layout.records_end - layout.text_end) // 256)
    save(Moment(layout, contents, "compiled", Stands.IN_KERNEL, time=7, traps=None), tmp_path / "machine")
    found = read_moment(tmp_path / "machine")
    assert (found.layout, found.stands, found.traps) == (layout, Stands.IN_KERNEL, None)
    assert bytes(found.contents) == bytes(contents)


def test_a_machine_with_more_memory_than_its_layout_uses_is_saved(tmp_path):
    """Which the kernel says and leaves alone, as a QEMU with 5 GiB and i386 page tables has it."""
    for layout, memory in ((TEACHING, 64 * MIB), (MICROKERNEL, 5 << 30)):
        save(Moment(layout, make_memory(memory), "compiled", Stands.TRAP_END, time=7, traps=2), tmp_path / layout.name)
        assert len(read_moment(tmp_path / layout.name).contents) == memory > layout.physical_limit


def test_the_same_machine_makes_the_same_bytes(pc, saved):
    file = io.BytesIO()
    write_moment(moment_of(pc), file, "0.1.0")
    again = io.BytesIO()
    write_moment(moment_of(pc), again, "0.1.0")
    assert file.getvalue() == again.getvalue()


def test_memory_that_nobody_touched_takes_nothing(tmp_path):
    """Three and a half GiB, of which three pages hold something: neither writing nor reading takes their room."""
    code = f"""
import sys
from pathlib import Path
from keelback.inspect.moment import Moment
from keelback.inspect.saved import read_moment
from keelback.inspect.sparse import make_memory
from keelback.kernel.layout import MICROKERNEL
from keelback.machine.moments import save
contents = make_memory(7 * {GIB} // 2)
for place in (0, {GIB} + 1, 7 * {GIB} // 2 - 1):
    contents[place] = 1
file = Path(sys.argv[1])
print(save(Moment(MICROKERNEL, contents, "QEMU"), file))
found = read_moment(file).contents
print([found[place] for place in (0, 1, {GIB} + 1, 7 * {GIB} // 2 - 1)], len(found))
[peak] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
print(int(peak) >> 10)
"""
    said = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "machine"], capture_output=True, text=True, check=True
    )
    size, bytes_, mib = said.stdout.splitlines()
    assert int(size) < 2000 and bytes_ == f"[1, 0, 1, 1] {7 * GIB // 2}" and int(mib) < 400


def test_filled_runs_are_found_in_any_memory():
    """As Linux tells it, and where every page is read."""
    own, plain = make_memory(64 * PAGE), bytearray(64 * PAGE)
    for memory in (own, plain):
        for page in (3, 4, 9, 63):
            memory[page * PAGE + page] = page
        memory[20 * PAGE] = 0
    expected = [(3, 2), (9, 1), (63, 1)]
    assert [*filled_runs(own)] == [*filled_runs(plain)] == [*filled_runs(bytes(plain))] == expected
    assert [*filled_runs(make_memory(PAGE))] == []


def test_a_file_that_is_cut_anywhere_is_told(saved, tmp_path):
    for size in (0, 1, 16, 17, 29, START - 1, START, START + 100, len(saved) // 2, len(saved) - 1):
        line = said_of(saved[:size], tmp_path)
        assert "no saved machine" in line if size == 0 else "truncated" in line, size
    assert said_of(saved + b"x", tmp_path).startswith("it goes on after its end")


def test_a_bit_that_is_flipped_anywhere_is_told(saved, tmp_path):
    places = [*range(0, START + 40, 3), *range(START, len(saved), len(saved) // 100)]
    for place in places:
        changed = bytearray(saved)
        changed[place] ^= 1 << place % 8
        line = said_of(changed, tmp_path)
        assert any(each in line for each in ("changed", "no saved", "trunc", "after its end", "header has")), (
            place,
            line,
        )


def test_a_foreign_file_is_told(tmp_path):
    for content in (b"", b"\x7fELF" + bytes(1000), b"hello\n", bytes(4096)):
        assert said_of(content, tmp_path) == "it is no saved machine; `keelback snapshot FILE` makes one"
    for place in (tmp_path, Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(BadKeptFile, match="it is no file"):
            read_moment(place)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadKeptFile, match="it is no file"):
        read_moment(tmp_path / "pipe")


def test_a_file_of_another_build_is_told(saved, tmp_path):
    facts, body = parts_of(KIND, saved)
    line = said_of(forged(KIND, body, facts | {"records": "0" * 64, "build": "9.9"}), tmp_path)
    assert line.startswith("it was saved by another build (9.9)")
    assert "it has format 9" in said_of(forged(KIND, body, facts | {"format": 9}), tmp_path)
    assert "layout own with i386 page tables" in said_of(forged(KIND, body, facts | {"layout": "own"}), tmp_path)


@pytest.mark.parametrize(
    "lie",
    [
        {"memory": 1 << 62},
        {"memory": -4096},
        {"memory": 8 * MIB + 1},
        {"memory": 4096},
        {"memory": 1e9},
        {"memory": True},
        {"console": 1 << 60},
        {"console": 1 << 24},
        {"time": "soon"},
        {"traps": -1},
        {"stands": "anywhere"},
        {"machine": "x" * 5000},
        {"machine": "a\nb"},
        {"layout": ["microkernel"]},
        {"stands": {}},
        {"traps": [[[[[[[[[[]]]]]]]]]]},
        {"more": 1},
    ],
    ids=str,
)
def test_a_header_that_lies_is_told(saved, lie, tmp_path):
    facts, body = parts_of(KIND, saved)
    said_of(forged(KIND, body, facts | lie), tmp_path)


def test_a_header_that_is_none_is_told(saved, tmp_path):
    facts, body = parts_of(KIND, saved)
    for header in (b"", b"[]", b"{", b"\xff\xff", b"[" * 60_000, b"7" * 60_000, b"null"):
        said_of(forged(KIND, body, header), tmp_path)
    for name in facts.keys() - {"traps"}:
        said_of(forged(KIND, body, {each: value for each, value in facts.items() if each != name}), tmp_path)
    said_of(forged(KIND, body, b" " * 100_000 + json.dumps(facts).encode()), tmp_path)


@pytest.mark.parametrize(
    "runs",
    [
        [(0, 1 << 60)],
        [(1 << 60, 1)],
        [(2047, 2)],
        [(5, 1), (5, 1)],
        [(6, 1), (5, 1)],
        [(1 << 63, 1 << 63)],
    ],
    ids=str,
)
def test_pages_that_are_nowhere_are_told(saved, runs, tmp_path):
    facts, _ = parts_of(KIND, saved)
    body = b"".join(RUN.pack(*each) + bytes(min(each[1], 2) * PAGE) for each in runs) + RUN.pack(0, 0)
    assert "out of order" in said_of(forged(KIND, body, facts | {"console": 0}), tmp_path)


def test_a_body_that_ends_early_or_goes_on_is_told(saved, tmp_path):
    facts, body = parts_of(KIND, saved)
    assert "body ends before" in said_of(forged(KIND, body[:-1], facts), tmp_path)
    assert "body ends before" in said_of(forged(KIND, body[: facts["console"] + 20], facts), tmp_path)
    assert "goes on" in said_of(forged(KIND, body + b"x", facts), tmp_path)
    for body in (b"", b"not zlib", zlib.compress(b"")[:-3]):
        said_of(sealed(KIND, json.dumps(facts).encode(), body), tmp_path)


def test_a_small_file_of_a_huge_machine_costs_what_its_machine_has(tmp_path):
    """Zeros that are packed well: the reader takes them in pieces, and stops at the machine's end."""
    facts = {
        "format": KIND.format, "build": "", "layout": USERMODE.name, "paging": "i386",
        "records": records_digest(USERMODE),
        "memory": 4 * MIB, "machine": "", "stands": "at a trap's end", "time": 0, "traps": 0, "console": 0,
    }  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    body = RUN.pack(0, 1024) + bytes(4 * MIB) + RUN.pack(1024, 1 << 20) + bytes(200 * MIB)
    file = forged(KIND, body, facts)
    del body
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "out of order" in said_of(file, tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < max(before, peak) + (32 << 10)


def test_a_file_is_written_whole_or_not_at_all(pc, tmp_path, monkeypatch):
    file = tmp_path / "machine"
    file.write_bytes(b"before")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(Exception, match="machine: No space left on device"):
        save(moment_of(pc), file)
    assert file.read_bytes() == b"before" and [*tmp_path.iterdir()] == [file]


def test_the_digest_of_records_is_the_same_in_every_process():
    """Whatever else has been imported, and in whatever order."""
    code = """
import importlib, pkgutil, sys
import keelback.kernel
if len(sys.argv) > 1:
    for each in pkgutil.walk_packages(keelback.kernel.__path__, "keelback.kernel."):
        importlib.import_module(each.name)
from keelback.inspect.records_digest import records_digest
from keelback.kernel.layout import PUBLISHED
print([records_digest(each) for each in PUBLISHED])
"""
    ways = ([], ["all"])
    said = {subprocess.run([sys.executable, "-c", code, *each], capture_output=True, text=True).stdout for each in ways}
    assert said == {f"{[records_digest(each) for each in PUBLISHED]}\n"}
    assert len({records_digest(each) for each in PUBLISHED}) == len(PUBLISHED)
