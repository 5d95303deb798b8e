"""Libraries are ELF files that run at any address, behind a link page that tells what they export."""

import re
import shutil
import struct
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from keelback.abi.link_page import Export, LinkPage
from keelback.image import link_page
from keelback.image.c_options import OURS
from keelback.image.compact import compact_script
from keelback.image.libraries import LibraryError, build_library
from keelback.image.link_page import make_link_page
from keelback.image.programs import build_program
from keelback.image.python_libraries import build_python_library
from keelback.image.toolchain import NO_WARNINGS, ToolchainError
from keelback.lang import KernelError, Region, Struct, freeze, layout_of, u32
from keelback.user import LIBRARIES, RUNTIME, library
from keelback.user.library import Library, exports_of, make_library
from libraries import Machine, c_library, our_libraries, small_library

BASE = 0x8000000
HERE, THERE = 0x10000000, 0x2ABCD000
R, W, X = 4, 2, 1

STATE = """
static int first = 7;
int zeros[1000];
static const char *const *unused;
EXPORT int add(int by) { zeros[999] += by; return first += by; }
EXPORT int last(void) { return zeros[999] + (unused != NULL); }
"""


def read(elf):
    return ELFFile(BytesIO(elf))


def segments(elf):
    return list(read(elf).iter_segments())


def image_size(elf, start):
    """Return the bytes from an address to the last byte of the last segment."""
    return max(each["p_vaddr"] + each["p_memsz"] for each in segments(elf)) - start


@pytest.mark.parametrize("name", ["libcount", "libgfx"])
def test_a_library_has_a_link_page_code_and_data_and_nothing_else(name):
    elf = read(our_libraries()[name])
    assert (elf["e_type"], elf["e_machine"], elf["e_entry"]) == ("ET_DYN", "EM_386", 0)
    page, text, data = elf.iter_segments()
    assert [each["p_type"] for each in (page, text, data)] == ["PT_LOAD"] * 3
    assert [each["p_flags"] for each in (page, text, data)] == [R, R | X, R | W]
    assert [(each["p_vaddr"], each["p_memsz"]) for each in (page, text)] == [(0, 4096), (0x1000, text["p_memsz"])]
    assert page["p_filesz"] == 4096 and text["p_filesz"] == text["p_memsz"] <= data["p_vaddr"] - 0x1000
    assert data["p_vaddr"] % 4096 == 0 and data["p_memsz"] >= data["p_filesz"] > 0
    for each in (page, text, data):
        assert each["p_offset"] % 4096 == 0


