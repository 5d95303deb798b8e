"""Interrupts that nobody asked for: counted, told once, and nobody is hurt, wherever the kernel is."""

import re
import time
from functools import cache

import pytest

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL, USERMODE
from keelback.kernel.processes.threads import InterruptRoom, Thread
from keelback.kernel.x86.vectors import SYSTEM_CALL, TIMER, Vector, is_exception
from keelback.lang import address_of, layout_of
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.qemu.qemu import WAIT, Qemu, Verdict
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from machine.disturbed import disturb
from support import MIB, code_program, payload_programs

MEMORY = 8 * MIB
SPIN = code_program("b9a0860100 49 75fd 31db b803000000 cd80")
TAKEN = (Vector.NON_MASKABLE, TIMER, SYSTEM_CALL)
STRAYS = [
    vector for vector in range(256) if not is_exception(vector) and vector not in (Vector.NON_MASKABLE, TIMER, 0x80)
]
REPEATED = (15, 0x27, 0x2F, 0xFF)
NON_MASKABLE_TOLD = "keelback: a non-maskable interrupt came; counted and ignored from now on"


@cache
def image(life, layout=MICROKERNEL):
    lines = b"sleeper 2\nspin\nforkexit\nping 3\n"
    programs = {**payload_programs(layout.image_base), "spin": SPIN}
    payload = make_payload({"etc/init": lines, **programs})
    return make_image(layout, payload, compiled(layout) if life == "compiled" else None)


def machines(layout=MICROKERNEL):
    """Return a machine of each life with the same programs."""
    return [
        InterpretedPc(layout, image("interpreted", layout), memory=MEMORY, check=False),
        CompiledPc(layout, image("compiled", layout), memory=MEMORY),
    ]


def counts(pc):
    return list(look(pc.layout, pc.ram.contents).strays.record.counts)


def unasked(pc):
    return [line for line in pc.console.decode().splitlines() if "unasked" in line or "non-maskable" in line]


def others(pc):
    text = pc.console.decode()
    return [line for line in text.splitlines() if line not in unasked(pc)]


@cache
def undisturbed():
    pc = machines()[1]
    pc.boot()
    assert pc.run() is Outcome.POWERED_OFF
    return pc


def test_entry_code_counts_where_the_kernel_looks():
    for layout in (MICROKERNEL, USERMODE):
        pc = InterpretedPc(layout, make_image(layout, b""), memory=16 * MIB)
        assert address_of(pc.kernel.strays.record) == layout.text_end
        room = layout_of(Thread).field("room")
        assert room.offset + room.kind.size == layout_of(Thread).size, "right below the next frame"
        before = address_of(pc.kernel.threads.table[0]) - address_of(pc.kernel.threads.room)
        assert before == layout_of(InterruptRoom).size


def test_all_stray_vectors_at_every_trap_hurt_nobody_and_both_lives_stay_equal():
    interpreted, other = machines()
    left = {id(pc): [*STRAYS, *REPEATED] for pc in (interpreted, other)}
    for pc in (interpreted, other):

        def arrive(pc=pc):
            if left[id(pc)]:
                pc.arriving += [left[id(pc)].pop(), Vector.NON_MASKABLE]

        pc.before_trap.append(arrive)
    assert compare(interpreted, other).difference is None
    assert not left[id(other)] and others(other) == others(undisturbed())
    assert [counts(other)[vector] for vector in STRAYS] == [1 + (vector in REPEATED) for vector in STRAYS]
    assert counts(other)[Vector.NON_MASKABLE] == len(STRAYS) + len(REPEATED)
    told = [f"keelback: interrupt {vector} came unasked; counted and ignored from now on" for vector in STRAYS]
    assert sorted(unasked(other)) == sorted([*told, NON_MASKABLE_TOLD])
    assert not other.controller.in_service


@pytest.mark.parametrize("vector", [Vector.NON_MASKABLE, 15, 0x27, 0x2F, 0xFF])
@pytest.mark.parametrize("number", [0, 1])
def test_an_idle_kernel_goes_on(number, vector):
    payload = make_payload({"etc/init": b"sleeper 5\n", **payload_programs()})
    image = make_image(MICROKERNEL, payload, compiled(MICROKERNEL) if number else None)
    pc = (CompiledPc if number else InterpretedPc)(MICROKERNEL, image, memory=MEMORY)
    pc.boot()
    kernel = look(MICROKERNEL, pc.ram.contents)
    while kernel.scheduler.current(kernel.first_cpu).pid:
        pc.step()
    pc.arriving += [vector, vector]
    assert pc.run() is Outcome.POWERED_OFF
    assert counts(pc)[vector] == 2 and len(unasked(pc)) == 1
    assert pc.console.count(b"nap") == 3


def test_one_that_comes_at_any_instruction_of_the_kernel_changes_nothing():
    """Each life of the kernel's is 3 to some hundred instructions long: entry stub, system call or fault, way back."""
    plain, pc = machines()[1], machines()[1]
    for each in (plain, pc):
        each.boot()
    taken = disturb(pc, [1 + number % 97 for number in range(100_000)])
    for each in (plain, pc):
        assert each.run() is Outcome.POWERED_OFF
    assert set(range(1, 60)) <= set(taken)
    assert counts(pc)[Vector.NON_MASKABLE] == len(taken) & 0xFFFF_FFFF
    assert others(pc) == others(plain) and (pc.time, pc.traps) == (plain.time, plain.traps)
    kernel = look(MICROKERNEL, pc.ram.contents)
    check(kernel)
    mine, theirs = (look(MICROKERNEL, each.ram.contents).threads.table for each in (pc, plain))
    for one, other in zip(mine, theirs, strict=True):
        assert one.frame.eip == other.frame.eip and one.kernel_stack == other.kernel_stack
        assert (one.pid, one.state, one.wake_tick) == (other.pid, other.state, other.wake_tick)


def test_on_qemu_non_maskable_ones_hurt_neither_who_runs_nor_who_sleeps():
    payload = make_payload({"etc/init": b"sleeper 30\nforktree 7\n", **payload_programs()})
    file = make_image_file(MICROKERNEL, make_image(MICROKERNEL, payload, compiled(MICROKERNEL)))
    with Qemu(file, memory=16 * MIB, arguments=("-S",)) as machine:
        machine.command("cont")
        kernel, end = look(MICROKERNEL, machine.ram), time.monotonic() + WAIT
        while not kernel.timer.clock.ticks:
            assert time.monotonic() < end
            time.sleep(0.005)
        taken = kernel.strays.record.counts
        for _ in range(100):
            before, soon = taken[Vector.NON_MASKABLE], time.monotonic() + 0.05
            machine.command("inject-nmi")
            while taken[Vector.NON_MASKABLE] == before and time.monotonic() < soon:
                time.sleep(0.0005)  # a second one, while one waits to be taken, is not one more
        assert machine.wait() is Verdict.DONE
        console = machine.console.decode()
    assert console.count(NON_MASKABLE_TOLD) == 1 and "killed:" not in console and console.count("nap") == 3
    assert 50 < taken[Vector.NON_MASKABLE] <= 100


def test_every_vector_is_somebodys():
    exceptions = [vector for vector in range(256) if is_exception(vector)]
    assert exceptions == [0, 1, *range(3, 15), 16, 17, 19]
    assert SYSTEM_CALL not in STRAYS and TIMER not in STRAYS and len(STRAYS) == 256 - len(exceptions) - 3
    assert re.fullmatch("[a-z :;-]+", NON_MASKABLE_TOLD)
