"""The command line: every option, good and bad, against a parser of our own, in both lives."""

import re
import struct
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keelback.abi.errors import BadArgument, NoSuchProgram
from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.kernel.boot.boot_parameters import BootParameters
from keelback.kernel.boot.options import LINE_SIZE, Options
from keelback.kernel.devices.console import Sink
from keelback.kernel.layout import MICROKERNEL
from keelback.lang import Ram, Region, TextSink, layout_of, text_of
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.simulated.boot_loader import COMMAND_LINE, PARAMETERS
from keelback.machine.simulated.compiled import CompiledPc
from support import MIB, code_program, make_pc, payload_programs

LONGEST = LINE_SIZE - 1
PAGE = 4096
ALL_FRAMES = 1 << 20
UNITS = {b"": 1, b"K": 1 << 10, b"M": 1 << 20, b"G": 1 << 30}
SINKS = {b"serial": Sink.SERIAL, b"screen": Sink.SCREEN, b"both": Sink.BOTH}
STOP = {"stop": code_program("b803000000 31db cd80")}


# The parser that the kernel's is compared with.


class Told(NamedTuple):
    """What a command line says, and the words that were ignored."""

    init: bytes = b""
    frames: int = ALL_FRAMES
    sink: Sink = Sink.BOTH
    reports: tuple[str, ...] = ()


def unquoted(text):
    if text[:1] != b'"':
        return text
    return text[1:-1] if len(text) > 1 and text.endswith(b'"') else text[1:]


def parsed(line):
    """Return what a command line says, by regular expressions."""
    told = Told()
    for word in re.findall(rb'(?:[^ "]|"[^"]*(?:"|\Z))+', line[:LONGEST].partition(b"\0")[0]):
        name, _, value = unquoted(word).partition(b"=")
        value = unquoted(value)
        if name == b"BOOT_IMAGE":
            continue
        if name == b"init" and re.match(b"[^ ]", value):
            told = told._replace(init=value)
        elif name == b"console" and value in SINKS:
            told = told._replace(sink=SINKS[value])
        elif name == b"memory" and frames_of(value):
            told = told._replace(frames=min(frames_of(value), ALL_FRAMES))
        else:
            problem = "has a wrong value" if name in (b"init", b"console", b"memory") else "is unknown"
            shown = re.sub(rb"[^ -~]", b"?", word).decode()
            told = told._replace(reports=(*told.reports, f"keelback: option {shown} {problem}; ignored"))
    return told


def frames_of(value):
    found = re.fullmatch(b"([0-9]+)([KMG]?)", value)
    return int(found[1]) * UNITS[found[2]] // PAGE if found else 0


# The kernel's options alone, without a machine.


class Notes(TextSink):
    """Keeps what is written."""

    def __init__(self):
        self.text = bytearray()

    def put(self, byte):
        self.text.append(byte)


def point_at_line(content, line):
    """Put a command line into a machine's RAM, as it is, and let the boot parameters name it."""
    content[COMMAND_LINE : COMMAND_LINE + len(line)] = line
    place = PARAMETERS + layout_of(BootParameters).field("command_line").offset
    struct.pack_into("<I", content, place, COMMAND_LINE)


def told_by_kernel(line):
    ram = Ram(0x4_0000)
    options, notes = Options(Region(ram, 0x2_0000, 0x3_0000), ALL_FRAMES), Notes()
    point_at_line(ram.bytes, line)
    options.start(PARAMETERS, PAGE)
    told = values_of(options)
    options.report(notes)
    assert values_of(options) == told, "to report changes nothing"
    return told._replace(reports=tuple(notes.text.decode("ascii").split("\n")[:-1]))


def values_of(options):
    values = options.values
    init = bytes(options.line)[values.init_start : values.init_end]
    return Told(init, options.most_frames(), Sink(values.sink))


GOOD = {
    "": Told(),
    "     ": Told(),
    "init=hello": Told(init=b"hello"),
    'init="hello you"': Told(init=b"hello you"),
    'init="hello"': Told(init=b"hello"),
    'init="hello you': Told(init=b"hello you"),
    '"init=hello you"': Told(init=b"hello you"),
    "init=hello  init=ping": Told(init=b"ping"),
    "init=hello init=": Told(init=b"hello", reports=("keelback: option init= has a wrong value; ignored",)),
    "memory=8M": Told(frames=2048),
    "memory=4096": Told(frames=1),
    "memory=8191": Told(frames=1),
    "memory=16K memory=1G": Told(frames=1 << 18),
    "memory=4G": Told(frames=ALL_FRAMES),
    "memory=4294967295": Told(frames=ALL_FRAMES - 1),
    "memory=4294967296": Told(frames=ALL_FRAMES),
    "memory=" + "9" * 200: Told(frames=ALL_FRAMES),
    "memory=" + "9" * 200 + "G": Told(frames=ALL_FRAMES),
    "memory=" + "0" * 100 + "8M": Told(frames=2048),
    "console=serial": Told(sink=Sink.SERIAL),
    "console=screen": Told(sink=Sink.SCREEN),
    "console=screen console=both": Told(sink=Sink.BOTH),
    'console="serial"': Told(sink=Sink.SERIAL),
    'console=serial console="both': Told(sink=Sink.BOTH),
    "memory=8K M": Told(frames=2, reports=("keelback: option M is unknown; ignored",)),
    "BOOT_IMAGE=/boot/keelback.img console=serial": Told(sink=Sink.SERIAL),
    "BOOT_IMAGE": Told(),
    '  memory=8M init="ping 3"   console=screen ': Told(b"ping 3", 2048, Sink.SCREEN),
}


