"""The payload is an ordinary ustar archive, and the same bytes every time."""

import tarfile
from io import BytesIO

import pytest

from keelback.image.payload import make_payload, read_payload

MEMBERS = {"primes": b"\x7fELF and more", "hello": b"\x7fELF", "motd": b"welcome\n" * 1000, "empty": b""}


def test_tarfile_reads_back_every_member_in_the_given_order() -> None:
    with tarfile.open(fileobj=BytesIO(make_payload(MEMBERS))) as tar:
        found = {member.name: _contents(tar, member) for member in tar.getmembers()}
    assert list(found.items()) == list(MEMBERS.items())


def test_what_was_packed_is_read_back_in_its_order() -> None:
    members = {"b": b"\x7fELF", "etc/a": b"", "c": bytes(5000)}
    assert list(read_payload(make_payload(members)).items()) == list(members.items())


def test_headers_say_nothing_of_time_or_user() -> None:
    with tarfile.open(fileobj=BytesIO(make_payload(MEMBERS))) as tar:
        facts = {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in tar.getmembers()}
        modes = {member.name: member.mode for member in tar.getmembers()}
    assert facts == {(0, 0, 0, "", "")}
    assert modes == {"primes": 0o755, "hello": 0o755, "motd": 0o644, "empty": 0o644}


def test_equal_members_make_equal_bytes() -> None:
    assert make_payload(MEMBERS) == make_payload(dict(MEMBERS))


def test_header_fields_lie_where_ustar_has_them() -> None:
    block = make_payload({"hello": b"x" * 0o1234})[:512]
    assert block[:6] == b"hello\0"
    assert int(block[124:135], 8) == 0o1234
    assert block[257:265] == b"ustar\x0000"
    assert sum(block[:148]) + 8 * ord(" ") + sum(block[156:]) == int(block[148:154], 8)


def test_a_name_of_100_bytes_fits() -> None:
    name = "n" * 100
    payload = make_payload({name: b"data"})
    assert payload[:100] == name.encode()
    with tarfile.open(fileobj=BytesIO(payload)) as tar:
        assert tar.getnames() == [name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "a payload member has an empty name"),
        ("n" * 101, f"payload name {'n' * 101!r} has 101 bytes; at most 100 fit"),
        ("größe", "payload name 'größe' is not printable ASCII"),
        ("two\nlines", "payload name 'two\\nlines' is not printable ASCII"),
        ("cut\0short", "payload name 'cut\\x00short' is not printable ASCII"),
    ],
)
def test_a_name_that_does_not_fit_is_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        make_payload({name: b""})
    assert str(refused.value) == message


def _contents(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()
