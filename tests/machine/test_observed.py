"""Every machine can be looked at where its kernel is up and after each trap, and goes on as if nobody had looked."""

import re
import signal
from contextlib import nullcontext
from functools import cache

import pytest
from unicorn import x86_const as x86

from keelback.image.host_tools import install_line
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.processes.processes import ProcessState
from keelback.lang import Panic
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome, observe
from keelback.machine.qemu.observed_qemu import ObservedQemu
from keelback.machine.qemu.qemu import BY_INSTRUCTIONS, Qemu
from keelback.machine.qemu.qmp import QemuError
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from support import MIB, c_program, payload_programs

MEMORY = 8 * MIB
MACHINES = ("interpreted", "compiled", "QEMU")
PAGING = 1 << 31
GREETING = b"keelback: microkernel layout, "
FAMILY = """
int main(void)
{
    struct ending ending;

    for (int child = 0; child < 2; child++)
        if (sys_fork_child() == 0)
            return 0;
    for (int child = 0; child < 2; child++)
        sys_wait(-1, &ending);
    return 0;
}"""


@cache
def payload(*lines):
    programs = payload_programs()
    members = {name: programs[name] for name in ("hello", "ping", "sleeper")} | {"family": c_program(FAMILY)}
    return make_payload({"etc/init": "".join(line + "\n" for line in lines).encode(), **members})


def image_file(*lines):
    return make_image_file(MICROKERNEL, make_image(MICROKERNEL, payload(*lines), compiled(MICROKERNEL)))


def machine_of(name, *lines, **options):
    """Return a context with a machine of a kind, not booted, that starts some lines."""
    if name == "QEMU":
        return ObservedQemu(image_file(*lines), memory=MEMORY, **options)
    if name == "compiled":
        image = make_image(MICROKERNEL, payload(*lines), compiled(MICROKERNEL))
        return nullcontext(CompiledPc(MICROKERNEL, image, memory=MEMORY, **options))
    return nullcontext(InterpretedPc(MICROKERNEL, make_image(MICROKERNEL, payload(*lines)), memory=MEMORY, **options))


@pytest.fixture(params=MACHINES)
def kind(request):
    return request.param


def control_register_0(machine):
    if isinstance(machine, Qemu):
        return int(machine.monitor("info registers").partition("CR0=")[2][:8], 16)
    return machine.processor.system.read_control(x86.UC_X86_REG_CR0)


def alive(kernel):
    return [each.pid for each in kernel.processes.table if each.state == ProcessState.ALIVE]


def nothing():
    pass


# The points.


def test_the_kernel_is_up_once_with_paging_on_no_process_and_all_user_frames_free(kind):
    seen = []

    def look_around():
        counts = lens.memory.frames.counts
        used = counts.user_total - counts.user_free
        paging = control_register_0(machine) & PAGING != 0
        states = {each.state for each in lens.processes.table}
        seen.append((paging, states, used, counts.user_free > 500, machine.traps, machine.console.count(b"\n")))
        check(lens)

    with machine_of(kind, "hello", "ping") as machine:
        lens = look(machine.layout, machine.contents)
        assert observe(machine, at_booted=look_around, after_trap=nothing) is Outcome.POWERED_OFF
    assert seen == [(True, {ProcessState.FREE}, 0, True, 0, 1)]
    assert machine.console.startswith(GREETING) and b"hello: I am process 1\n" in machine.console


def test_both_lives_have_equal_ram_where_the_kernel_is_up():
    with machine_of("interpreted") as first, machine_of("compiled") as second:
        report = compare(first, second)
    assert (report.difference, report.traps) == (None, 0)


def test_every_trap_is_seen_and_processes_come_and_go_between_them(kind):
    seen = []

    def look_around():
        seen.append((machine.traps, alive(lens)))
        check(lens)

    with machine_of(kind, "family") as machine:
        lens = look(machine.layout, machine.contents)
        observe(
            machine,
            at_booted=lambda: seen.append((0, alive(lens))),
            at_begun=lambda: seen.append((0, alive(lens))),
            after_trap=look_around,
        )
    assert [number for number, _ in seen] == [0, *range(machine.traps + 1)]
    assert [pids for _, pids in seen[:2]] == [[], [1]]
    changes = [pids for number, (_, pids) in enumerate(seen) if number == 0 or pids != seen[number - 1][1]]
    assert changes == [[], [1], [1, 2], [1, 2, 3], [1, 3], [1], []]


def test_a_machine_that_starts_no_program_is_up_and_sees_no_trap(kind):
    seen = []
    with machine_of(kind) as machine:
        outcome = observe(machine, at_booted=lambda: seen.append(0), after_trap=lambda: seen.append(1))
    assert (outcome, machine.traps, seen) == (Outcome.POWERED_OFF, 0, [0])


