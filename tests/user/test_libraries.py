"""Programs find what a library exports and call it, in C and in Kernel Python; a bare processor runs them."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from keelback.abi.link_page import LinkPage
from keelback.abi.records import ArgumentText
from keelback.cli.ours import build_python
from keelback.image.link_page import make_link_page
from keelback.image.python_libraries import build_python_library
from keelback.image.python_programs import build_python_program
from keelback.lang import Ram, Region, freeze, i8, i16, i32, u8, u64, view, word
from keelback.user import RUNTIME
from keelback.user.calls import Kernel
from keelback.user.in_cpython import RECORDS_END, PythonKernel, make_program
from keelback.user.libraries.libgfx import BAD_ARGUMENT, Gfx
from keelback.user.library import MISSING_EXPORT, Library, Link, exports_of, make_library
from keelback.user.system import Program, failed
from libraries import Machine, our_libraries
from support import c_program

BASE = 0x8048000
PLACE = 0x20000000
NO_SUCH_LIBRARY = 0xFFFF_FFF3


# libgfx in CPython


def drawn(*calls):
    """Return what each call wrote, and the results, of calls `(name, arguments)`."""
    kernel = PythonKernel()
    gfx, ram = make_library(Gfx, kernel)
    freeze(gfx)
    written, results = [], []
    for name, *arguments in calls:
        if name == "text":
            row, column, text = arguments
            place = view(ram, ArgumentText, RECORDS_END - 256)
            place.text.set_text(text)
            arguments = [row, column, place]
        start = len(kernel.written)
        results.append(getattr(gfx, name)(*arguments))
        written.append(bytes(kernel.written[start:]))
    return written, results


def test_a_box_is_a_frame_and_each_row_of_it_finds_its_own_place():
    [box], [result] = drawn(("box", 2, 10, 3, 4))
    assert box == b"\x1b[2;10H+--+\x1b[3;10H|  |\x1b[4;10H+--+" and result == 0


def test_a_colour_is_set_before_and_given_back_after_what_is_drawn():
    written, results = drawn(("colour", 1, 4), ("text", 25, 78, "words"))
    assert written == [b"", b"\x1b[25;78H\x1b[31;44mwor\x1b[0m"] and results == [0, 0]


def test_text_cannot_move_the_cursor():
    assert drawn(("text", 1, 1, "a\nb\x1b[2Jc"))[0] == [b"\x1b[1;1Ha b [2Jc"]


@pytest.mark.parametrize(
    "call",
    [("box", 0, 1, 1, 1), ("box", 1, 0, 1, 1), ("box", 25, 1, 2, 1), ("box", 1, 80, 1, 2), ("box", 1, 1, 0, 1)]
    + [("text", 26, 1, "x"), ("text", 1, 81, "x"), ("colour", 8, 0), ("colour", 0, 8), ("box", 1, 1, 2**32 - 1, 1)],
)
def test_what_does_not_fit_the_screen_is_refused_and_draws_nothing(call):
    assert drawn(call) == ([b""], [BAD_ARGUMENT])


def test_calls_are_counted():
    assert drawn(("clear",), ("colour", 9, 9), ("box", 1, 1, 1, 1), ("calls",))[1][-1] == 3


# Programs on a bare processor


DRAW = """
#include "libgfx.h"
int main(void)
{
    struct libgfx gfx;

    if (load_libgfx(&gfx) < 0)
        return 1;
    gfx.colour(7, 1);
    gfx.box(1, 2, 2, 3);
    gfx.text(1, 2, "C");
    print_unsigned(gfx.calls());
    sys_unload_library(gfx.library);
    return 0;
}
"""
DRAWN = [b"\x1b[1;2H\x1b[37;41m+-+\x1b[0m", b"\x1b[2;2H\x1b[37;41m+-+\x1b[0m", b"\x1b[1;2H\x1b[37;41mC\x1b[0m", b"3"]


class Draw(Program):
    """Draws what the program in C does."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.gfx = Link(ram, records, self.system, Gfx)
        self.word = records.struct(ArgumentText)  # C has a type of that name

    def main(self, argument: word) -> i32:
        library = self.gfx.load()
        if failed(library):
            return 2 if library == MISSING_EXPORT else 1
        gfx = self.gfx.calls
        gfx.colour(7, 1)
        gfx.box(1, 2, 2, 3)
        self.word.text.set_text("C")
        gfx.text(1, 2, self.word)
        self.output.write(f"{gfx.calls()}")
        self.output.flush()
        self.system.unload_library(library)
        return 0