@pytest.mark.parametrize("name", ["libcount", "libgfx"])
def test_readelf_sees_no_dynamic_relocation(name, tmp_path):
    if shutil.which("readelf") is None:
        pytest.fail("readelf is missing: apt-get install binutils")
    (tmp_path / name).write_bytes(our_libraries()[name])
    command = ["readelf", "--wide", "--relocs", "--dynamic", "--file-header", str(tmp_path / name)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    assert re.search(r"Type: +DYN ", shown.stdout)
    assert "There are no relocations in this file." in shown.stdout
    assert "There is no dynamic section in this file." in shown.stdout


@pytest.mark.parametrize("name", ["libcount", "libgfx"])
def test_the_link_page_has_the_functions_offsets_sorted_by_name(name):
    elf = read(our_libraries()[name])
    page = next(elf.iter_segments()).data()
    magic, size, count, unused = struct.unpack_from("<4I", page)
    assert (magic.to_bytes(4, "little"), unused) == (b"LINK", 0)
    assert size == image_size(our_libraries()[name], 0x1000)
    rows = list(struct.iter_unpack("<28sI", page[16 : 16 + 32 * count]))
    assert page[16 + 32 * count :] == bytes(4096 - 16 - 32 * count)
    names = [row[0].rstrip(b"\0").decode() for row in rows]
    assert names == sorted(names)
    symbols = {each.name: each["st_value"] for each in elf.get_section_by_name(".symtab").iter_symbols()}
    prefix = "libgfx_" if name == "libgfx" else ""
    assert [row[1] for row in rows] == [symbols[prefix + each] for each in names]


def test_writer_and_reader_agree_on_the_link_page():
    layout = layout_of(LinkPage)
    assert [each.name for each in layout.fields[:4]] == ["magic", "size", "count", "unused"]
    assert layout.field("exports").offset == link_page.HEAD.size
    assert layout_of(Export).size == link_page.EXPORT.size == 32
    assert layout.size <= link_page.PAGE_SIZE
    header = (RUNTIME / "library.h").read_text()
    assert f"LINK_MAGIC = {link_page.MAGIC:#x}, LINK_NAME_SIZE = {link_page.NAME_SIZE} }}" in header
    missing = int(re.search(r"MISSING_EXPORT = (-\d+)", header)[1])
    assert missing & 0xFFFFFFFF == library.MISSING_EXPORT


def test_the_same_file_runs_at_two_addresses_with_data_of_its_own_at_each():
    machine = Machine()
    for base in (HERE, THERE):
        machine.load(small_library(STATE), base)
    assert [machine.call(HERE, "add", 5), machine.call(HERE, "add", 1)] == [12, 13]
    assert [machine.call(THERE, "add", 100), machine.call(THERE, "last")] == [107, 100]
    assert machine.call(HERE, "last") == 6


def test_our_library_in_c_counts_and_names_wherever_it_is():
    machine = Machine()
    for base in (HERE, THERE):
        machine.load(our_libraries()["libcount"], base)
        assert machine.call(base, "count_next", 5) == 105
        assert machine.call(base, "count_next", -3) == 102
        assert machine.call(base, "count_sum") == 207
        names = [machine.text_at(machine.call(base, "count_name", number)) for number in range(5)]
        assert names == ["zero", "one", "two", "three", "many"]


def test_a_function_that_is_not_marked_is_not_exported():
    elf = small_library("int inner(int n) { return n + 1; }\nEXPORT int outer(int n) { return inner(n); }")
    machine = Machine()
    assert set(machine.exports(machine.load(elf, HERE))) == {"outer"}


def test_a_library_takes_from_the_runtime_only_what_it_uses():
    elf = small_library("EXPORT int length(const char *text) { return (int)strlen(text); }")
    names = {each.name for each in read(elf).get_section_by_name(".symtab").iter_symbols()}
    assert {"length", "strlen"} <= names and not names & {"print", "_start", "main"}


def test_a_library_may_use_the_runtimes_own_data():
    elf = small_library('EXPORT int say(int n) { print("n="); print_number(n); print("\\n"); return n / 3; }')
    machine = Machine()
    assert machine.call(machine.load(elf, THERE), "say", -30) == -10 & 0xFFFFFFFF
    assert machine.written == [b"n=-30\n"]


def test_the_same_source_makes_the_same_bytes_anywhere(tmp_path):
    copy = shutil.copy(LIBRARIES / "libcount.c", tmp_path)
    assert build_library(Path(copy), runtime=RUNTIME, flags=NO_WARNINGS, options=OURS) == our_libraries()["libcount"]


# What is refused


def refusal(folder, text, name="libtest"):
    with pytest.raises(LibraryError) as refused:
        c_library(folder, text, name)
    said = str(refused.value)
    assert said.startswith(f"{folder / name}.c: ") and "\n" not in said
    return said.removeprefix(f"{folder / name}.c: ")


def test_a_table_of_pointers_is_refused_by_its_name(tmp_path):
    table = 'static const char *const names[] = {"a", "b"};\n'
    said = refusal(tmp_path, table + "EXPORT const char *name(unsigned n) { return names[n & 1]; }")
    assert said == "'names' holds an address (a dynamic relocation): constant pointer tables need offsets"


def test_a_pointer_that_the_linker_has_to_make_is_refused_by_its_place(tmp_path):
    word = '__asm__(".pushsection .data\\n.long one\\n.popsection");\n'
    said = refusal(tmp_path, word + "EXPORT int one(void) { return 1; }")
    place = "an address is needed at 0x[0-9a-f]+ \\(a dynamic relocation\\): constant pointer tables need offsets"
    assert re.fullmatch(place, said)


def test_a_switch_of_texts_needs_no_table_of_pointers():
    cases = " ".join(f'case {n}: return "text {n}";' for n in range(9))
    elf = small_library(f'EXPORT const char *name(unsigned n) {{ switch (n) {{ {cases} }} return "more"; }}')
    machine = Machine()
    base = machine.load(elf, THERE)
    assert [machine.text_at(machine.call(base, "name", n)) for n in (0, 8, 9)] == ["text 0", "text 8", "more"]


def test_a_library_without_exports_is_refused(tmp_path):
    assert (
        refusal(tmp_path, "int inner(void) { return 1; }")
        == "it exports nothing; as its name begins with lib, it is a library"
    )


def test_data_is_not_exported(tmp_path):
    said = refusal(tmp_path, "EXPORT int seen = 1;\nEXPORT int one(void) { return 1; }")
    assert said == "export 'seen' is data; only functions are exported"


def functions(count):
    return "\n".join(f"EXPORT int f{number:03}(void) {{ return {number}; }}" for number in range(count))


def test_127_exports_are_the_most(tmp_path):
    machine = Machine()
    base = machine.load(c_library(tmp_path, functions(127)), HERE)
    assert machine.call(base, "f126") == 126
    assert refusal(tmp_path, functions(128)) == "it has 128 exports; 127 are the most"


def test_a_name_has_27_characters_at_most(tmp_path):
    text = "EXPORT int {}(void) {{ return 1; }}"
    machine = Machine()
    base = machine.load(c_library(tmp_path, text.format("x" * 27)), HERE)
    assert machine.call(base, "x" * 27) == 1
    said = refusal(tmp_path, text.format("a_name_of_twenty_eight_chars"))
    assert said == "export 'a_name_of_twenty_eight_chars': a name has at most 27 ASCII characters"
    with pytest.raises(ValueError, match="export 'ü': a name has at most 27 ASCII characters"):
        make_link_page(1, {"ü": 0x1000})


def test_a_source_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        build_library(tmp_path / "libnone.c", runtime=RUNTIME)


def test_an_undefined_function_is_named(tmp_path):
    with pytest.raises(ToolchainError) as refused:
        c_library(tmp_path, "int elsewhere(void);\nEXPORT int one(void) { return elsewhere(); }")
    assert str(refused.value).splitlines()[0] == f"{tmp_path / 'libtest.c'} does not link"
    assert "undefined symbol: elsewhere" in refused.value.diagnostics


# Sizes


def sized(folder, size, text="char space[100]; int main(void) { return space[1] + 2; }"):
    source = folder / "sized.c"
    source.write_text(f'#include "keelback.h"\n{text}\nIMAGE_SIZE({size});\n')
    return build_program(source, runtime=RUNTIME, image_base=BASE)


@pytest.mark.parametrize("size", ["5673", "4096 + 1577", "12420"])
def test_a_program_has_the_size_that_it_fixes(tmp_path, size):
    elf = sized(tmp_path, size)
    text, data = segments(elf)
    assert image_size(elf, BASE) == sum(map(int, size.split("+")))
    assert (text["p_flags"], data["p_flags"]) == (R | X, R | W)
    assert (text["p_vaddr"], data["p_vaddr"]) == (BASE, BASE + 4096)
    machine = Machine()
    machine.start(elf)
    assert machine.status == 2


def test_a_library_has_the_size_that_it_fixes_behind_its_link_page(tmp_path):
    elf = c_library(tmp_path, STATE + "IMAGE_SIZE(6563 + 4096);")
    assert image_size(elf, 0x1000) == 10659
    assert struct.unpack_from("<I", segments(elf)[0].data(), 4) == (10659,)
    assert image_size(our_libraries()["libgfx"], 0x1000) == 6563
    assert segments(our_libraries()["libgfx"])[2]["p_vaddr"] == 0x2000


def test_an_image_larger_than_its_fixed_size_is_refused(tmp_path):
    for build in (
        lambda: sized(tmp_path, 4196),
        lambda: c_library(tmp_path, "char space[200]; EXPORT char *at(void) { return space; }\nIMAGE_SIZE(4196);"),
    ):
        with pytest.raises(ToolchainError) as refused:
            build()
        assert refused.value.diagnostics == "ld.lld: error: the image is larger than its fixed size"


def test_a_compact_image_starts_a_page_too():
    with pytest.raises(ValueError, match="the image base 0x8000010 is not the start of a page"):
        compact_script(0x8000010, "4096")


def test_the_word_image_size_alone_fixes_nothing(tmp_path):
    source = tmp_path / "plain.c"
    source.write_text(
        '#include "keelback.h"\nint image_size = 1;\nint main(void) { print("text"); return image_size; }\n'
    )
    assert len(segments(build_program(source, runtime=RUNTIME, image_base=BASE))) == 3


# In Kernel Python


class Full(KernelError):
    """There is no room left."""

    number = -201


class Total(Struct):
    """A sum."""

    value: u32


class Adder(Library):
    """Adds up to a limit."""

    name = "libadder"

    def __init__(self, records: Region, kernel: None) -> None:
        super().__init__(records, kernel)
        self.total = records.struct(Total)

    def add(self, by: u32) -> u32:
        self.total.value += by
        return self.total.value


class Strict(Adder):
    """Raises."""

    def check(self, value: u32) -> u32:
        if value > 9:
            raise Full
        return value


def python_library(kind):
    made, ram = make_library(kind)
    freeze(made)
    exports = {name: getattr(made, name) for name in exports_of(kind)}
    return build_python_library(Path("libadder.py"), made, ram, exports, runtime=RUNTIME)


def test_kernel_python_has_its_statics_at_each_address_too():
    machine, elf = Machine(), python_library(Adder)
    for base in (HERE, THERE):
        machine.load(elf, base)
    assert [machine.call(HERE, "add", 3), machine.call(HERE, "add", 4), machine.call(THERE, "add", 10)] == [3, 7, 10]


def test_a_method_that_may_raise_is_no_export():
    with pytest.raises(LibraryError) as refused:
        python_library(Strict)
    assert str(refused.value) == "libadder.py: export 'check' may raise an error: return a number instead"


def test_only_public_methods_of_the_librarys_own_classes_are_exports():
    assert list(exports_of(Strict)) == ["add", "check"]
    assert list(exports_of(Library)) == []
