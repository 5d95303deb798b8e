"""`keelback run --machine qemu`: the same programs on QEMU, booted from the kernel image file."""

import sys
from collections.abc import Sequence

from keelback.cli.errors import CommandError
from keelback.cli.images import build_image, check_memory
from keelback.cli.report import print_report
from keelback.cli.session import BADLY, INTERRUPTED, KERNEL_WRONG, WELL, fail, is_well
from keelback.inspect.endings import endings
from keelback.inspect.lens import look
from keelback.kernel.layout import Layout
from keelback.machine.panics import panic_of
from keelback.machine.qemu import BY_INSTRUCTIONS, Qemu, QemuError, Verdict


def run_on_qemu(words: Sequence[str], *, layout: Layout, memory: int, cpu: str, command_line: str) -> int:
    """Run the programs that the words name to their end; return the exit status.  Raises: CommandError."""
    selection, image = build_image(words, layout)
    check_memory(image, layout, memory)
    sys.stdout.flush()
    try:
        with Qemu(
            image, memory=memory, cpu=cpu, command_line=command_line, arguments=BY_INSTRUCTIONS, output=_show
        ) as machine:
            verdict = machine.wait()
    except QemuError as error:
        raise CommandError(str(error)) from error
    except KeyboardInterrupt:
        return fail("interrupted", INTERRUPTED)
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