@pytest.mark.parametrize("line", GOOD)
def test_an_option_says_what_it_should(line):
    assert told_by_kernel(line.encode()) == parsed(line.encode()) == GOOD[line]


UNKNOWN = (
    "quiet", "=", "=hello", "Init=hello", "init2=hello", "ini=hello", "memory\t=8M", '""', '"', '"a b"',
    "BOOT_IMAGEs=x", "a" * 15 + "=1", "a" * 16 + "=1", "consoleconsoleconsole=both", 'sp"a c"e=1', "init:hello", '"\'=',
)  # fmt: skip
WRONG = (
    "init", "init=", 'init=""', 'init="', 'init=" hello"', "memory", "memory=", "memory=0", "memory=4095", "memory=M",
    "memory=8m", "memory=8T", "memory=8MM", "memory=8M8", "memory=0x100000", "memory=-8M", "memory=+8M", "memory=0G",
    "memory=3K", "console", "console=", "console=ttyS0", "console=Serial", "console=serials", "console=scree",
    "console=serial,screen", 'console=" both"', "console=\"both\"'",
)  # fmt: skip


@pytest.mark.parametrize("word", UNKNOWN)
def test_what_is_no_option_is_reported_and_changes_nothing(word):
    shown = word.replace("\t", "?")
    expected = Told(reports=(f"keelback: option {shown} is unknown; ignored",))
    assert told_by_kernel(word.encode()) == parsed(word.encode()) == expected


@pytest.mark.parametrize("word", WRONG)
def test_a_wrong_value_is_reported_and_changes_nothing(word):
    expected = Told(reports=(f"keelback: option {word} has a wrong value; ignored",))
    assert told_by_kernel(word.encode()) == parsed(word.encode()) == expected


def test_bytes_that_are_not_printable_ascii_are_shown_as_question_marks():
    told = told_by_kernel("größe=8M\x7f\x01\t\nx memory=8M".encode())
    assert told.reports == ("keelback: option gr????e=8M????x is unknown; ignored",) and told.frames == 2048


def test_the_longest_line_is_taken_to_its_end():
    line = b"x" * (LONGEST - 11) + b" memory=16M"
    assert len(line) == LONGEST
    assert told_by_kernel(line).frames == 4096


@pytest.mark.parametrize("rest", [b"", b"M", b"G" * 3000])
def test_a_line_without_an_end_is_cut_where_the_room_ends(rest):
    """Nothing after the last byte that fits counts, whether or not a zero ever comes."""
    line = b"console=serial " + b" " * (LONGEST - 15 - 10) + b"memory=16K" + rest
    assert told_by_kernel(line)[1:3] == (4, Sink.SERIAL)


def test_what_follows_a_zero_byte_is_no_part_of_the_line():
    assert told_by_kernel(b"memory=8M\0 console=serial") == Told(frames=2048)


def test_without_a_command_line_nothing_is_said():
    ram = Ram(0x4_0000)
    options = Options(Region(ram, 0x2_0000, 0x3_0000), ALL_FRAMES)
    options.start(PARAMETERS, 0)
    assert not any(ram.bytes[0x2_0000:0x3_0000]) and options.most_frames() == ALL_FRAMES


PIECES = st.sampled_from(
    [b"init", b"memory", b"console", b"BOOT_IMAGE", b"=", b"=", b"=", b'"', b'"', b" ", b" ", b"serial", b"screen",
     b"both", b"0", b"7", b"4096", b"99999999999", b"K", b"M", b"G", b"hello", b"\0", b"\xff", b"\n"]
)  # fmt: skip
LINES = st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=60).map(b"".join))


@settings(max_examples=400)
@given(LINES)
@example(b'init="' + b"a" * 300)
@example(b"memory=" + b"1" * 300)
def test_any_line_means_what_our_own_parser_says(line):
    assert told_by_kernel(line) == parsed(line)


# Whole machines.


def compiled_pc(*lines, programs=STOP, memory=8 * MIB):
    members = {"etc/init": "".join(line + "\n" for line in lines).encode(), **programs}
    return CompiledPc(MICROKERNEL, make_image(MICROKERNEL, make_payload(members), compiled(MICROKERNEL)), memory=memory)


def both_lives(command_line, *lines, programs=STOP, memory=8 * MIB):
    """Return an interpreted and a compiled machine with a command line of bytes, not booted."""
    first = make_pc(*lines, programs=programs, memory=memory, check=False)
    machines = first, compiled_pc(*lines, programs=programs, memory=memory)
    for pc in machines:
        point_at_line(pc.ram.bytes, command_line)
    return machines


