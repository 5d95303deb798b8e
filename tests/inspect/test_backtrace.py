"""Where a program died and the way there: lines that the sources mark, in both lives, against calls that were made."""

import re
from types import MappingProxyType

import pytest

from keelback.cli.debug_files import WithDebugData
from keelback.cli.libraries import payload_libraries
from keelback.cli.python_files import build_program_file
from keelback.image.debug_data import with_debug_data
from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.libraries import build_library
from keelback.image.payload import make_payload
from keelback.image.programs import build_program
from keelback.image.toolchain import I386, X86_64
from keelback.inspect.backtrace import Stack, way_of
from keelback.inspect.family import Family
from keelback.inspect.lens import look, walker_of
from keelback.inspect.loaded_code import Code
from keelback.inspect.symbols import OwnElf, lines_of, place_in
from keelback.inspect.traps import TrapFrames
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64
from keelback.kernel.x86.vectors import TIMER
from keelback.machine.simulated.compiled import CompiledPc
from keelback.user import RUNTIME
from support import MIB, make_pc

LIVES = ["interpreted", "compiled"]
# A comment names the place that it stands at; the way goes through them in the order of a row below.
SOURCE = """\
#include "keelback.h"
#include <assert.h>
#include <stdlib.h>

typedef int (*action)(int);
volatile int zero;

__attribute__((noinline)) static int divide(int n) { return n / zero; } // divide

static inline int inlined(int n)
{
    int value = *(volatile int *)(uintptr_t)(n + 4); // inlined
    __asm__ volatile("" : "+r"(value));
    return value;
}

__attribute__((noinline)) int saved(int a, int b, int c)
{
    int one = number_in("1", a), two = number_in("2", b), three = number_in("3", c);
    sys_yield();
    int four = inlined(0); // saved
    return one + two * three - four + number_in("4", one);
}

__attribute__((noinline)) int large(int n)
{
    volatile char room[3000];
    room[n] = 1;
    return divide(room[n]) + room[0]; // large
}

__attribute__((noinline)) int variable(int n)
{
    volatile char room[n * 16 + 1];
    room[n] = 1;
    return divide(room[n]) + room[n]; // variable
}

__attribute__((noinline)) int calls(action what, int n)
{
    int result = what(n); // calls
    sys_yield();
    return result + 1;
}

__attribute__((noinline)) int again(int n)
{
    if (n == 0)
        return divide(1) + 2; // last
    return again(n - 1) * 3 + n; // again
}

__attribute__((noreturn, noinline)) void never(int n)
{
    sys_exit(divide(n)); // never
}

__attribute__((noinline)) void leaves(int n)
{
    sys_yield();
    never(n); // leaves
}

__attribute__((noinline)) void nap(uint32_t ticks)
{
    sys_sleep(ticks); // nap
    sys_yield();
}

__attribute__((noinline)) int spoils(int count)
{
    char *given = malloc(count);
    given[count] = 1;
    free(given); // spoils
    return count;
}

__attribute__((noinline)) int gives_up(int n)
{
    if (n == 1)
        sys_panic("no"); // gives_up
    assert(n == 3); // asserts
    return n;
}

__attribute__((optnone)) int main(const char *argument)
{
    switch (*argument) {
    case 'd': return divide(1) + 1; // main d
    case 's': return saved(1, 2, 3) + 1; // main s
    case 'l': return large(5) + 1; // main l
    case 'v': return variable(5) + 1; // main v
    case 'c': return calls(divide, 1) + 1; // main c
    case 'n': return calls((action)0, 1) + 1; // main n
    case 'a': return again(3) + 1; // main a
    case 'm': return again(40) + 1; // main m
    case 'M': return again(5000) + 1;
    case 'x': leaves(1); return 0; // main x
    case 'z': nap(1000); return 0; // main z
    case 'f': return spoils(9) - 9; // main f
    case 'p': return gives_up(1); // main p
    case 'q': return gives_up(2); // main q
    case 'b': abort(); // main b
    case 'e': exit(3);
    case 'u': __asm__ volatile("ud2"); return 1; // main u
    default: while (1) zero = zero; // main w
    }
}
"""
LINES = {name: number for number, text in enumerate(SOURCE.splitlines(), 1) for name in re.findall(r"// (.*)$", text)}
WAYS = {
    "d": ("divide", "main d"),
    "s": ("inlined", "saved", "main s"),
    "l": ("divide", "large", "main l"),
    "v": ("divide", "variable", "main v"),
    "c": ("divide", "calls", "main c"),
    "n": ("", "calls", "main n"),
    "a": ("divide", "last", "again", "again", "again", "main a"),
    "x": ("divide", "never", "leaves", "main x"),
    "u": ("main u",),
}
PANICS = {
    "f": ("spoils", "main f"),
    "p": ("gives_up", "main p"),
    "q": ("asserts", "main q"),
    "b": ("main b",),
}
FUNCTIONS = {"last": "again", "asserts": "gives_up"} | {name: "main" for name in LINES if name.startswith("main")}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return build(tmp_path_factory, I386)


