"""The kernel image file: its parts and header as `file` and we read them, and what is refused by which words."""

import shutil
import struct
import subprocess
import tarfile
from functools import cache
from hashlib import sha256
from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keelback.image.boot_protocol import FIELDS, HEADER, HEADER_END, SETUP_SIZE, VERSION_SIZE
from keelback.image.image_file import UNIT, BadImageFile, ImageFile, KernelInRam, Part, build_image_file, with_checksum
from keelback.image.image_reader import read_image_file
from keelback.image.images import make_image, make_image_file, room_for
from keelback.image.payload import make_payload
from keelback.kernel.boot.header import VERSION, ImageHeader
from keelback.kernel.layout import MICROKERNEL
from keelback.lang import layout_of

OFFSETS = {field.name: (field.offset, field.format) for field in FIELDS}
START = MICROKERNEL.kernel_start
PAYLOAD = SETUP_SIZE + MICROKERNEL.records_end - START
MEMBERS = {"etc/init": b"hello\n", "hello": b"\x7fELF and so on" * 100}


@cache
def built() -> bytes:
    """Return a kernel image file; its kernel is the one for the interpreted life, which takes no compiler."""
    return make_image_file(MICROKERNEL, make_image(MICROKERNEL, make_payload(MEMBERS)))


def changed(**fields: int) -> bytes:
    """Return the file with other values in fields of its setup header."""
    content = bytearray(built())
    for name, value in fields.items():
        offset, form = OFFSETS[name]
        struct.pack_into(f"<{form}", content, offset, value)
    return bytes(content)


def test_the_parts_are_the_four_of_the_design_in_their_order_without_gaps():
    file = ImageFile(built())
    end = len(built()) - UNIT
    assert file.parts == (
        Part("boot sector", 0, 512, None),
        Part("setup code", 512, SETUP_SIZE, None),
        Part("microkernel and process manager", SETUP_SIZE, PAYLOAD, START),
        Part("payload", PAYLOAD, end, MICROKERNEL.records_end),
    )
    assert SETUP_SIZE <= 4096 and end - PAYLOAD == len(make_payload(MEMBERS))


def test_what_is_loaded_at_kernel_start_is_the_image_as_it_lies_in_ram():
    image = make_image(MICROKERNEL, make_payload(MEMBERS))
    assert ImageFile(built()).kernel == image
    assert ImageFile(built()).field("code32_start") == START


def test_file_takes_it_for_a_linux_kernel_called_keelback(tmp_path):
    if shutil.which("file") is None:
        pytest.fail("there is no `file` on this machine: apt-get install -y file")
    (tmp_path / "keelback.img").write_bytes(built())
    said = subprocess.run(["file", "-b", "keelback.img"], cwd=tmp_path, capture_output=True, text=True).stdout
    assert said.startswith("Linux kernel x86 boot executable bzImage, version Keelback ")
    assert f"version {ImageFile(built()).version}, " in said


def test_the_header_is_the_boot_protocols():
    """Read by offsets of the protocol's own text, not by ours."""
    content = built()
    assert content[0x1FE:0x200] == b"\x55\xaa" and content[0x202:0x206] == b"HdrS"
    assert struct.unpack_from("<H", content, 0x206) == (0x020F,)
    assert content[0x200] == 0xEB and 0x202 + content[0x201] == HEADER_END, "the 16-bit entry jumps over the header"
    assert 512 * (1 + content[0x1F1]) == SETUP_SIZE
    assert 16 * struct.unpack_from("<I", content, 0x1F4)[0] == len(content) - SETUP_SIZE
    assert content[0x211] & 1 and struct.unpack_from("<I", content, 0x214) == (START,)
    assert struct.unpack_from("<Q", content, 0x258) == (START,)
    offset, length = struct.unpack_from("<II", content, 0x248)
    assert content[SETUP_SIZE + offset :][:length] == make_payload(MEMBERS)
    [room] = struct.unpack_from("<I", content, 0x260)
    assert room >= len(content) - SETUP_SIZE
    version = 0x200 + struct.unpack_from("<H", content, 0x20E)[0]
    assert content[version:].startswith(b"Keelback ") and b"microkernel layout\0" in content[version:][:VERSION_SIZE]


def test_the_fields_fill_the_header_and_do_not_overlap():
    places = [(field.offset, field.offset + struct.calcsize("<" + field.format)) for field in FIELDS]
    assert places[0][0] == HEADER and places[-1][1] == HEADER_END
    assert all(end == start for (_, end), (start, _) in pairwise(places))


