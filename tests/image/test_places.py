"""Source places, against what binutils reads out of the same debug information, and against lines that we set."""

import ast
import re
import shutil
import subprocess
from bisect import bisect_right
from dataclasses import replace
from io import BytesIO
from itertools import combinations
from pathlib import Path

import capstone
import pytest
from elftools.elf.elffile import ELFFile

import keelback.kernel
import keelback.lang
from keelback.image import places
from keelback.image.images import make_image
from keelback.image.kernel_image import ImageTooLarge
from keelback.image.kernels import compiled
from keelback.image.linked import make_symbols
from keelback.image.places import build_table
from keelback.image.toolchain import compile_c, link_elf
from keelback.inspect.source_places import source_places
from keelback.kernel.calls.places import TABLE_MAGIC, CodeRange, Place, Places, TableStart
from keelback.kernel.layout import MICROKERNEL
from keelback.lang import Ram, Region, layout_of, text_of

BASE = 0x10_0000
ALL = "SECTIONS { . = 0x100000; .text : { *(.text*) } }"
DWARF = ("-gdwarf-4", "-gdwarf-5")


def compile_all(folder, sources, *flags):
    """Return the objects of C sources, given by file name, in that order."""
    for name, text in sources.items():
        (folder / name).write_text(text)
    return {name + ".o": compile_c(folder / name, flags=flags) for name in sources}


def built(folder, sources, *flags, script=ALL):
    """Return the ELF file of C sources."""
    return link_elf(compile_all(folder, sources, *flags), script)


def chain(place):
    """Return file, function and line of a place and of those that it was inlined at."""
    found = []
    while place is not None:
        found.append((place.file.rpartition("/")[2], place.function, place.line))
        place = place.caller
    return found


class Map:
    """Source places by address."""

    def __init__(self, elf):
        self.places = source_places(elf)
        self.starts = [start for start, _ in self.places]
        assert self.starts == sorted(set(self.starts))

    def at(self, address):
        index = bisect_right(self.starts, address) - 1
        return self.places[index][1] if index >= 0 else None


def by_binutils(elf, addresses, folder):
    """Return what addr2line says of addresses, lines of C and unknown ones left out."""
    if shutil.which("addr2line") is None:
        pytest.fail("there is no addr2line on this machine: apt-get install -y binutils")
    (folder / "elf").write_bytes(elf)
    given = "".join(f"{address:#x}\n" for address in addresses)
    command = ["addr2line", "-a", "-i", "-f", "-e", str(folder / "elf")]
    lines = subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout.splitlines()
    found = {}
    while lines:
        head = lines.pop(0)
        if head.startswith("0x"):
            known = found[int(head, 16)] = []
        else:
            file, _, line = lines.pop(0).partition(" (discriminator")[0].rpartition(":")
            if not file.endswith((".c", "??")):
                known.append((file.rpartition("/")[2], head, int(line) if line.isdecimal() else 0))
    return found


def code_of(elf):
    """Return start and end of an ELF file's text."""
    text = ELFFile(BytesIO(elf)).get_section_by_name(".text")
    return text["sh_addr"], text["sh_addr"] + text["sh_size"]


def functions_of(elf):
    """Return [start, end) of every C function, by name."""
    symbols = ELFFile(BytesIO(elf)).get_section_by_name(".symtab").iter_symbols()
    return {
        each.name: (each["st_value"], each["st_value"] + each["st_size"])
        for each in symbols
        if each["st_info"]["type"] == "STT_FUNC" and each["st_size"]
    }


