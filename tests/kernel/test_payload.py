"""The payload: members are found, damage is an end."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keelback.abi.errors import NoSuchProgram
from keelback.image.images import make_image
from keelback.image.payload import make_payload
from keelback.kernel.layout import MICROKERNEL
from keelback.machine.simulated.interpreted import InterpretedPc
from support import code_program, console, make_pc, run


def payload_of(archive: bytes):
    pc = InterpretedPc(MICROKERNEL, make_image(MICROKERNEL, archive), memory=8 << 20, check=True)
    pc.boot()
    return pc.kernel


def find(kernel, name):
    kernel.programs.command.name.set_text(name)
    found = kernel.payload.members[kernel.payload.find(kernel.programs.command.name)]
    return bytes(kernel.payload.content.elements)[found.start : found.start + found.size]


def test_every_member_is_found_with_its_content():
    members = {"a": b"first", "empty": b"", "block": b"x" * 512, "more": b"y" * 1025, "dir/b": b"last"}
    kernel = payload_of(make_payload(members))
    for name, content in members.items():
        assert find(kernel, name) == content


def test_of_two_members_with_one_name_the_first_is_found():
    once = make_payload({"a": b"first", "b": b"between"})
    kernel = payload_of(once[: 4 * 512] + make_payload({"a": b"second", "c": b"last"}))
    assert [find(kernel, name) for name in "abc"] == [b"first", b"between", b"last"]


def test_names_that_are_long_are_told_apart_and_those_that_are_too_long_never_found():
    names = ["n" * 31, "n" * 30 + "m", "n" * 32, "n" * 33]
    kernel = payload_of(make_payload({name: str(len(name)).encode() + name[-1:].encode() for name in names}))
    assert [find(kernel, name) for name in names[:2]] == [b"31n", b"31m"]
    with pytest.raises(NoSuchProgram):
        find(kernel, "n" * 32)


@settings(max_examples=20)
@given(st.lists(st.text("ab", min_size=1, max_size=4), unique=True, max_size=60), st.text("ab", max_size=4))
def test_the_index_finds_what_a_search_of_the_archive_does(names, other):
    members = {name: name.encode() * 3 for name in names}
    kernel = payload_of(make_payload(members))
    for name in {*names, other}:
        if name in members:
            assert find(kernel, name) == members[name]
        else:
            with pytest.raises(NoSuchProgram):
                find(kernel, name)
    used = sum(each.start != 0 for each in kernel.payload.members)
    assert used == len(names) and len(kernel.payload.members) >= 2 * used


def test_a_member_is_near_its_place_however_many_there_are():
    """The longest row of slots in use is what an unlucky search goes through."""
    kernel = payload_of(make_payload({f"file_{number}": b"" for number in range(1000)}))
    in_use = "".join("x" if each.start else " " for each in kernel.payload.members)
    assert max(map(len, in_use.split())) < 64


@pytest.mark.parametrize("name", ["", "b", "aa", "A", "a ", "dir"])
def test_other_names_are_not_found(name):
    kernel = payload_of(make_payload({"a": b"first", "dir/b": b"last"}))
    with pytest.raises(NoSuchProgram):
        find(kernel, name)


def test_an_archive_of_another_tool_is_read():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        header = tarfile.TarInfo("tool")
        header.size = 3
        archive.addfile(header, io.BytesIO(b"abc"))
    assert find(payload_of(buffer.getvalue()), "tool") == b"abc"


@pytest.mark.parametrize("archive", [b"", b"x", b"\0" * 1024, b"\xff" * 5000])
def test_no_archive_at_all_is_an_empty_one(archive):
    kernel = payload_of(archive)
    with pytest.raises(NoSuchProgram):
        find(kernel, "a")


@pytest.mark.parametrize(
    "size", [b"77777777777\0", b"777777777777", b"400000000005", b"040000000005", b"00000003001\0"]
)
def test_a_size_beyond_the_end_is_damage(size):
    """Two of them are 5, the right one, when only 32 bits of them are kept."""
    archive = bytearray(make_payload({"a": b"first", "b": b"second"}))[:2048]
    archive[124:136] = size
    kernel = payload_of(bytes(archive))
    for name in ("a", "b"):
        with pytest.raises(NoSuchProgram):
            find(kernel, name)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 2047), st.integers(0, 255)), max_size=6))
def test_no_damage_harms_the_kernel(changes):
    archive = bytearray(make_payload({"etc/init": b"a\nb\n", "a": b"first"}))
    for place, byte in changes:
        archive[place % len(archive)] = byte
    payload_of(bytes(archive))


EXIT = code_program("b80300000031dbcd80")


def test_a_program_that_is_not_there_is_reported_and_the_others_run():
    pc = run("nobody", "it", programs={"it": EXIT})
    assert console(pc) == ["keelback: can't start nobody. There is no program of that name in the payload."]
    assert pc.kernel.processes.table[1].ending == 1


@pytest.mark.parametrize("line", ["", " ", " it", "x" * 200, "it" + "x" * 30])
def test_odd_lines_start_nothing(line):
    pc = make_pc(line, programs={"it": EXIT})
    pc.boot()
    assert pc.kernel.processes.counts.alive == 0


def test_a_payload_without_a_list_says_so():
    log = bytes(payload_of(make_payload({"a": b""})).console.log.text)
    assert b"the payload has no list of programs to start" in log


def test_a_name_that_is_too_long_starts_no_other_program():
    pc = run("a" * 32, "a" * 40, programs={"a" * 31: EXIT})
    assert console(pc) == [f"keelback: can't start {'a' * 31}. An argument is out of range."] * 2