def test_what_pads_the_file_to_16_bytes_is_no_part():
    file = ImageFile(build_image_file(KernelInRam(START, b"\xff" * 101, 90, 4096, "Keelback test")))
    assert len(file.content) == SETUP_SIZE + 112 + UNIT and file.kernel == b"\xff" * 101
    assert file.parts[-1] == Part("payload", SETUP_SIZE + 90, SETUP_SIZE + 101, START + 90)


def test_the_same_contents_make_the_same_bytes_and_others_do_not():
    image = make_image(MICROKERNEL, make_payload(MEMBERS))
    assert make_image_file(MICROKERNEL, image) == built()
    other = make_image_file(MICROKERNEL, make_image(MICROKERNEL, make_payload({"etc/init": b"x"})))
    assert other[SETUP_SIZE:][:0x200] != built()[SETUP_SIZE:][:0x200], "the build id tells them apart"


def test_the_version_text_is_cut_to_its_place():
    file = ImageFile(build_image_file(KernelInRam(START, bytes(64), 32, 4096, "Keelback " + "x" * 99)))
    assert file.version == "Keelback " + "x" * 54


# What is read back.


def test_a_built_file_reads_back():
    kernel = read_image_file(built())
    assert kernel.layout is MICROKERNEL
    assert {member.name: member.content for member in kernel.members} == MEMBERS
    for member in kernel.members:
        assert built()[member.start : member.start + len(member.content)] == member.content
    assert len(kernel.build_id) == 16 and kernel.header["payload_size"] == len(make_payload(MEMBERS))


# What is refused.


def linux(version: bytes) -> bytes:
    """Return the start of a Linux kernel: protocol 2.15, 39 sectors of setup code."""
    content = bytearray(1 << 16)
    content[0x1F1], content[0x1FE:0x200], content[0x202:0x206] = 39, b"\x55\xaa", b"HdrS"
    struct.pack_into("<HxxxxxxH", content, 0x206, 0x020F, 0x3000)
    content[0x3200 : 0x3200 + len(version)] = version
    return bytes(content)