INLINED = """\
int seen(int); void note(int);
#line 10 "keelback/kernel/inner.py"
static __attribute__((always_inline)) int innermost(int value)
{
#line 12 "keelback/kernel/inner.py"
    return seen(value) + 3;
}
#line 40 "keelback/lang/middle.py"
static __attribute__((always_inline)) int middle(int value)
{
#line 42 "keelback/lang/middle.py"
    note(value);
#line 43 "keelback/lang/middle.py"
    return innermost(value + 1) * 5;
}
#line 100 "keelback/kernel/outer.py"
int outer(int value)
{
#line 105 "keelback/kernel/outer.py"
    int first = middle(value);
#line 106 "keelback/kernel/outer.py"
    note(first);
#line 107 "keelback/kernel/outer.py"
    return first + innermost(first);
}
#line 200 "keelback/kernel/outer.py"
int last(int value)
{
#line 201 "keelback/kernel/outer.py"
    for (int i = 0; i < value; i++)
#line 202 "keelback/kernel/outer.py"
        note(i ? innermost(i) : value);
#line 203 "keelback/kernel/outer.py"
    return value;
}
"""
CALLED = """\
int counted;
#line 7 "keelback/kernel/called.py"
__attribute__((noinline)) int seen(int value) { return value * counted; }
#line 9 "keelback/kernel/called.py"
__attribute__((noinline)) void note(int value) { counted += value; }
"""
DATA = "SECTIONS { . = 0x100000; .text : { *(.text*) } . = 0x200000; .bss : { *(.bss*) *(.data*) } }"
CHAINS = {
    (("inner.py", "innermost", 12), ("middle.py", "middle", 43), ("outer.py", "outer", 105)),
    (("inner.py", "innermost", 12), ("outer.py", "outer", 107)),
    (("inner.py", "innermost", 12), ("outer.py", "last", 202)),
    (("middle.py", "middle", 42), ("outer.py", "outer", 105)),
    (("outer.py", "outer", 106),),
    (("outer.py", "outer", 107),),
    (("outer.py", "last", 202),),
    (("called.py", "seen", 7),),
    (("called.py", "note", 9),),
}


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Return the same program with debug information of two versions of DWARF."""
    folder = tmp_path_factory.mktemp("c")
    return [built(folder, {"a.c": INLINED, "b.c": CALLED}, flag, script=DATA) for flag in DWARF]


@pytest.fixture(scope="module")
def inlined(versions):
    return versions[0]


def test_inlined_functions_are_chains_of_the_lines_that_we_set(versions):
    for elf in versions:
        assert {tuple(chain(place)) for _, place in source_places(elf)} >= CHAINS


def test_every_byte_of_code_has_the_chain_that_binutils_tells(inlined, tmp_path):
    places = Map(inlined)
    where = [address for start, end in functions_of(inlined).values() for address in range(start, end)]
    assert len(where) > 100
    assert {address: chain(places.at(address)) for address in where} == by_binutils(inlined, where, tmp_path)


def test_both_versions_of_dwarf_tell_the_same(versions):
    """The second has no oracle: addr2line takes the first rows of its line table for another file's."""
    older, newer = versions
    assert code_of(older) == code_of(newer)
    assert source_places(older) == source_places(newer)


def test_outside_of_code_nobody_knows(inlined):
    start, end = code_of(inlined)
    places = Map(inlined)
    assert [places.at(address) for address in (0, start - 1, end, end + 1000, 0xFFFF_FFFF)] == [None] * 5


GENERATED = """\
void port(int);
static __attribute__((always_inline)) void helper(int value) { port(value); }
__attribute__((noinline)) void made_up(int value) { helper(value); helper(value + 1); }
#line 30 "keelback/kernel/user.py"
void user(int value)
{
#line 31 "keelback/kernel/user.py"
    port(1);
#line 99 "compiled/kernel.c"
    helper(2);
#line 33 "keelback/kernel/user.py"
    made_up(value);
}
"""
PORT = """\
#line 5 "keelback/kernel/port.py"
__attribute__((noinline)) void port(int value) { __asm__ volatile("nop" : : "r"(value)); }
"""


def test_code_that_the_compiler_made_up_is_left_out(tmp_path):
    elf = built(tmp_path, {"a.c": GENERATED, "b.c": PORT})
    places = Map(elf)
    start, end = functions_of(elf)["made_up"]
    assert {places.at(address) for address in range(start, end)} == {None}
    start, end = functions_of(elf)["user"]
    found = {each for address in range(start, end) for each in chain(places.at(address))}
    assert found >= {("user.py", "user", 31), ("user.py", "user", 33)}
    assert {file for file, _, _ in found} == {"user.py"} and not {99, 100} & {line for _, _, line in found}


def sixteen(name, line):
    """Return a function that has 16 bytes and one line."""
    body = '{ __asm__(".fill 15, 1, 0x90; ret"); }'
    return f'#line {line} "keelback/kernel/{name}.py"\n__attribute__((naked)) void {name}(void) {body}\n'


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory):
    return compile_all(tmp_path_factory.mktemp("c"), {"one.c": sixteen("one", 11), "two.c": sixteen("two", 22)})


