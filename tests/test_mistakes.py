"""Seeded mistakes in the kernel, and who finds which: comparing the lives, invariants, strict RAM and TLB."""

from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import pytest

from keelback.image.c_options import OURS
from keelback.image.images import make_image
from keelback.image.payload import make_payload
from keelback.image.toolchain import TARGETS
from keelback.inspect.invariants import InvariantBroken, check
from keelback.inspect.lens import look
from keelback.kernel.layout import TEACHING
from keelback.lang import Panic
from keelback.machine.compare import compare
from keelback.machine.simulated.compiled import CompiledPc
from kernel.driven import LIBRARY_FILES
from kernel.quick import compiled_quickly
from mistakes import ALL, MISTAKES, WIDE_MISTAKES, concerns, seeded
from support import MIB, c_program, make_pc, programs_of, sliced, some_of
from variants import VARIANTS, name_of

FAMILY = """
#define PAGE 4096

int main(void)
{
    struct ending ending;
    char *pages = sys_map(NULL, 4 * PAGE, CAN_WRITE);
    int32_t child;

    pages[0] = pages[PAGE] = 1;
    print_number(pages[2 * PAGE]);
    for (int round = 0; round < 2; round++) {
        pages[0]++;
        child = sys_fork_child();
        pages[PAGE] += child == 0;
        if (child == 0)
            sys_exit(pages[PAGE]);
        pages[0]++;
        if (round == 0)
            sys_yield();
        pages[0]++;
        print_number(sys_wait(ANY_CHILD, &ending) == child && ending.status == 2);
    }
    sys_protect(pages + PAGE, PAGE, CAN_READ);
    sys_page_alloc(pages + 2 * PAGE);
    sys_page_alloc(pages);
    print_number(pages[0]);
    sys_unmap(pages, 4 * PAGE);
    for (int number = 0; number < 3; number++) {
        child = sys_fork_child();
        if (child == 0)
            sys_sleep(number == 0 ? 1000 : number);
        if (child == 0)
            sys_exit(number);
    }
    sys_kill(child - 1);
    sys_kill(child - 2);
    for (int number = 0; number < 3; number++)
        print_number(child - sys_wait(ANY_CHILD, &ending));
    for (int number = 0; number < 12; number++)
        pages = sys_map(pages + 2 * PAGE, PAGE, CAN_READ);
    sys_map(pages - PAGE, PAGE, CAN_WRITE); /* between them */
    if (sys_fork_child() == 0)
        sys_exit(sys_unmap(pages - 6 * PAGE, 4 * PAGE));
    sys_protect(pages - 4 * PAGE, PAGE, NO_ACCESS);
    sys_unmap(pages - 22 * PAGE, 16 * PAGE);
    sys_spawn("pong", "1");
    print("\\n");
    return 0;
}
"""
MALLOC = """
#define PAGE 4096

int main(void)
{
    char *pages = sys_malloc_pages(4);
    struct ending ending;

    pages[0] = pages[3 * PAGE] = 1;
    if (sys_fork_child() == 0) {
        sys_free_pages(pages, 1);
        pages[0] = 1; /* and dies */
    }
    sys_wait(ANY_CHILD, &ending);
    sys_free_pages(pages + 3 * PAGE, 1);
    if (sys_fork_child() == 0)
        pages[3 * PAGE] = 1; /* and dies */
    sys_wait(ANY_CHILD, &ending);
    sys_free_pages(pages, 1);
    print_number(sys_malloc_pages(1) == pages && pages[0] == 0);
    return 0;
}
"""
LIBRARY = """
#define PAGE 4096

int main(void)
{
    char *library = sys_load_library("libit"), *data = library + 2 * PAGE;
    struct ending ending;

    data[0]++;
    sys_unmap(library, PAGE); /* in vain */
    if (sys_fork_child() == 0) {
        data[0]++;
        sys_unload_library(library);
        data[0] = 1; /* and dies */
    }
    sys_wait(ANY_CHILD, &ending);
    sys_unload_library(library);
    library = sys_load_library("libit");
    print_number(library[2 * PAGE] == 'p');
    return 0;
}
"""
COURSE = """
#define PAGE 4096

static char data[2 * PAGE];

int main(void)
{
    char *page = (char *)0x200000;
    int32_t child;

    print_number(sys_page_alloc(page));
    sys_uptime((struct uptime *)0x100000); /* in vain: it is text */
    page[0] = data[0] = 1;
    print_number(sys_page_alloc(page + 2 * PAGE));
    child = sys_fork_child();
    data[0]++;
    page[0] = data[PAGE] = data[0];
    if (child == 0) {
        sys_page_alloc(data);
        sys_yield();
        sys_exit(page[0]);
    }
    sys_yield();
    print_number(sys_page_alloc(page));
    page[0]++;
    for (int number = 0; number < 3; number++) {
        child = sys_fork_child();
        if (child == 0)
            sys_sleep(number == 0 ? 1000 : number);
        if (child == 0)
            sys_exit(number);
    }
    sys_kill(child - 2);
    sys_sleep(3);
    if (sys_fork_child() == 0)
        sys_page_alloc(page + 4 * PAGE);
    for (int number = 0; number < 12; number++)
        sys_page_alloc(page + 2 * number * PAGE);
    sys_page_alloc(page + 5 * PAGE);
    if (sys_fork_child() == 0)
        *(volatile char *)0 = 1; /* and dies */
    sys_yield();
    print("\\n");
    return 0;
}
"""
CELLS = {name_of(each): replace(each, processes=16, threads=16) for each in (*VARIANTS, TEACHING)}
"""Each kernel with as much as these programs need: all of it is looked at after every trap."""
MEMORY = {"microkernel": 4 * MIB, "usermode": 10 * MIB, "teaching": 2 * MIB}
PROGRAMS = ("hello", "primes 3000", "ping", "pong", "null", "smash", "sleeper 2", "family", "malloc", "library")
COURSES = ("course", "course")
HOME, WIDE_HOME = "microkernel-i386", "microkernel-PAE"
"""Where who finds a mistake is known exactly."""