NO_HEADER = "it has no setup header: no 0xaa55 at 0x1fe and HdrS at 0x202"
OTHER_SETUP = "boot sector and setup code take 20,480 bytes by its header; ours take 4,096"
NO_ARCHIVE = "its payload is not an archive as `keelback build` makes one"
KERNEL_HEADER = layout_of(ImageHeader)
OFFSET = PAYLOAD - SETUP_SIZE
TAR = make_payload(MEMBERS)
LENGTH = len(TAR)
END = OFFSET + LENGTH
SIZE = SETUP_SIZE + END + UNIT
BAD_FILES = {
    "empty": (lambda: b"", "it has 0 bytes; boot sector and setup header alone take 1,024"),
    "short": (lambda: built()[:1023], "it has 1,023 bytes; boot sector and setup header alone take 1,024"),
    "ELF": (lambda: b"\x7fELF".ljust(5000, b"\1"), NO_HEADER),
    "boot sector alone": (lambda: built()[:512] + bytes(5000), NO_HEADER),
    "Linux": (lambda: linux(b"6.1.0-13-amd64"), f"{OTHER_SETUP}, and it calls itself '6.1.0-13-amd64'"),
    "Linux with a strange name": (lambda: linux(b"\x1b[31m\xff"), OTHER_SETUP),
    "old protocol": (lambda: changed(version=0x0203), "its boot protocol is 2.3; ours is 2.15"),
    "loaded low": (lambda: changed(loadflags=0), "its field loadflags is 0x0; ours is 0x1"),
    "relocatable": (lambda: changed(relocatable_kernel=1), "its field relocatable_kernel is 0x1; ours is 0x0"),
    "other name": (lambda: named(b"Reelback 7"), "it is another kernel: it calls itself 'Reelback 7'"),
    "strange name": (lambda: named(b"Keelback \n"), "it is another kernel: it calls itself ''"),
    "truncated in setup": (lambda: built()[:1024], f"it is truncated: 1,024 bytes of {SIZE:,}"),
    "truncated": (lambda: built()[:-1], f"it is truncated: {SIZE - 1:,} bytes of {SIZE:,}"),
    "longer": (lambda: built() + b"\0", f"it goes on after its end: {SIZE + 1:,} bytes instead of {SIZE:,}"),
    "other entry": (
        lambda: changed(code32_start=START + 16),
        "it is to be loaded at 0x100000, but entered at 0x100010",
    ),
    "little memory": (
        lambda: changed(init_size=END - 1),
        f"it asks for {END - 1:,} bytes of memory; kernel and payload take {END:,}",
    ),
    "much memory": (
        lambda: changed(init_size=END + (1 << 24)),
        f"it asks for {END + (1 << 24):,} bytes of memory; it needs {room_for(END):,} to start",
    ),
    "payload ends late": (
        lambda: changed(payload_length=LENGTH + 1),
        f"its payload, [{OFFSET:#x}, {END + 1:#x}), ends after the kernel's {END:#x} bytes",
    ),
    "payload far outside": (
        lambda: changed(payload_offset=0xFFFF_FFFF, payload_length=0xFFFF_FFFF),
        f"its payload, [0xffffffff, 0x1fffffffe), ends after the kernel's {END:#x} bytes",
    ),
    "payload ends early": (
        lambda: changed(payload_length=LENGTH - 16),
        f"its payload, [{OFFSET:#x}, {END - 16:#x}), ends before the kernel's {END:#x} bytes",
    ),
    "padding is not zero": (
        lambda: padded_with_ones(),
        "its payload, [0x5a, 0x65), ends before the kernel's 0x70 bytes",
    ),
    "no kernel": (
        lambda: changed(payload_offset=0, payload_length=END),
        f"its kernel is shorter than the {KERNEL_HEADER.size} bytes of the kernel's header",
    ),
    "magic": (lambda: resealed(magic=1), "the magic in its kernel's header is 0x1; ours is 0x4b45454c"),
    "version": (lambda: resealed(version=99), f"the version in its kernel's header is 0x63; ours is {VERSION:#x}"),
    "layout": (lambda: resealed(layout=77), "its kernel is of layout 77 with 2 levels of tables, which we do not know"),
    "loaded elsewhere": (
        lambda: changed(pref_address=0x20_0000, code32_start=0x20_0000),
        "it is loaded at 0x200000; in the microkernel layout that is 0x100000",
    ),
    "payload moved": (
        lambda: changed(payload_offset=OFFSET + 512, payload_length=LENGTH - 512),
        f"its payload starts at {START + OFFSET + 512:#x}; in the microkernel layout that is {START + OFFSET:#x}",
    ),
    "payload sought elsewhere": (
        lambda: resealed(payload=0x1234),
        f"its kernel finds the payload at 0x1234; in the microkernel layout that is {START + OFFSET:#x}",
    ),
    "two payload sizes": (
        lambda: resealed(payload_size=512),
        f"its payload has {LENGTH:,} bytes by the setup header, 512 by the kernel's",
    ),
    "no archive": (lambda: resealed(b"\xff" * 512), NO_ARCHIVE),
    "wrong checksum": (lambda: resealed(b"other"), NO_ARCHIVE),
    "no members": (lambda: resealed(bytes(1024)), NO_ARCHIVE),
    "a huge sparse member": (lambda: resealed(sparse()), NO_ARCHIVE),
    "a folder": (lambda: resealed(tar_header(tarfile.DIRTYPE, 0)), NO_ARCHIVE),
    "a header that names the next, for ever": (lambda: long_chain(b"x"), NO_ARCHIVE),
    "a long name that has a long name, for ever": (lambda: long_chain(b"L"), NO_ARCHIVE),
    "a size that leads back": (lambda: resealed(with_size(b"-0000001000")), NO_ARCHIVE),
    "a size that is no number": (lambda: resealed(with_size(b"0000_000010")), NO_ARCHIVE),
    "a size of more than any file": (lambda: resealed(with_size(b"77777777777")), NO_ARCHIVE),
    "a member that goes on": (lambda: resealed(tar_header(tarfile.REGTYPE, 1 << 30)), NO_ARCHIVE),
}


def padded_with_ones() -> bytes:
    """Return a file with a wrong byte between its payload and the next 16."""
    content = bytearray(build_image_file(KernelInRam(START, b"\xff" * 101, 90, 4096, "Keelback test")))
    content[SETUP_SIZE + 111] = 1
    return bytes(content)


def named(version: bytes) -> bytes:
    """Return the file with another version text."""
    end = SETUP_SIZE - VERSION_SIZE
    return built()[:end] + version.ljust(VERSION_SIZE, b"\0") + built()[SETUP_SIZE:]


def resealed(archive: bytes = b"", **fields: int) -> bytes:
    """Return the file with another start of the payload and other fields in the kernel's header; the build id fits."""
    content = bytearray(built())
    content[PAYLOAD : PAYLOAD + len(archive)] = archive
    return _sealed(content, **fields)