@pytest.mark.parametrize("names", ["one two", "two one"])
@pytest.mark.parametrize("linked", ["one two", "two one"])
def test_where_one_file_ends_the_next_begins_however_they_are_ordered(neighbours, names, linked):
    first, second = names.split()
    script = f"SECTIONS {{ . = {BASE}; .text : {{ *{first}.c.o(.text) *{second}.c.o(.text) }} }}"
    elf = link_elf({f"{name}.c.o": neighbours[f"{name}.c.o"] for name in linked.split()}, script)
    lines = {"one": 11, "two": 22}
    assert [(start, chain(place)) for start, place in source_places(elf)] == [
        (BASE, [(f"{first}.py", first, lines[first])]),
        (BASE + 16, [(f"{second}.py", second, lines[second])]),
        (BASE + 32, []),
    ]


def test_sections_of_one_file_may_lie_in_any_order(tmp_path):
    source = sixteen("a", 1) + sixteen("bb", 2) + sixteen("ccc", 3)
    script = f"SECTIONS {{ . = {BASE}; .text : {{ *(.text.ccc) *(.text.a) *(.text.bb) }} }}"
    elf = built(tmp_path, {"a.c": source}, "-ffunction-sections", script=script)
    assert [(start, chain(place)) for start, place in source_places(elf)] == [
        (BASE, [("ccc.py", "ccc", 3)]),
        (BASE + 16, [("a.py", "a", 1)]),
        (BASE + 32, [("bb.py", "bb", 2)]),
        (BASE + 48, []),
    ]


# The table, as the kernel reads it.


def table_of(elf, address):
    layouts = {"start": layout_of(TableStart), "code": layout_of(CodeRange), "place": layout_of(Place)}
    return build_table(elf, address, magic=TABLE_MAGIC, **layouts)


class Reader:
    """The kernel's own reader, over RAM that has a table where the layout says."""

    def __init__(self, table):
        self.ram = Ram(MICROKERNEL.records_end)
        self.ram.bytes[MICROKERNEL.places : MICROKERNEL.places + len(table)] = table
        self.places = Places(Region(self.ram, MICROKERNEL.text_end, MICROKERNEL.records_limit), MICROKERNEL)
        self.places.start()

    def chain(self, address):
        found, number = [], self.places.find(address)
        while number:
            place = self.places.table[number - 1]
            file, function = (text_of(self.places.name(each).text) for each in (place.file, place.function))
            found.append((file, function, place.line))
            number = place.caller
        return found


def test_the_kernel_reads_what_was_written(inlined):
    places, reader = Map(inlined), Reader(table_of(inlined, MICROKERNEL.places))
    start, end = code_of(inlined)
    for address in (0, *range(start - 2, end + 3), 0xFFFF_FFFF):
        assert reader.chain(address) == chain(places.at(address)), hex(address)


def test_a_line_that_16_bits_cannot_say_is_none_and_no_other(tmp_path):
    far = CALLED.replace("#line 7 ", "#line 65535 ").replace("#line 9 ", "#line 65536 ")
    elf = built(tmp_path, {"b.c": far}, DWARF[0], script=DATA)
    reader, (start, end) = Reader(table_of(elf, MICROKERNEL.places)), code_of(elf)
    told = {step for address in range(start, end) for step in reader.chain(address)}
    assert {(function, line) for _, function, line in told} == {("seen", 65535), ("note", 0)}


def test_without_a_table_nobody_knows():
    reader = Reader(b"")
    assert reader.chain(0) == reader.chain(MICROKERNEL.kernel_start) == reader.chain(0xFFFF_FFFF) == []


def test_a_place_stands_in_the_table_once(inlined):
    table = table_of(inlined, MICROKERNEL.places)
    reader = Reader(table)
    rows = [(each.file, each.function, each.line, each.caller) for each in reader.places.table]
    assert len(rows) == len(set(rows)) and table.count(b"innermost\0") == 1
    assert all(each.caller <= len(rows) for each in reader.places.table)


# The kernel's own.


@pytest.fixture(scope="module")
def kernel():
    return make_symbols(MICROKERNEL, compiled(MICROKERNEL))


def calls(elf):
    """Return the return address of every call in compiled functions and in entry code."""
    start, _ = code_of(elf)
    content = ELFFile(BytesIO(elf)).get_section_by_name(".text").data()
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32)
    for name, (first, end) in functions_of(elf).items():
        for address, size, operation, _ in disassembler.disasm_lite(content[first - start : end - start], first):
            if operation == "call":
                yield name, address + size


