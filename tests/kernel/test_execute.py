"""What may be executed: text, and what asks for it; nothing else, where the CPU can forbid a fetch."""

import struct
from dataclasses import replace
from itertools import product

import pytest

from keelback.abi.rights import EXECUTE, READ, WRITE
from keelback.inspect.walk import NO_EXECUTE
from keelback.kernel.layout import MICROKERNEL, with_paging
from keelback.kernel.processes.processes import Access, Reason
from keelback.machine.simulated.models import PENTIUM_III
from kernel.driven import (
    ANYWHERE,
    BSS,
    CALL,
    DATA,
    LIBRARY,
    LIBRARY_DATA,
    LIVES,
    MALLOC,
    PAGE,
    SMALL,
    STACK,
    Call,
    Died,
    driven,
    with_our_areas,
)
from support import c_program, some_of

PUBLISHED = with_paging(MICROKERNEL, "PAE")
NARROW, WIDE = SMALL, with_our_areas(PUBLISHED)
CODE = b"\xba" + struct.pack("<I", CALL) + b"\xff\xe2"
"""mov $CALL, %edx; jmp *%edx"""
FETCH, FROM_USER, PRESENT = 1 << 4, 1 << 2, 1 << 0


@pytest.fixture(params=some_of(LIVES, ["interpreted"]))
def life(request):
    """Return a life; to compile this kernel for these tests takes longer than they."""
    return request.param


@pytest.fixture
def machine(life):
    return driven("it", "it", life=life, layout=WIDE)


def put(machine, address, pid=1):
    for number, byte in enumerate(CODE):
        machine.write(address + number, byte, pid)


def runs(machine, address, pid=1):
    """Say whether a process comes back from what it executes at an address."""
    machine.begin(pid, address, Call.GETPID)
    try:
        return machine.finish(pid) == pid
    except Died:
        return False


def assert_not_executable(machine, address, error=PRESENT, pid=1):
    assert not runs(machine, address, pid)
    fault = machine.process(pid).fault
    assert (fault.reason, fault.access) == (Reason.NOT_EXECUTABLE, Access.FETCH)
    assert (fault.address, fault.instruction, fault.error) == (address, address, error | FROM_USER | FETCH)
    said = f"killed: page fault: fetch from {address:#010x}, not executable, instruction at {address:#010x}"
    assert said in machine.pc.console.decode()


def mapped(machine, rights, address=ANYWHERE, pid=1):
    assert machine.call(Call.MAP, address, PAGE, rights, pid=pid) == address
    return address


@pytest.mark.parametrize("place", ["anonymous", "stack", "data", "zeros", "malloc", "page_alloc", "library's data"])
def test_a_fetch_from_what_is_no_text_ends_the_process(machine, place):
    libraries = machine.call(Call.LOAD_LIBRARY, LIBRARY) & 0xFFFF_FFFF if place == "library's data" else 0
    if place == "malloc":
        assert machine.call(Call.MALLOC_PAGES, 1) == MALLOC - (1 << 32)
    if place == "page_alloc":
        assert machine.call(Call.PAGE_ALLOC, ANYWHERE) == 0
    address = {
        "anonymous": ANYWHERE, "stack": STACK, "data": DATA + 0x100, "zeros": BSS, "malloc": MALLOC,
        "page_alloc": ANYWHERE, "library's data": libraries + LIBRARY_DATA,
    }[place]  # fmt: skip
    if place == "anonymous":
        mapped(machine, WRITE)
    put(machine, address)
    machine.check()
    assert_not_executable(machine, address)
    assert machine.is_alive(2)
    machine.check()


def test_memory_that_asks_for_it_is_executed(machine):
    put(machine, mapped(machine, WRITE | EXECUTE))
    assert runs(machine, ANYWHERE)
    machine.check()


def test_a_page_that_was_never_touched_comes_by_a_fetch_too(machine):
    """Zeros are an instruction, which writes where eax points."""
    mapped(machine, EXECUTE)
    assert not runs(machine, ANYWHERE)
    fault = machine.process(1).fault
    assert (fault.instruction, fault.address, fault.reason) == (ANYWHERE, Call.GETPID, Reason.NOT_MAPPED)
    mapped(machine, READ, pid=2)
    assert_not_executable(machine, ANYWHERE, error=0, pid=2)


def test_where_nobody_may_read_or_nothing_is_the_message_says_that(machine):
    mapped(machine, 0)
    assert not runs(machine, ANYWHERE)
    assert (machine.process(1).fault.reason, machine.process(1).fault.access) == (Reason.PROTECTED, Access.FETCH)
    machine.call(Call.MALLOC_PAGES, 2, pid=2)
    machine.call(Call.FREE_PAGES, MALLOC, 1, pid=2)
    assert not runs(machine, MALLOC, 2)
    assert machine.process(2).fault.reason == Reason.NOT_MAPPED


def test_a_read_beside_the_instruction_is_no_fetch(machine):
    """Without the CPU's word it would look like one: the page behind the instruction is missing."""
    mapped(machine, WRITE | EXECUTE)
    end = ANYWHERE + PAGE
    for number, byte in enumerate(b"\xa1" + struct.pack("<I", end) + b"\xeb\xfe"):  # mov end, %eax; jmp .
        machine.write(end - 8 + number, byte)
    assert not runs(machine, end - 8)
    fault = machine.process(1).fault
    assert (fault.address, fault.access, fault.reason) == (end, Access.READ, Reason.NOT_MAPPED)


