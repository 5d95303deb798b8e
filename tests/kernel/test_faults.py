"""Faults of programs: each kills its process alone, with a decoded message, and frees all that it had."""

import pytest

from keelback.kernel.processes.processes import Access, Ending, ProcessState
from support import FRAMES_OF_THE_KERNEL, code_program, console, frames_used, make_pc, payload_programs, run

DYING = {
    "null": (14, Access.READ, "page fault: read of 0x00000000, not mapped"),
    "wild": (14, Access.READ, "page fault: read of 0x00100000, protected"),
    "smash": (14, Access.WRITE, "page fault: write to 0x08048000, protected"),
    "privileged": (13, Access.NONE, "general protection fault"),
    "ports": (13, Access.NONE, "general protection fault"),
    "undefined": (6, Access.NONE, "invalid instruction"),
    "divide": (0, Access.NONE, "division error"),
}
WELL = ("hello", "primes", "ping", "pong", "sleeper")


@pytest.mark.parametrize("name", DYING)
def test_each_dies_alone_and_says_why(name):
    pc = run(name, "hello")
    vector, access, words = DYING[name]
    process = pc.kernel.processes.table[1]
    assert (process.state, process.ending) == (ProcessState.ZOMBIE, Ending.FAULTED)
    assert (process.fault.vector, process.fault.access) == (vector, access)
    assert f"keelback: process 1 ({name}) killed: {words}, instruction at {process.fault.instruction:#010x}" in console(
        pc
    )
    assert "survived" not in pc.console.decode()
    assert pc.kernel.processes.table[2].ending == Ending.EXITED
    assert frames_used(pc) == FRAMES_OF_THE_KERNEL


def test_many_programs_together_end_as_they_should():
    names = sorted((*DYING, *WELL))
    assert set(names) <= set(payload_programs())
    pc = run(*names)
    for pid, name in enumerate(names, 1):
        process = pc.kernel.processes.table[pid]
        if name in DYING:
            assert (process.ending, process.fault.vector) == (Ending.FAULTED, DYING[name][0])
        else:
            assert (process.ending, process.exit_status) == (Ending.EXITED, 0)
    assert frames_used(pc) == FRAMES_OF_THE_KERNEL
    assert "primes: 2262 primes up to 20000" in console(pc)


def test_ping_and_pong_take_turns():
    lines = [line for line in console(run("ping", "pong")) if line]
    assert lines == [f"{name} {number}" for number in range(1, 6) for name in ("ping", "pong")]


def test_primes_is_pre_empted():
    pc = run("primes 20000", "hello")
    assert pc.kernel.timer.clock.ticks > 30
    assert console(pc)[0].startswith("hello")


CODES = {
    "cc": "breakpoint",
    "b0ff0401ce0f0b": "invalid instruction",  # into without overflow goes on
    "b07f0401ce": "overflow",
    "f1": "debug trap",
    "fa": "general protection fault",
    "fb": "general protection fault",
    "cd0e": "general protection fault, error code 0x72",
    "cd20": "general protection fault, error code 0x102",
    "9c810c2400010000 9d90": "debug trap",  # the trap flag
    "9c810c2400400000 9dcf": "invalid task state",  # nested task, then iret
    "d9e8": "no floating-point unit",
    "0f20c0": "general protection fault",
    "33c08ed0": "general protection fault",
    "e9fbff0f00": "page fault: fetch from 0x08148000, not mapped",
    "b8001000 00ffe0": "page fault: fetch from 0x00001000, not mapped",
    "b800001000ffe0": "page fault: fetch from 0x00100000, protected",
    "33e4 50": "page fault: write to 0xfffffffc, not mapped",
    "c70500f0ffff00000000": "page fault: write to 0xfffff000, not mapped",
    "c70500f0efff00000000a1fcefefff": "page fault: read of 0xffefeffc, the stack is at its limit",  # its guard
    "50ebfd": "page fault: write to 0xffefeffc, the stack is at its limit",
    "c70500f0eeff00000000": "page fault: write to 0xffeef000, the stack is at its limit",  # the guard's first word
    "c705fcefeeff00000000": "page fault: write to 0xffeeeffc, not mapped",  # below the guard
}


@pytest.mark.parametrize("code", CODES)
def test_what_a_program_did_is_said(code):
    pc = run("it", programs={"it": code_program(code)})
    [line] = console(pc)
    assert line.startswith(f"keelback: process 1 (it) killed: {CODES[code]}, instruction at 0x")
    assert "fetch" in line or "instruction at 0x080480" in line
    assert frames_used(pc) == FRAMES_OF_THE_KERNEL


def test_the_space_of_a_killed_process_is_left_before_it_goes():
    pc = make_pc("null", "primes")
    pc.boot()
    while not pc.kernel.processes.table[1].ending:
        pc.step()
    space = pc.kernel.first_cpu.directory
    assert space == pc.kernel.processes.table[2].space.directory