def sources():
    """Return how many lines each source file has, and those of each function, by the file's name.

    A generator's are listed with no name: they become part of whoever loops over it.
    """
    folders = [Path(part.__file__).parent for part in (keelback.kernel, keelback.lang)]
    lines, functions = {"entry.S": len((folders[0] / "x86" / "entry.S").read_text().splitlines())}, {}
    for file in (each for folder in folders for each in sorted(folder.rglob("*.py"))):
        text = file.read_text()
        lines[file.name] = max(lines.get(file.name, 0), len(text.splitlines()))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                yields = any(isinstance(each, ast.Yield) for each in ast.walk(node))
                first = min(each.lineno for each in (node, *node.decorator_list))  # as Python's code says
                where = range(first, node.end_lineno + 1)
                functions.setdefault(file.name, []).append(("" if yields else node.name.strip("_"), where))
    return lines, functions


def test_every_call_of_the_kernel_has_places_in_files_that_exist(kernel):
    places, (lines, _), reader = Map(kernel), sources(), Reader(table_of(kernel, MICROKERNEL.places))
    found = [(name, address, places.at(address - 1)) for name, address in calls(kernel)]
    assert len(found) > 500
    unknown = [(name, hex(address)) for name, address, place in found if place is None]
    made_up = ("_put_text", "_put_number")
    assert all(name.endswith(made_up) for name, _ in unknown), "only what the compiler itself made up has no source"
    for _, address, place in found:
        assert reader.chain(address - 1) == chain(place)
        for file, _, line in chain(place):
            assert 0 <= line <= lines[file], (hex(address), file, line)


def is_named(function, name):
    """Say whether a function in C was made from a source function of a name."""
    plain = re.sub(r"_[0-9]+$", "", function)  # what makes a name in C the only one, or is part of it
    return plain.endswith(name) or function.endswith(name)


def test_lines_are_lines_of_their_functions_but_for_instructions_that_were_moved(kernel):
    """The C compiler moves some over the edges of what it inlined; and a call that may raise is a line too low.

    Of the first, most have a line of a function that theirs is inlined in, or that is inlined in theirs.
    """
    _, functions = sources()
    chains = [chain(place) for _, place in source_places(kernel)]
    near = {}
    for inner, outer in {(a[1], b[1]) for steps in chains for a, b in combinations(steps, 2)}:
        near.setdefault(inner, set()).add(outer)
        near.setdefault(outer, set()).add(inner)
    found = [step for steps in chains for step in steps if step[0].endswith(".py") and step[2]]
    moved, odd = [], []
    for file, function, line in found:
        owners = [name for name, where in functions[file] if line in where]
        if not any(is_named(function, name) for name in owners):
            is_near = any(is_named(each, name) for name in owners for each in near.get(function, ()))
            (moved if is_near else odd).append((file, function, line))
    assert len(found) > 5000 and len(moved) < len(found) / 80, moved
    assert len(odd) < len(found) / 120, odd


def test_the_kernels_places_are_those_that_binutils_tells(kernel, tmp_path):
    places = Map(kernel)
    inside = sorted(functions_of(kernel).values())
    where = [start for start in places.starts if any(first <= start < end for first, end in inside)]
    assert len(where) > 1000
    expected = by_binutils(kernel, where, tmp_path)
    assert {address: chain(places.at(address)) for address in where} == {each: expected[each] for each in where}


def test_the_kernels_table_fits_with_room_to_grow(kernel):
    table = table_of(kernel, MICROKERNEL.places)
    assert len(table) < (MICROKERNEL.text_end - MICROKERNEL.places) * 4 // 5
    assert len(Reader(table).places.table) < 1 << 15
    image = make_image(MICROKERNEL, b"", compiled(MICROKERNEL))
    assert image[MICROKERNEL.places - MICROKERNEL.kernel_start :].startswith(table)
    names = {each for _, place in source_places(kernel) for step in chain(place) for each in step[:2]}
    assert max(map(len, names)) < 64, "with its end it fits a record"


def test_a_table_that_does_not_fit_is_refused():
    small = replace(MICROKERNEL, text_end=MICROKERNEL.places + 4096)
    with pytest.raises(ImageTooLarge, match=r"the table of source places has [0-9,]+ bytes; there is room for 4,096"):
        make_image(small, b"", compiled(MICROKERNEL))


def test_names_that_no_place_can_say_are_refused(monkeypatch, inlined):
    monkeypatch.setattr(places, "MOST_TEXTS", 20)
    with pytest.raises(ImageTooLarge, match=r"the table of source places, of names alone, has [0-9]+ bytes; there is"):
        table_of(inlined, MICROKERNEL.places)


def test_an_image_for_an_interpreted_kernel_has_no_table():
    image = make_image(MICROKERNEL, b"")
    start, end = (address - MICROKERNEL.kernel_start for address in (MICROKERNEL.places, MICROKERNEL.text_end))
    assert not any(image[start:end])