def test_protect_gives_and_takes_the_right(machine):
    put(machine, mapped(machine, WRITE))
    assert machine.call(Call.PROTECT, ANYWHERE, PAGE, EXECUTE) == 0
    machine.check()
    assert runs(machine, ANYWHERE)
    assert machine.call(Call.PROTECT, ANYWHERE, PAGE, WRITE) == 0
    machine.write(ANYWHERE, CODE[0])
    machine.check()
    assert_not_executable(machine, ANYWHERE)


OTHER_FORKS = {"eager": replace(WIDE, eager_fork=True), "crowded": replace(WIDE, most_references=2)}


@pytest.mark.parametrize(
    ("fork", "life"),
    some_of(product(["lazy", *OTHER_FORKS], LIVES), [("lazy", LIVES[0])]),
)
def test_a_child_has_the_right_as_its_parent_has(life, fork):
    layout = OTHER_FORKS.get(fork, WIDE)
    machine = driven(life=life, layout=layout)
    put(machine, mapped(machine, WRITE | EXECUTE))
    put(machine, mapped(machine, WRITE, ANYWHERE + 2 * PAGE))
    children = [machine.fork() for _ in range(3)]
    machine.check()
    put(machine, ANYWHERE, children[0])  # a copy
    assert all(runs(machine, ANYWHERE, pid) for pid in (1, *children))
    put(machine, ANYWHERE + 2 * PAGE, children[1])
    machine.check()
    for pid in children:
        assert_not_executable(machine, ANYWHERE + 2 * PAGE, pid=pid)


def test_a_librarys_text_is_executed_in_each_process(machine):
    for pid in (1, 2):
        at = machine.call(Call.LOAD_LIBRARY, LIBRARY, pid=pid) & 0xFFFF_FFFF
        # Its text is that of `it`: int $0x80, and a jump back.
        machine.begin(pid, at + PAGE, Call.EXIT, 40 + pid)
        with pytest.raises(Died):
            machine.finish(pid)
        assert machine.process(pid).exit_status == 40 + pid


def test_neighbours_that_differ_in_the_right_alone_are_two_regions_by_wide_entries_alone(life):
    for layout, count in ((WIDE, 2), (NARROW, 1)):
        machine = driven(life=life, layout=layout)
        mapped(machine, READ)
        mapped(machine, READ | EXECUTE, ANYWHERE + PAGE)
        assert len([each for each in machine.regions() if ANYWHERE <= each.start < ANYWHERE + 2 * PAGE]) == count
        assert machine.call(Call.PROTECT, ANYWHERE, 2 * PAGE, READ | EXECUTE) == 0
        assert len([each for each in machine.regions() if ANYWHERE <= each.start < ANYWHERE + 2 * PAGE]) == 1
        machine.check()


def test_i386_tables_let_all_that_can_be_read_be_executed(life):
    machine = driven(life=life, layout=NARROW)
    for address in (mapped(machine, WRITE), STACK):
        put(machine, address)
        assert runs(machine, address)


def test_a_cpu_that_can_forbid_nothing_has_no_entry_that_tries(life):
    machine = driven("it", life=life, layout=WIDE, model=PENTIUM_III)
    put(machine, mapped(machine, WRITE))
    child = machine.fork()
    put(machine, STACK, child)
    machine.check()
    pages = [each for space in (1, child) for each in machine_pages(machine, space)]
    assert pages and not any(each.flags & NO_EXECUTE for each in pages)
    assert runs(machine, ANYWHERE) and runs(machine, ANYWHERE, child) and runs(machine, STACK, child)


def machine_pages(machine, pid):
    from keelback.inspect.snapshot import Snapshot

    snapshot = Snapshot(machine.lens)
    return snapshot.walker.pages(snapshot.spaces[pid].root)


def test_the_kernel_executes_its_text_alone(life):
    machine = driven(life=life, layout=WIDE)
    layout = machine.pc.layout
    kernel = [each for each in machine_pages(machine, 1) if each.page < layout.user_base]
    found = {each.page for each in kernel if not each.flags & NO_EXECUTE}
    assert found == set(range(layout.kernel_start, layout.places, PAGE))


STACK_RUNNER = """
int main(const char *argument) {
    volatile unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};  /* mov $42, %eax; ret */
    int (*run)(void) = (int (*)(void))code;
    return run();
}"""


@pytest.mark.parametrize("layout", [MICROKERNEL, PUBLISHED], ids=["i386", "PAE"])
@pytest.mark.parametrize("life", LIVES)
def test_a_program_that_runs_its_stack_dies_where_that_can_be_told(life, layout):
    machine = driven("runner", names=True, life=life, layout=layout, programs={"runner": c_program(STACK_RUNNER)})
    machine.pc.run()
    process = machine.process(1)
    if layout.paging.no_execute:
        assert (process.fault.reason, process.fault.access) == (Reason.NOT_EXECUTABLE, Access.FETCH)
        assert layout.stack_bottom <= process.fault.address < layout.stack_top
    else:
        assert process.exit_status == 42