def python_program(kind):
    program, ram = make_program(kind)
    freeze(program)
    return build_python_program("draw", program, ram, runtime=RUNTIME, image_base=BASE)


PROGRAMS = {"c": lambda: c_program(DRAW), "python": lambda: python_program(Draw)}


@pytest.mark.parametrize("language", PROGRAMS)
def test_a_program_calls_a_library_wherever_it_is_loaded(language):
    program = PROGRAMS[language]()
    for place in (PLACE, 0x345000):
        machine = Machine(our_libraries(), place)
        machine.start(program)
        assert (machine.status, machine.written) == (0, DRAWN)
        assert (machine.asked, machine.unloaded) == ([b"libgfx"], [place])


class Sized(Draw):
    """Has an image of a fixed size."""

    image_size = 12_420


def test_a_program_in_kernel_python_fixes_its_size_too():
    program = python_program(Sized)
    segments = list(ELFFile(BytesIO(program)).iter_segments())
    assert segments[-1]["p_vaddr"] + segments[-1]["p_memsz"] == BASE + 12_420
    machine = Machine(our_libraries(), PLACE)
    machine.start(program)
    assert (machine.status, machine.written) == (0, DRAWN)


@pytest.mark.parametrize("language", PROGRAMS)
def test_a_library_that_is_not_there_is_an_error(language):
    machine = Machine()
    machine.start(PROGRAMS[language]())
    assert (machine.status, machine.written, machine.unloaded) == (1, [], [])


def test_a_missing_export_is_an_error_and_the_library_is_given_back():
    machine = Machine({"libgfx": our_libraries()["libcount"]}, PLACE)
    machine.start(python_program(Draw))
    assert (machine.status, machine.written, machine.unloaded) == (2, [], [PLACE])
    machine = Machine(our_libraries(), PLACE)
    machine.start(
        c_program(
            '#include "library.h"\n#include "libcount.h"\n'
            'static const char *const wanted[] = {"count_name", "count_nex", NULL};\n'
            "int main(void) { struct libcount count; void *library;"
            ' if (connect_library("libcount", wanted, &count) != MISSING_EXPORT) return 1;'
            ' library = sys_load_library("libgfx");'
            ' return find_export(library, "box") == NULL || find_export(library, "bo") || find_export(library, ""); }'
        )
    )
    assert (machine.status, machine.unloaded) == (0, [PLACE])


@pytest.mark.parametrize("name", ["libgfx", "libcount"])
def test_the_headers_for_c_have_the_exports_in_the_structs_order(name):
    text = (RUNTIME / f"{name}.h").read_text()
    listed = re.findall(r'"(\w+)"', re.search(r"_exports\[\] = \{(.*)NULL\}", text)[1])
    pointers = re.findall(r"\(\*(\w+)\)\(", text)
    machine = Machine()
    base = machine.load(our_libraries()[name], PLACE)
    assert listed == list(machine.exports(base))
    assert [each.removeprefix("count_") for each in listed] == pointers


def test_boxes_draws_one_inside_the_other_and_says_how_many_calls_it_made():
    machine = Machine(our_libraries(), PLACE)
    machine.start(build_python("boxes", BASE))
    assert machine.status == 0 and machine.written[-1] == b"boxes: calls: 7\n"
    assert len(machine.written) == 14 + 12 + 10 + 1 + 2
    assert machine.written[26] == b"\x1b[4;6H\x1b[37;43m+" + b"-" * 14 + b"+\x1b[0m"
    assert machine.written[36] == b"\x1b[2;4H\x1b[37;43mlibgfx\x1b[0m"
    assert machine.unloaded == [PLACE]