@pytest.fixture(scope="module")
def wide_program(tmp_path_factory):
    return build(tmp_path_factory, X86_64)


def build(tmp_path_factory, target):
    source = tmp_path_factory.mktemp("backtrace") / "marked.c"
    source.write_text(SOURCE)
    return build_program(source, runtime=RUNTIME, image_base=MICROKERNEL.image_base, target=target)


def make_machine(program, life, argument, libraries, layout=MICROKERNEL):
    """Return a machine that is to run the program, and the processes that it will have."""
    programs = {"marked": program, **libraries}
    if life == "interpreted":
        pc = make_pc(f"marked {argument}", programs=programs, memory=8 * MIB, check=False, layout=layout)
    else:
        payload = make_payload({"etc/init": f"marked {argument}\n".encode(), **programs})
        pc = CompiledPc(layout, make_image(layout, payload, compiled(layout)), memory=8 * MIB)
    family = Family(look(layout, pc.contents), pc.contents, WithDebugData(programs))
    family.watch(pc)
    return pc, family


def ended(program, life, argument, *, traps=None, libraries=MappingProxyType({}), layout=MICROKERNEL):
    """Return how the program ended, or what it does after some traps."""
    pc, family = make_machine(program, life, argument, libraries, layout)
    pc.boot()
    if traps is None:
        pc.run()
    else:
        for _ in range(traps):
            pc.step()
    [(_, member)] = family.members()
    return family.ending(member)


def line_of(name):
    return f"marked.c:{LINES[name]} in {FUNCTIONS.get(name, name)}"


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("argument", WAYS)
def test_the_way_to_a_fault_is_the_calls_that_were_made(program, life, argument):
    first, *rest = WAYS[argument]
    ending = ended(program, life, argument)
    assert ending.how.startswith("killed: ")
    assert ending.place.startswith(f"{line_of(first)}, 0x" if first else "0x00000000")
    assert ending.way == tuple(map(line_of, rest))


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("argument", PANICS)
def test_a_program_that_the_runtime_ends_is_told_where_it_was_wrong(program, life, argument):
    ending = ended(program, life, argument)
    assert not ending.well and ending.fault is None
    assert ending.how == ("aborted" if argument in "qb" else "exited with status 1")
    assert (ending.place, *ending.way) == tuple(map(line_of, PANICS[argument]))
    assert ending.source is not None and ending.source.line == LINES[PANICS[argument][0]]


@pytest.mark.parametrize("argument", [*WAYS, *PANICS])
def test_places_and_ways_are_told_with_64_bits_too(wide_program, argument):
    ending = ended(wide_program, "interpreted", argument, layout=MICROKERNEL_64)
    first, *rest = WAYS.get(argument, ()) or PANICS[argument]
    assert ending.place.startswith(line_of(first) if first else "0x00000000")
    assert ending.way == tuple(map(line_of, rest))


def test_the_way_to_a_system_call_goes_past_the_register_that_it_borrows_with_64_bits_too(wide_program):
    ending = ended(wide_program, "interpreted", "z", traps=1, layout=MICROKERNEL_64)
    assert ending.how == "had not ended: asleep" and ending.place.endswith(": syscall")
    assert ending.way[-2:] == (line_of("nap"), line_of("main z"))


def test_a_program_that_ends_by_its_own_wish_has_no_place(program):
    ending = ended(program, "interpreted", "e")
    assert (ending.how, ending.place, ending.way) == ("exited with status 3", "", ())


@pytest.mark.parametrize("life", LIVES)
def test_the_way_to_a_system_call_goes_past_the_register_that_it_borrows(program, life):
    ending = ended(program, life, "z", traps=1)
    assert ending.how == "had not ended: asleep" and ending.place.endswith(": int 0x80")
    assert ending.way[-2:] == (line_of("nap"), line_of("main z"))


def test_the_way_is_told_wherever_in_a_system_call_a_timer_interrupts(program):
    pc, _ = make_machine(program, "interpreted", "z", {})
    pc.boot()
    pc.step()
    frame = TrapFrames(pc.kernel).of(1)
    directory = pc.kernel.processes.table[1].space.directory
    stack = Stack(walker_of(pc.kernel), pc.contents, directory, frame.esp)
    own = stack.word_at(frame.esp)
    interrupted = frame._replace(vector=TIMER)
    after, mov = frame.eip, frame.eip - 27
    ways = [
        way_of(Code(with_debug_data(program)), each, stack)
        for each in (
            interrupted._replace(eip=mov - 1, esp=frame.esp + 4, ebp=own),
            interrupted._replace(eip=mov, ebp=own),
            *(interrupted._replace(eip=mov + into) for into in (2, 9, 11, 13, 18, 25)),
            interrupted._replace(eip=after),
            interrupted._replace(eip=after + 1, esp=frame.esp + 4, ebp=own),
        )
    ]
    assert ways[0][-2:] == (line_of("nap"), line_of("main z"))
    assert {way[-2:] for way in ways} == {ways[0][-2:]}


