"""`keelback run --machine qemu`: the same programs on QEMU, booted from the kernel image file."""

import sys
from collections.abc import Sequence

from keelback.cli.ending import fail
from keelback.cli.images import build_image, check_memory
from keelback.cli.report import print_report
from keelback.cli.session import is_well
from keelback.cli.statuses import BADLY, KERNEL_WRONG, WELL
from keelback.cli.streams import take_terminal_back
from keelback.inspect.endings import endings
from keelback.inspect.lens import look
from keelback.kernel.layout import Layout
from keelback.machine.breaking import breakable
from keelback.machine.panics import panic_of
from keelback.machine.qemu.qemu import BY_INSTRUCTIONS, CPU, Qemu, Verdict


def run_on_qemu(words: Sequence[str], *, layout: Layout, memory: int, cpu: str | None, command_line: str) -> int:
    """Run the programs that the words name to their end; return the exit status.  Raises: UserError."""
    selection, image = build_image(words, layout, command_line=command_line)
    check_memory(image, layout, memory)
    sys.stdout.flush()
    arguments = ("-S", *BY_INSTRUCTIONS)
    machine = Qemu(image, memory=memory, cpu=cpu or CPU, command_line=command_line, arguments=arguments, output=_show)
    with machine, breakable(machine, layout):
        machine.command("cont")
        verdict = machine.wait()
    take_terminal_back(machine.console)
    if verdict is Verdict.RESET:
        return fail("the machine reset itself: the kernel could not serve a fault of its own", KERNEL_WRONG)
    if verdict is Verdict.STOPPED:
        return fail("QEMU was stopped from outside", BADLY)
    if verdict is Verdict.REFUSED:
        return fail("the kernel could not start", BADLY)
    lens = look(layout, machine.ram)
    if verdict is Verdict.PANICKED:
        return fail(f"kernel panic: {panic_of(lens)}", KERNEL_WRONG)
    ended = list(endings(lens, selection.files))
    print_report(lens, ended)
    return WELL if is_well(lens, ended, selection) else BADLY


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
