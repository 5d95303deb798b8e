"""The 64-bit kernel in both lives on the simulated PC, and on QEMU: whatever a program does, it dies alone."""

import re
import struct
from functools import cache

import pytest

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL_64
from keelback.kernel.x86.trap_frame import FROM_FAST_CALL
from keelback.kernel.x86.vectors import SYSTEM_CALL, TIMER, Vector
from keelback.lang import Panic
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.qemu.qemu import Qemu, Verdict
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from machine.bare import word
from machine.disturbed import disturb
from support import MIB, code_program

LAYOUT = MICROKERNEL_64
BASE = LAYOUT.image_base
EXIT = "31db b803000000 cd80"
FAST_EXIT = "31db b803000000 0f05"
SPIN = f"b9a0860100 ffc9 75fc {EXIT}"
PROTECTION, STACK_FAULT = "general protection fault", "stack segment fault"
NO_ADDRESS = "0000000000800000"  # the first, as a quadword
VIRTUAL = "it entered virtual-8086 mode"


def enter_virtual_8086(flags):
    """Return code whose 32-bit `iret` asks for virtual-8086 mode, with a frame in its text."""
    frame = struct.pack("<9I", 0, 0, flags | 1 << 17 | 2, 0xFFF0, 0, 0, 0, 0, 0)
    return (bytes.fromhex(f"bc{word(BASE + 16)}cf").ljust(16) + frame).hex()


# Code, and what its process dies of: on all three machines the same, but for the place.
DEATHS = {
    "a page that is not mapped": ("488b042500000000", "page fault: read of 0x00000000, not mapped"),
    "a far page": ("48b8 0000000040000000 48c70000000000", "page fault: write to 0x4000000000, not mapped"),
    "its own text": (f"48890425{word(BASE)}", f"page fault: write to {BASE:#010x}, protected"),
    "its stack, as code": ("ffe4", None),
    "no address": (f"48b8 {NO_ADDRESS} 488b00", PROTECTION),
    "a jump to no address": (f"48b8 {NO_ADDRESS} ffe0", PROTECTION),
    "hlt": ("f4", PROTECTION),
    "swapgs": ("0f01f8", PROTECTION),
    "sysret": ("480f07", PROTECTION),
    "a port": ("e460", PROTECTION),
    "the kernel's selector": ("b810000000 8ed8", f"{PROTECTION}, error code 0x10"),
    "no instruction": ("0f0b", "invalid instruction"),
    "the FPU": ("d9e8", "no floating-point unit"),
    "SSE": ("0f57c0", "invalid instruction"),
    "a single step": ("9c 810c2400010000 9d 9090", "debug trap"),
    "a single step over a call": ("9c 810c2400010000 9d 0f05 9090", "debug trap"),
    "breakpoint": ("cc", "breakpoint"),
    "a division": ("31c9 48f7f1", "division error"),
    "virtual-8086 mode": (enter_virtual_8086(0), f"{PROTECTION}: {VIRTUAL}"),
    "the same with a step": (enter_virtual_8086(0x3300), f"{PROTECTION}: {VIRTUAL}"),
}
ONLY_HERE = {
    "a push to no address": (f"48bc {NO_ADDRESS} 58", STACK_FAULT),  # on QEMU it is the other fault
    "an int without a gate": ("cd0e", f"{PROTECTION}, error code 0x72"),  # QEMU's code is that of 16 bytes a gate
    "icebp": ("f1", "debug trap"),  # QEMU does not know it
    "the page below no address": ("48b8 fcffffffff7f0000 488b00", PROTECTION),
}


def long_program(code):
    """Return an ELF file of bare 64-bit machine code, entered at its first byte."""
    return code_program(code, BASE, 64)


@cache
def image(life, *codes):
    programs = {f"p{number}": long_program(code) for number, code in enumerate(codes)}
    payload = make_payload({"etc/init": "\n".join(programs).encode(), **programs})
    return make_image(LAYOUT, payload, compiled(LAYOUT) if life == "compiled" else None)


def machine(life, *codes, **options):
    made = CompiledPc if life == "compiled" else InterpretedPc
    return made(LAYOUT, image(life, *codes), memory=16 * MIB, **options)


def current_frame(kernel):
    """Return the trap frame of the thread that is running now."""
    return kernel.scheduler.current(kernel.first_cpu).frame


def machines(*codes):
    return [machine(life, *codes) for life in ("interpreted", "compiled")]


@pytest.mark.parametrize("deaths_of", [DEATHS, DEATHS | ONLY_HERE], ids=["QEMU", "the simulated PC"])
def test_whatever_a_program_does_it_dies_alone_and_all_machines_agree(deaths_of):
    codes = [code for code, _ in deaths_of.values()] + [EXIT, FAST_EXIT, SPIN]
    if deaths_of is DEATHS:
        file = make_image_file(LAYOUT, image("compiled", *codes))
        with Qemu(file, memory=16 * MIB) as qemu:
            assert qemu.wait() is Verdict.DONE
            text = qemu.console.decode()
    else:
        interpreted, other = machine("interpreted", *codes, check=True), machine("compiled", *codes)
        assert compare(interpreted, other).difference is None
        text = other.console.decode()
    found = dict(re.findall(r"\(p(\d+)\) killed: (.*), instruction at", text))
    for number, (name, (_, why)) in enumerate(deaths_of.items()):
        assert (found.get(str(number)) == why) if why else str(number) in found, (name, found.get(str(number)))
    assert len(found) == len(deaths_of)