def run_both(command_line, *lines, **options):
    """Run both lives to their end with equal RAM after every trap; return the console's lines and a machine."""
    first, second = both_lives(command_line, *lines, **options)
    assert compare(first, second).difference is None
    assert first.kernel.options.values.sink == second.kernel.options.values.sink
    return second.console.decode("ascii").splitlines(), second


LIVED = (
    b"", b"init=stop", b'init="stop me" memory=7M', b"console=serial x", b"console=screen y", b"memory=99999999999G",
    b"quiet \xc3\xb6 memory=M init= console=", b'"init=stop you', b"BOOT_IMAGE=/k console=both memory=6144K",
    b"a " * 127 + b"b", b"x" * 255, bytes(range(1, 256)) * 2, b'"' * 255, b"=" * 300,
)  # fmt: skip


@pytest.mark.parametrize("line", LIVED)
def test_both_lives_take_a_line_alike_and_as_our_own_parser(line):
    console, pc = run_both(line, "stop")
    told, values = parsed(line), pc.kernel.options.values
    assert bytes(pc.kernel.options.line)[values.init_start : values.init_end] == told.init
    assert (pc.kernel.options.most_frames(), values.sink) == (told.frames, told.sink)
    assert pc.outcome is Outcome.POWERED_OFF
    if told.sink != Sink.SCREEN:
        assert tuple(each for each in console if each.startswith("keelback: option ")) == told.reports


@settings(max_examples=15)
@given(LINES)
def test_both_lives_take_any_line_alike(line):
    first, second = both_lives(line)
    assert compare(first, second).difference is None
    assert first.outcome is second.outcome
    too_little = parsed(line).frames * PAGE < first.kernel.memory.bounds.region_top
    assert first.outcome is (Outcome.REFUSED if too_little else Outcome.POWERED_OFF)


def test_reports_follow_the_greeting():
    console, _ = run_both(b'quiet console="a b" memory=8M', "stop")
    assert console[0].startswith("keelback: microkernel layout, ")
    assert console[1:] == [
        "keelback: option quiet is unknown; ignored",
        'keelback: option console="a b" has a wrong value; ignored',
    ]


def test_no_frame_from_the_limit_on_is_used_or_has_a_record():
    console, pc = run_both(b"memory=6M", "stop", memory=16 * MIB)
    frames = pc.kernel.memory.frames
    assert len(frames.table) == pc.kernel.memory.kernel_map.end() == 6 * MIB // PAGE
    assert pc.kernel.memory.bounds.region_top <= 6 * MIB
    unlimited, _ = run_both(b"", "stop", memory=6 * MIB)
    assert console == unlimited, "as much is free as in a machine that has no more"
    assert not any(pc.ram.bytes[6 * MIB :])


def test_a_limit_beyond_memory_changes_nothing():
    for line in (b"memory=8M", b"memory=3G", b"memory=4G", b"memory=99999999999999999999G"):
        console, pc = run_both(line, "stop")
        assert console == run_both(b"", "stop")[0] and len(pc.kernel.memory.frames.table) == 2048


def test_a_limit_that_leaves_too_little_is_refused_in_both_lives():
    first, second = both_lives(b"memory=2M", "stop")
    assert compare(first, second).difference is None
    assert first.outcome is second.outcome is Outcome.REFUSED
    start = "keelback: can't start. There is not enough memory: from 0x100000 on it ends at 0x200000, and 0x"
    assert second.console.decode().startswith(start)


def test_init_starts_that_program_and_nothing_else():
    console, pc = run_both(b'init="ping 2"', "hello", "pong", programs=payload_programs())
    assert console[1:] == ["ping 1", "ping 2"]
    assert [text_of(each.name) for each in list(pc.kernel.processes.table)[1:3]] == ["ping", ""]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"init=hello", ""),
        (b'init="hello"', ""),
        (b'init="hello a  b "', ", and I was told: a  b "),
        (b'"init=hello a b"', ", and I was told: a b"),
        (b'init="hello  you', ", and I was told:  you"),
        (b'init="hello ' + b"x" * 230 + b'"', ", and I was told: " + "x" * 230),
    ],
)
def test_init_gives_its_argument(line, told):
    console, _ = run_both(line, programs=payload_programs())
    assert console[1:] == [f"hello: I am process 1{told}"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"init=nobody", f"keelback: can't start nobody. {NoSuchProgram.sentence}"),
        (b"init=etc/init2", f"keelback: can't start etc/init2. {NoSuchProgram.sentence}"),
        (b"init=" + b"n" * 40, f"keelback: can't start {'n' * 31}. {BadArgument.sentence}"),
        (b'init=stop" me"', f"keelback: can't start stop\". {NoSuchProgram.sentence}"),
        (b"init=\xc3\xb6", f"keelback: can't start ??. {NoSuchProgram.sentence}"),
        (b"init=etc/init", "keelback: can't start etc/init. The file is not a whole ELF file."),
    ],
)
def test_a_program_that_init_can_t_start_is_reported(line, says):
    console, pc = run_both(line, "stop")
    assert console[1:] == [says]
    assert pc.kernel.processes.counts.alive == 0
