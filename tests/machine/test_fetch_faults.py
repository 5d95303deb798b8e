"""Code that ends at a missing page: the fault is the instruction's that can't be fetched, and those before it ran."""

from contextlib import nullcontext

import pytest

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64, with_paging
from keelback.kernel.x86.vectors import Vector
from keelback.lang.strict import words_of
from keelback.machine.observed import observe
from keelback.machine.qemu.observed_qemu import ObservedQemu
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from machine.bare import DATA, PRESENT, TEXT, USER, Bare, Kind
from support import MIB, code_program

WIDTHS = (MICROKERNEL, with_paging(MICROKERNEL, "PAE"), MICROKERNEL_64)
MISSING_PAGE = 0x1000
START = bytes.fromhex("31c0")
ROUNDS = 4
BLOCK = bytes.fromhex("ffc0") * ROUNDS  # inc eax
CUT_OFF = bytes.fromhex("b978563412")  # mov ecx, 0x12345678
FETCHED = range(len(CUT_OFF))
"""How many bytes of it lie in front of the missing page."""
FROM_USER = 4


def program(layout, fetched):
    """Return a program that jumps to a block at the end of its only page."""
    block = START + BLOCK + CUT_OFF[:fetched]
    jump = b"\xe9" + (MISSING_PAGE - len(block) - 5).to_bytes(4, "little")
    return code_program(jump.ljust(MISSING_PAGE - len(block)) + block, layout.image_base, layout.paging.word_bits)


def machine(life, layout):
    programs = {f"cut{fetched}": program(layout, fetched) for fetched in FETCHED}
    payload = make_payload({"etc/init": "\n".join(programs).encode(), **programs})
    image = make_image(layout, payload, None if life == "interpreted" else compiled(layout))
    if life == "QEMU":
        return ObservedQemu(make_image_file(layout, image), memory=16 * MIB)
    return nullcontext((CompiledPc if life == "compiled" else InterpretedPc)(layout, image, memory=16 * MIB))


@pytest.mark.parametrize("life", ["interpreted", "compiled", "QEMU"])
@pytest.mark.parametrize("layout", WIDTHS, ids=lambda each: each.paging.name)
def test_what_can_be_fetched_ran_before_the_instruction_that_faults(layout, life):
    found = []

    def note() -> None:
        kernel = look(layout, told.contents)
        frame = kernel.scheduler.current(kernel.first_cpu).frame
        if frame.vector == Vector.PAGE_FAULT:
            with words_of(layout.paging.word_bits):
                found.append((frame.instruction(), told.fault_address(), frame.number()))

    with machine(life, layout) as told:
        told.before_trap.append(note)
        observe(told)
    end = layout.image_base + MISSING_PAGE
    assert sorted(found) == sorted((end - fetched, end, ROUNDS) for fetched in FETCHED)


@pytest.fixture
def bare():
    """Return a processor with the page behind `TEXT` missing."""
    bare = Bare()
    bare.map(DATA, 0)
    return bare


def run(bare, code, count=1000, length=None, **registers):
    """Run code at the end of `TEXT`, or so many bytes of it there; return why and where it stopped, from that end."""
    start = DATA - (len(code) if length is None else length)
    bare.write(start, code)
    stop = bare.resume(count, eip=start, esp=TEXT + 0x100, **registers)
    return stop, bare.cpu.state.ip - DATA


@pytest.mark.parametrize("count", range(1, ROUNDS + 1))
def test_a_slice_may_end_in_a_block_that_is_cut_off(bare, count):
    stop, place = run(bare, BLOCK + CUT_OFF[:3], count)
    assert (stop.kind, stop.begun, bare.read("eax")) == (Kind.SLICE_END, count + 1, count)
    assert place == 2 * (count - ROUNDS) - 3


def test_a_block_that_is_cut_off_counts_what_ran(bare):
    stop, place = run(bare, BLOCK + CUT_OFF[:3])
    assert (stop.kind, stop.vector, stop.error, stop.begun) == (Kind.TRAP, Vector.PAGE_FAULT, FROM_USER, ROUNDS)
    assert (place, bare.read("eax")) == (-3, ROUNDS)


@pytest.mark.parametrize("earlier", [b"", BLOCK])
def test_data_on_the_missing_page_is_the_fault_of_what_reads_it(bare, earlier):
    read = bytes.fromhex("a1") + DATA.to_bytes(4, "little")
    code = earlier + read + BLOCK
    stop, place = run(bare, code)
    assert (stop.vector, bare.cpu.state.cr2, place) == (Vector.PAGE_FAULT, DATA, len(earlier) - len(code))
    assert bare.read("eax") == len(earlier) // 2


def test_a_block_that_ran_to_its_end_is_cut_off_when_its_next_page_goes(bare):
    code = BLOCK + CUT_OFF + bytes.fromhex("cd80")
    bare.map(DATA, DATA | PRESENT | USER)
    stop, _ = run(bare, code, length=len(BLOCK) + 1)
    assert (stop.vector, bare.read("ecx")) == (0x80, 0x12345678)
    bare.map(DATA, 0)
    stop = bare.resume(eip=DATA - len(BLOCK) - 1, esp=TEXT + 0x100)
    assert (stop.vector, bare.cpu.state.ip, bare.read("eax")) == (Vector.PAGE_FAULT, DATA - 1, ROUNDS)


def test_what_was_cut_off_runs_on_when_its_page_comes(bare):
    run(bare, BLOCK + CUT_OFF[:1])
    bare.write(DATA, CUT_OFF[1:] + bytes.fromhex("cd80"))
    bare.map(DATA, DATA | PRESENT | USER)
    for start in (DATA - 1, DATA - 1 - len(BLOCK)):
        stop = bare.resume(eip=start, esp=TEXT + 0x100)
        assert (stop.vector, bare.read("ecx"), bare.cpu.state.ip) == (0x80, 0x12345678, DATA + 6)