@pytest.mark.parametrize("life", LIVES)
def test_a_long_way_has_its_ends(program, life):
    way = ended(program, life, "m").way
    assert way[:2] == (line_of("last"), line_of("again"))
    assert way[-2:] == ("… 35 more", line_of("main m")) and len(way) == 9


def test_of_a_way_that_is_longer_than_its_stack_is_followed_the_last_call_is_not_told_as_the_first(program):
    way = ended(program, "interpreted", "M").way
    [more] = [re.fullmatch(r"… at least (\d+) more", each) for each in way if "more" in each]
    assert more[0] == way[-1] and 1_000 < int(more[1]) < 5_000 and way[0] == line_of("last")


def test_a_process_that_runs_says_where_it_is(program):
    ending = ended(program, "interpreted", "w", traps=4)
    assert ending.how == "had not ended: running"
    assert ending.place.startswith(line_of("main w")) and ending.way == ()


def test_debug_data_is_kept_apart_from_the_program(program):
    whole = with_debug_data(program)
    assert isinstance(whole, OwnElf) and b".debug_line" in whole and b".debug_line" not in program
    assert with_debug_data(b"\x7fELF of somebody") == b"\x7fELF of somebody"
    address = int.from_bytes(program[24:28], "little")
    assert lines_of(whole, address) and not lines_of(program, address) and not lines_of(bytes(whole), address)
    assert place_in(program, address) != place_in(whole, address)


def test_an_address_without_code_has_no_line(program):
    for address in (0, 1, 0x0804_7FFF, 0x0900_0000, 0xFFFF_FFFF):
        assert lines_of(with_debug_data(program), address) == []


LIBRARY = """\
#include "keelback.h"
#include <string.h>
EXPORT int32_t reads(int32_t from) { return *(volatile int32_t *)from + 1; } // reads
EXPORT int32_t counts(int32_t from) { return (int32_t)strlen((char *)from) + 1; } // counts
EXPORT int32_t naps(int32_t ticks) { return sys_sleep((uint32_t)ticks) + 1; } // naps
"""
ITS_USER = """\
#include "library.h"
struct libwild { void *library; int32_t (*reads)(int32_t), (*counts)(int32_t), (*naps)(int32_t); };
static const char *const names[] = { "reads", "counts", "naps", NULL };
int main(const char *argument)
{
    struct libwild wild;
    if (connect_library("libcount", names, &wild) == 0 || connect_library("libwild", names, &wild) < 0)
        return 1;
    return (*argument == 'r' ? wild.reads : *argument == 'c' ? wild.counts : wild.naps)(8) + 1; // main
}
"""


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("name", ["reads", "counts", "naps"])
def test_the_way_leads_through_libraries(tmp_path, life, name):
    (tmp_path / "libwild.c").write_text(LIBRARY)
    (tmp_path / "it.c").write_text(ITS_USER)
    program = build_program(tmp_path / "it.c", runtime=RUNTIME, image_base=MICROKERNEL.image_base)
    libraries = {"libwild": build_library(tmp_path / "libwild.c", runtime=RUNTIME), **payload_libraries()}
    ending = ended(program, life, name, traps=4 if name == "naps" else None, libraries=libraries)
    marks = {
        mark: n
        for text in (LIBRARY, ITS_USER)
        for n, line in enumerate(text.splitlines(), 1)
        for mark in re.findall("// (.*)$", line)
    }
    way = (ending.place.partition(",")[0], *ending.way)
    assert way[-2:] == (f"libwild.c:{marks[name]} in {name}", f"it.c:{marks['main']} in main")
    assert ending.how == (
        "had not ended: asleep" if name == "naps" else "killed: page fault, read of 0x00000008, not mapped"
    )
    assert (ending.fault is None) == (name == "naps")


PYTHON = """\
from keelback.lang import Struct, i32, u32, view, word
from keelback.user.system import Program


class Pair(Struct):
    first: u32


class Wild(Program):
    def main(self, argument: word) -> i32:
        return self.outer(self.number(argument, 8)) + 1  # main

    def outer(self, place: u32) -> i32:
        self.output.write("now\\n")
        return self.inner(place)  # outer

    def inner(self, place: u32) -> i32:
        return LAST  # inner


PROGRAM = Wild
"""


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize(
    ("last", "how"),
    [
        ("view(self.ram, Pair, place).first & 0xFFFF", "killed: page fault"),
        ("1 // (place - 8)", "exited with status 1"),
    ],
)
def test_a_program_in_kernel_python_dies_at_lines_of_python(life, tmp_path, last, how):
    (tmp_path / "wild.py").write_text(PYTHON.replace("LAST", last))
    ending = ended(build_program_file(tmp_path / "wild.py", MICROKERNEL.image_base), life, "")
    lines = {name: n for n, text in enumerate(PYTHON.splitlines(), 1) for name in re.findall(r"# (\w+)$", text)}
    places = [re.sub(r" in \w+_", " in ", each.partition(",")[0]) for each in (ending.place, *ending.way)]
    assert ending.how.startswith(how)
    assert places[:3] == [f"wild.py:{lines[name]} in {name}" for name in ("inner", "outer", "main")]