def started(layout):
    """Return the lines of what a kernel starts."""
    return COURSES if layout.name == "teaching" else PROGRAMS


@cache
def programs(layout):
    def built(text):
        return c_program(text, layout.image_base, OURS, TARGETS[layout.paging.word_bits])

    if layout.name == "teaching":
        return {"course": built(COURSE)}
    ours = {"family": built(FAMILY), "malloc": built(MALLOC), "library": built(LIBRARY)}
    return programs_of(layout) | ours | {"libit": LIBRARY_FILES[layout.paging.word_bits]}


def wrong_pc(check, layout):
    memory = MEMORY[layout.name]
    return make_pc(*started(layout), programs=programs(layout), check=check, layout=layout, memory=memory)


def right_pc(layout):
    members = {"etc/init": "".join(line + "\n" for line in started(layout)).encode(), **programs(layout)}
    image = make_image(layout, make_payload(members), compiled_quickly(layout))
    return CompiledPc(layout, image, memory=MEMORY[layout.name])


def finds_by_comparison(layout):
    """Run the kernel with its mistake beside the compiled one, which was built without."""
    wrong = wrong_pc(check=False, layout=layout)
    try:
        return compare(wrong, right_pc(layout)).difference is not None
    except Panic:
        return True


def finds_by_invariants(layout):
    pc = wrong_pc(check=False, layout=layout)
    lens = look(pc.layout, pc.ram.contents)
    pc.after_trap.append(lambda: check(lens))
    try:
        run_at_most(pc, 200)
        check(lens)
    except InvariantBroken:
        return True
    except Panic:
        return False
    return False


FOUND = ("without invalidation", "without a load of cr3", "the kernel used")


def finds_by_strict_ram_and_tlb(layout):
    pc = wrong_pc(check=True, layout=layout)
    try:
        run_at_most(pc, 200)
    except Panic as panic:
        return any(each in panic.message for each in FOUND)
    return False


def run_at_most(pc, traps):
    pc.boot()
    while pc.traps < traps and pc.outcome.name == "RUNNING":
        pc.step()


FINDERS = {
    "comparison": finds_by_comparison,
    "invariants": finds_by_invariants,
    "strict RAM and TLB": finds_by_strict_ram_and_tlb,
}


@contextmanager
def mistaken(name, layout):
    """Seed a mistake, after the right kernel has been compiled."""
    compiled_quickly(layout)
    *place, _finders = ALL[name]
    with seeded(*place):
        yield


EVERY_RUN = (HOME, "teaching-x86-64")
"""The kernels with which mistakes are tried in every run; the campaign has the others compiled, too."""


@pytest.mark.parametrize("cell", some_of(CELLS, (HOME,)))
def test_without_a_mistake_nothing_is_found(cell):
    assert not any(finds(CELLS[cell]) for finds in FINDERS.values())


@pytest.mark.parametrize("name", sliced(MISTAKES, 12) + some_of(WIDE_MISTAKES, []))
def test_a_mistake_is_found_by_who_should_find_it(name):
    layout = CELLS[WIDE_HOME if name in WIDE_MISTAKES else HOME]
    with mistaken(name, layout):
        assert {finder for finder, finds in FINDERS.items() if finds(layout)} == ALL[name][-1]


ELSEWHERE = {
    f"{name}, {cell}": (name, cell)
    for cell, layout in CELLS.items()
    for name in ALL
    if cell != (WIDE_HOME if name in WIDE_MISTAKES else HOME) and concerns(name, layout)
}
"""Every mistake in every other kernel that has the code, and programs that reach it."""


@pytest.mark.parametrize(
    "where",
    [
        where if cell in EVERY_RUN and number % 30 == 0 else pytest.param(where, marks=pytest.mark.campaign)
        for number, (where, (_, cell)) in enumerate(ELSEWHERE.items())
    ],
)
def test_in_each_cell_that_has_the_code_a_mistake_is_found(where):
    name, cell = ELSEWHERE[where]
    with mistaken(name, CELLS[cell]):
        assert any(finds(CELLS[cell]) for finds in FINDERS.values())


@pytest.mark.parametrize("name", ALL)
def test_a_mistake_has_its_place_in_the_source(name):
    *place, _finders = ALL[name]
    with seeded(*place):
        pass


def test_every_check_finds_something_and_there_are_many_mistakes():
    assert len(MISTAKES) >= 24
    assert set().union(*(each[-1] for each in MISTAKES.values())) == set(FINDERS)


def test_a_difference_names_the_record_both_values_and_the_function_that_ran():
    layout = CELLS[HOME]
    with mistaken("a result in the wrong register", layout):
        difference = compare(wrong_pc(False, layout), right_pc(layout)).difference
    assert difference.name == "threads.table[1].frame.ecx"
    assert difference.values[0] == 1 != difference.values[1] and difference.trap == 3
    assert difference.during.startswith("SystemCalls.getpid, vector 0x80, number 0x1, instruction at 0x0804")