STRAYS = (15, 0x27, 0x2F, 0x41, 0xFF)


def test_stray_vectors_and_non_maskable_ones_at_every_trap_hurt_nobody_and_both_lives_stay_equal():
    interpreted, other = machines(SPIN, FAST_EXIT, f"31f6 0f05 48ffc6 4881fe00010000 75f2 {EXIT}")
    left = {id(pc): [*STRAYS, *STRAYS] for pc in (interpreted, other)}
    for pc in (interpreted, other):

        def arrive(pc=pc):
            if left[id(pc)]:
                pc.arriving += [left[id(pc)].pop(), Vector.NON_MASKABLE]

        pc.before_trap.append(arrive)
    assert compare(interpreted, other).difference is None
    counts = look(LAYOUT, other.ram.contents).strays.record.counts
    assert [counts[vector] for vector in STRAYS] == [2] * len(STRAYS)
    assert counts[Vector.NON_MASKABLE] == 2 * len(STRAYS)


@pytest.mark.parametrize("life", ["interpreted", "compiled"])
@pytest.mark.parametrize(("code", "error"), [(EXIT, 0), (FAST_EXIT, FROM_FAST_CALL)])
def test_a_frame_says_how_its_call_came(life, code, error):
    pc = machine(life, "9090" + code)
    pc.boot()
    seen = []
    frame = current_frame(look(LAYOUT, pc.ram.contents))
    pc.before_trap.append(lambda: seen.append((frame.vector, frame.error, frame.rip, frame.rflags, frame.rsp)))
    assert pc.run() is Outcome.POWERED_OFF
    [(vector, said, rip, rflags, rsp)] = seen
    assert (vector, said, rip - BASE, rflags) == (SYSTEM_CALL, error, 2 + len(bytes.fromhex(code)), 0x246)
    assert LAYOUT.stack_top - 4096 < rsp < LAYOUT.stack_top


def test_ticks_come_at_the_same_instruction_in_both_lives_whichever_way_back_was_taken():
    """The two ways back have other lengths, which are no time of the program's."""
    pcs = machines("31f6 b805000000 0f05 b805000000 cd80 48ffc6 ebed", SPIN, "9090ebfc")
    seen = {id(pc): [] for pc in pcs}
    for pc in pcs:
        lens = look(LAYOUT, pc.ram.contents)

        def note(pc=pc, kernel=lens):
            frame = current_frame(kernel)
            if frame.vector == TIMER:
                seen[id(pc)].append((pc.time, frame.rip, frame.rsi))

        pc.boot()
        pc.before_trap.append(note)
        while pc.traps < 700:
            pc.step()
    one, other = (seen[id(pc)] for pc in pcs)
    assert one == other and len(one) > 3


def test_a_non_maskable_interrupt_at_any_instruction_of_the_kernel_changes_nothing():
    """At the first of `syscall`'s entry too, where the stack is still the program's: it has a stack of its own."""
    codes = (SPIN, f"31f6 0f05 48ffc6 4881fe00040000 75f2 {FAST_EXIT}", f"488b042500000000 {EXIT}")
    plain, pc = machine("compiled", *codes), machine("compiled", *codes)
    for each in (plain, pc):
        each.boot()
    taken = disturb(pc, [1 + number % 97 for number in range(100_000)])
    for each in (plain, pc):
        assert each.run() is Outcome.POWERED_OFF
    assert set(range(1, 47)) <= set(taken)
    assert (pc.time, pc.traps) == (plain.time, plain.traps)
    lines = [line for line in pc.console.decode().splitlines() if "non-maskable" not in line]
    assert lines == plain.console.decode().splitlines()
    assert look(LAYOUT, pc.ram.contents).strays.record.counts[Vector.NON_MASKABLE] == len(taken)


@pytest.mark.parametrize("life", ["interpreted", "compiled"])
def test_a_frame_that_leads_to_no_address_is_a_mistake_of_the_kernels(life):
    pc = machine(life, "ebfe")
    pc.boot()
    current_frame(look(LAYOUT, pc.ram.contents)).rip = 1 << 47
    with pytest.raises(Panic, match="vector 13 in ring 0: it returns to 0x800000000000, which is no address"):
        pc.step()


@pytest.mark.parametrize("call", ["0f05", "cd80"])
@pytest.mark.parametrize(("load", "store"), [("8ed8", "8cdb"), ("8ec0", "8cc3"), ("8ee0", "8ce3"), ("8ee8", "8ceb")])
def test_a_programs_data_selectors_are_the_same_after_a_call_in_both_lives(load, store, call):
    """A `sysret` leaves them as they are, an `iretq` null; each process exits with what it then has."""
    programs = [f"b8{selector}000000 {load} b805000000 {call} {store} b803000000 {call}" for selector in ("23", "2b")]
    interpreted, other = machines(*programs, SPIN)
    assert compare(interpreted, other).difference is None