def test_a_kernel_that_refuses_is_never_up(kind):
    seen = []
    with machine_of(kind, "hello", command_line="memory=2M") as machine:
        outcome = observe(machine, at_booted=lambda: seen.append(0), after_trap=lambda: seen.append(1))
    assert (outcome, seen) == (Outcome.REFUSED, [])
    assert b"keelback: can't start. There is not enough memory: " in machine.console


def test_a_kernel_that_is_broken_while_it_stands_still_panics_when_it_goes_on(kind):
    def break_it():
        lens.threads.table[1].pid = 0xFFFF

    with machine_of(kind, "hello") as machine:
        lens = look(machine.layout, machine.contents)
        with pytest.raises(Panic, match="an index is out of range|index 65535 of an array of "):
            observe(machine, at_booted=nothing, after_trap=break_it)
    assert machine.traps == 2 and b"keelback: kernel panic: " in machine.console


# QEMU.


def test_looking_at_qemu_changes_neither_what_happens_nor_when():
    lines = ("hello", "ping 3", "sleeper 1", "family")
    with Qemu(image_file(*lines), memory=MEMORY, arguments=BY_INSTRUCTIONS) as plain:
        plain.wait()
    with machine_of("QEMU", *lines) as watched:
        observe(watched, at_booted=nothing, after_trap=nothing)
    assert watched.console == plain.console
    ticks = [look(MICROKERNEL, each.ram).timer.clock.ticks for each in (plain, watched)]
    assert ticks[0] == ticks[1] == 3
    with machine_of("compiled", *lines) as simulated:
        simulated.boot()
        simulated.run()
    assert watched.traps == simulated.traps


def test_what_the_console_says_is_there_when_the_machine_is_looked_at():
    lengths = []
    with machine_of("QEMU", "ping 3") as machine:
        observe(machine, at_booted=nothing, after_trap=lambda: lengths.append(len(machine.console)))
    greeting = machine.console.index(b"ping 1")
    assert sorted(set(lengths)) == [greeting + len("ping 1\n") * lines for lines in range(4)]


def test_qemu_runs_on_undisturbed_when_nobody_looks_any_more():
    def look_twice():
        if machine.traps == 2:
            machine.after_trap.clear()

    with machine_of("QEMU", "ping 50") as machine:
        outcome = observe(machine, at_booted=nothing, after_trap=look_twice)
    assert (outcome, machine.traps) == (Outcome.POWERED_OFF, 2)
    assert machine.console.endswith(b"ping 50\n")


@pytest.mark.parametrize("name", MACHINES)
def test_an_observer_that_goes_hides_no_other(name):
    seen = []

    def look_once():
        machine.before_trap.remove(look_once)
        seen.append("once")

    with machine_of(name, "hello") as machine:
        machine.before_trap += [look_once, lambda: seen.append(machine.traps)]
        observe(machine)
    assert seen == ["once", *range(1, machine.traps + 1)]


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("at_booted", "QEMU ended before its gdb server answered z1,[0-9a-f]+,1"),
        ("after_trap", "QEMU ended early: the machine was stopped"),
    ],
)
def test_a_qemu_that_dies_early_is_one_clear_line(point, message):
    def end_it():
        machine.process.send_signal(signal.SIGTERM)
        machine.process.wait()

    with machine_of("QEMU", "hello") as machine:
        with pytest.raises(QemuError) as caught:
            observe(machine, **{"at_booted": nothing, "after_trap": nothing, point: end_it})
        assert re.fullmatch(message, str(caught.value))


def test_a_qemu_that_is_missing_or_does_not_start_is_one_clear_line(monkeypatch):
    with pytest.raises(QemuError) as caught:
        machine_of("QEMU", "hello", cpu="nonesuch")
    assert str(caught.value) == "QEMU did not start: qemu-system-x86_64: unable to find CPU model 'nonesuch'"
    monkeypatch.setenv("PATH", "")
    with pytest.raises(QemuError) as caught:
        machine_of("QEMU", "hello")
    assert str(caught.value) == f"there is no qemu-system-x86_64 on this machine: {install_line('qemu-system-x86_64')}"


def test_an_observer_that_fails_leaves_nothing_behind():
    with pytest.raises(ZeroDivisionError), machine_of("QEMU", "hello") as machine:
        observe(machine, at_booted=lambda: 1 // 0, after_trap=nothing)
    assert machine.process.returncode is not None and not machine.folder.exists()
    assert look(machine.layout, machine.contents).memory.frames.counts.user_free > 500


def test_no_tick_of_the_bios_waits_for_the_first_program():
    """Laying out a gigabyte takes longer than its timer needs to ask."""
    with ObservedQemu(image_file("hello"), memory=1 << 30) as machine:
        machine.boot()
        (main,) = (line for line in machine.monitor("info pic").splitlines() if line.startswith("pic0"))
    assert "irr=00" in main and "imr=fe" in main