# Programs in CPython


class Lender(PythonKernel):
    """Has one library's link page to lend, in the program's own RAM."""

    page = 0x70000

    def __init__(self):
        super().__init__()
        self.asked, self.unloaded = [], []

    def load_library(self, name):
        self.asked.append(bytes(name.text).rstrip(b"\0"))
        return self.page

    def unload_library(self, address):
        self.unloaded.append(address)
        return 0


def lend(exports):
    kernel = Lender()
    program, ram = make_program(Draw, kernel)
    freeze(program)
    ram.bytes[Lender.page : Lender.page + 4096] = make_link_page(4096, exports)
    assert view(ram, LinkPage, Lender.page).count == len(exports)
    return program, kernel


def test_load_finds_every_export_by_its_name():
    exports = {name: 0x1000 + 16 * index for index, name in enumerate(exports_of(Gfx))}
    program, kernel = lend(exports | {"another": 0x1800, "boxes": 0x1804})
    assert program.gfx.load() == Lender.page and kernel.asked == [b"libgfx"]
    assert [*program.gfx.addresses] == [Lender.page + offset for offset in exports.values()]


@pytest.mark.parametrize("missing", list(exports_of(Gfx)))
def test_load_without_an_export_gives_the_library_back(missing):
    program, kernel = lend({name: 0x1000 for name in exports_of(Gfx) if name != missing} | {missing + "s": 0x1000})
    assert program.gfx.load() == MISSING_EXPORT and failed(MISSING_EXPORT)
    assert kernel.unloaded == [Lender.page]


def test_cpython_has_no_library_and_calls_none():
    program, _ = make_program(Draw, PythonKernel())
    assert program.gfx.load() == NO_SUCH_LIBRARY and failed(program.system.unload_library(PLACE))
    with pytest.raises(TypeError, match="a library's export is called by compiled programs only"):
        program.gfx.calls.box(1, 1, 1, 1)


class Wide(Library):
    """Has every kind of parameter and result."""

    name = "libwide"

    def mixed(self, small: u8, wide: u64, signed: i16, flag: bool, text: ArgumentText) -> u64:
        text.text[1] = small
        return wide ^ (signed & 0xFF) if flag else 0

    def nothing(self) -> None:
        self.output.write("nothing\n")

    def truth(self, small: i8) -> bool:
        return small == -1


class Caller(Program):
    """Calls all of it."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.link = Link(ram, records, self.system, Wide)
        self.text = records.struct(ArgumentText)

    def main(self, argument: word) -> i32:
        if failed(self.link.load()):
            return 1
        wide = self.link.calls
        wide.nothing()
        self.output.write(f"{wide.mixed(200, 1 << 40, -1, True, self.text)} {self.text.text[1]}\n")
        return 0 if wide.truth(-1) and not wide.truth(1) and wide.mixed(1, 2, 3, False, self.text) == 0 else 2


def test_a_stub_passes_every_type_as_the_library_takes_it():
    library, ram = make_library(Wide)
    freeze(library)
    exports = {name: getattr(library, name) for name in exports_of(Wide)}
    elf = build_python_library(Path("libwide.py"), library, ram, exports, runtime=RUNTIME)
    machine = Machine({"libwide": elf}, PLACE)
    machine.start(python_program(Caller))
    assert (machine.status, machine.written) == (0, [b"nothing\n", b"1099511628031 200\n"])


def test_a_stub_is_typed_by_the_library():
    program, _ = make_program(Caller)
    calls = type(program.link.calls)
    cast = "(u64 (*)(i32, u64, i32, bool, void *))"
    assert calls.mixed.c_body == f"return ({cast}self->addresses[0])(small, wide, signed, flag, text);"
    assert calls.nothing.c_body == "((void (*)(void))self->addresses[1])();"