def _sealed(content: bytearray, **fields: int) -> bytes:
    for name, value in fields.items():
        struct.pack_into("<I", content, SETUP_SIZE + KERNEL_HEADER.field(name).offset, value)
    place = SETUP_SIZE + KERNEL_HEADER.field("build_id").offset
    content[place : place + 16] = bytes(16)
    content[place : place + 16] = sha256(content[SETUP_SIZE:-UNIT]).digest()[:16]
    return with_checksum(bytes(content[:-UNIT]))


def tar_header(kind: bytes, size: int) -> bytes:
    """Return the header of a member that this payload does not hold."""
    info = tarfile.TarInfo("etc/init")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT)


def sparse() -> bytes:
    """Return the header of an old GNU sparse member that claims to be 8 GiB long."""
    header = bytearray(tar_header(tarfile.GNUTYPE_SPARSE, 0))
    header[257:265] = b"ustar  \0"
    header[483:495] = b"77777777777\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def with_size(digits: bytes) -> bytes:
    """Return the header of a member of that size, its checksum right."""
    header = bytearray(tar_header(tarfile.REGTYPE, 0))
    header[124:135] = digits
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def long_chain(kind: bytes) -> bytes:
    """Return a file whose payload is headers alone, each of which a reader of archives would read the next for."""
    chain = tar_header(kind, 0) * 3000
    content = bytearray(built()[:PAYLOAD] + chain + bytes(UNIT))
    size = len(content) - SETUP_SIZE
    for name, value in {
        "payload_length": len(chain),
        "syssize": size // 16,
        "init_size": room_for(size - UNIT),
    }.items():
        offset, form = OFFSETS[name]
        struct.pack_into(f"<{form}", content, offset, value)
    return _sealed(content, payload_size=len(chain))


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_by_name(name):
    make, says = BAD_FILES[name]
    with pytest.raises(BadImageFile) as refused:
        read_image_file(make())
    assert str(refused.value) == says


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_no_field_of_the_setup_header_can_change_unnoticed(field):
    value = ImageFile(built()).field(field.name)
    for other in {value ^ 1, value ^ 1 << 8 * struct.calcsize(field.format) - 1}:
        with pytest.raises(BadImageFile):
            read_image_file(changed(**{field.name: other}))


FUZZ = settings(max_examples=300)


@FUZZ
@given(size=st.integers(0, SIZE - 1))
def test_whatever_its_length_a_truncated_file_is_refused_as_such(size):
    with pytest.raises(BadImageFile, match="^it is truncated: |^it has "):
        read_image_file(built()[:size])


def test_the_file_ends_in_the_checksum_that_the_boot_protocol_means():
    """A remainder of 32 bits, bit by bit as the protocol's text has it: with the checksum nothing is left."""
    remainder = 0xFFFF_FFFF
    for byte in built():
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (0xEDB8_8320 if remainder & 1 else 0)
    assert remainder == 0


@FUZZ
@given(place=st.integers(0, SIZE - 1), flip=st.integers(1, 255))
def test_no_byte_can_change_unnoticed(place, flip):
    content = bytearray(built())
    content[place] ^= flip
    with pytest.raises(BadImageFile):
        read_image_file(bytes(content))


@FUZZ
@given(st.data())
def test_a_broken_file_is_refused_or_read_but_breaks_nothing(data):
    """Flip bytes anywhere, most often in the headers and the archive's; the build id is made to fit again or not."""
    likely = st.one_of(
        st.integers(HEADER, HEADER_END), st.integers(SETUP_SIZE, SETUP_SIZE + 64), st.integers(PAYLOAD, SIZE - 1)
    )
    content = bytearray(resealed(data.draw(st.binary(max_size=600))))
    for place in data.draw(st.lists(st.one_of(likely, st.integers(0, SIZE - 1)), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        kernel = read_image_file(bytes(content))
    except BadImageFile as bad:
        assert str(bad).startswith(("it ", "its ", "the ", "boot sector ")) and str(bad).isprintable()
    else:
        assert {each.name: each.content for each in kernel.members} == read_by_tarfile(bytes(content[PAYLOAD:]))


def read_by_tarfile(archive: bytes) -> dict[str, bytes]:
    """Return the members as Python's library sees them: a header with other bytes may have the same checksum."""
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        return {each.name: archive[each.offset_data :][: each.size] for each in tar}


def test_a_member_with_another_name_of_the_same_checksum_is_read_by_it():
    assert [each.name for each in read_image_file(resealed(b"Wg~")).members] == ["Wg~/init", "hello"]


@FUZZ
@given(st.binary(max_size=3000))
def test_random_bytes_are_refused(content):
    with pytest.raises(BadImageFile):
        read_image_file(content)
