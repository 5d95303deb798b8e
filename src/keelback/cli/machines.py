"""The machine that a command asks for, and whether a kernel could start."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from keelback.cli.commands.run import RunOptions
from keelback.cli.typed_input import logged, terminal_for_machine, typed_by
from keelback.errors import UserError
from keelback.image.images import make_image
from keelback.kernel.layout import MIB, Layout
from keelback.machine.input_log import Device, Typed
from keelback.machine.live import LiveInput
from keelback.machine.observed import Machine, Outcome
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.machine.simulated.pc import SimulatedPc


def least_memory(layout: Layout) -> int:
    """Return the memory of a machine that runs the payload's programs in a layout and is quickly compared."""
    # Wider entries make more tables, and wider programs are larger; memory that is the kernel's is nobody else's.
    is_small = layout.paging.entry_size == 4 and layout.owned_end < 8 * MIB
    return min(8 * MIB if is_small else 16 * MIB, layout.physical_limit)


@contextmanager
def machine_for(options: RunOptions, layout: Layout, payload: bytes) -> Iterator[Machine]:
    """Make the machine that `keelback run` asks for, whose console is shown, with its input.  Raises: UserError."""
    typed = typed_by(options.typing)
    live = LiveInput(sys.stdin.fileno()) if options.typing.is_live else None
    with terminal_for_machine(live.descriptor) if live is not None else nullcontext():
        if options.on_qemu:
            with _qemu_for(options, layout, payload, typed, live) as machine:
                yield machine
            return
        pc = _simulated_for(options, layout, payload)
        pc.input.add(*typed)
        pc.input.live = live
        with logged(Path(options.typing.log), pc) if options.typing.log is not None else nullcontext():
            yield pc


@contextmanager
def _qemu_for(
    options: RunOptions, layout: Layout, payload: bytes, typed: list[Typed], live: LiveInput | None
) -> Iterator[Machine]:
    """Make a QEMU with all that it is told.  Raises: UserError; QemuError."""
    # Imported here: hardly anybody runs QEMU.
    from keelback.cli.images import build_image_of, check_memory
    from keelback.machine.qemu.observed_qemu import ObservedQemu
    from keelback.machine.qemu.offered import offered_monitor
    from keelback.machine.qemu.qemu import CPU
    from keelback.machine.qemu.running_qemu import RunningQemu
    from keelback.machine.qemu.typing import Typist

    image = build_image_of(payload, layout)
    check_memory(image, layout, options.memory)
    given: dict[str, Any] = {
        "memory": options.memory,
        "cpu": options.cpu or CPU,
        "command_line": options.command_line,
        "output": _shown(options),
    }
    if typed or live is not None:
        given["typist"] = Typist(b"".join(each.data for each in typed if each.device is Device.SERIAL), live)
    if options.trace:
        with ObservedQemu(image, **given) as observed:
            yield observed
        return
    with ExitStack() as made:  # a machine that runs without a stop
        qmp = made.enter_context(offered_monitor(Path(options.qmp))) if options.qmp is not None else ()
        yield made.enter_context(RunningQemu(image, arguments=qmp, **given))


def _simulated_for(options: RunOptions, layout: Layout, payload: bytes) -> SimulatedPc:
    """Make a simulated PC with all that it is told but its input.  Raises: UserError."""
    given: dict[str, Any] = {
        "memory": options.memory,
        "command_line": options.command_line,
        "output": _by_bytes(_shown(options)),
    }
    if options.compiled:
        return make_compiled(layout, payload, **given)
    return make_interpreted(layout, payload, check=options.check, **given)


def _shown(options: RunOptions) -> Callable[[bytes], None]:
    """Return what is given the console's text."""
    return (lambda data: None) if options.as_json else _show_at_once if options.typing.is_live else _show


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data)  # not as text: what it means is between the program and the terminal
    if b"\n" in data:
        sys.stdout.flush()


def _show_at_once(data: bytes) -> None:
    """Show text that somebody waits for who types: no line may have ended."""
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


def _by_bytes(show: Callable[[bytes], None]) -> Callable[[int], None]:
    return lambda byte: show(bytes((byte,)))


def make_interpreted(
    layout: Layout,
    payload: bytes,
    *,
    memory: int,
    command_line: str = "",
    check: bool = False,
    output: Callable[[int], None] = lambda byte: None,
) -> SimulatedPc:
    """Return a machine whose kernel runs in this Python.  Raises: UserError."""
    image = make_image(layout, payload)
    return InterpretedPc(layout, image, memory=memory, command_line=command_line, check=check, output=output)


def make_compiled(
    layout: Layout,
    payload: bytes,
    *,
    memory: int,
    command_line: str = "",
    output: Callable[[int], None] = lambda byte: None,
) -> SimulatedPc:
    """Return a machine whose kernel is machine code.  Raises: UserError."""
    # Imported here: who runs the kernel interpreted needs no compiler.
    from keelback.image.kernels import compiled_to_run
    from keelback.machine.simulated.compiled import CompiledPc

    image = make_image(layout, payload, compiled_to_run(layout))
    return CompiledPc(layout, image, memory=memory, command_line=command_line, output=output)


def machine_of_image(options: RunOptions, layout: Layout, image: bytes) -> SimulatedPc:
    """Return the simulated PC that runs an image which was made before, and whose console is shown."""
    given: dict[str, Any] = {"memory": options.memory, "command_line": options.command_line, "output": _by_bytes(_show)}
    if not options.compiled:
        return InterpretedPc(layout, image, check=options.check, **given)
    # Imported here: who runs the kernel interpreted needs no compiler.
    from keelback.machine.simulated.compiled import CompiledPc

    return CompiledPc(layout, image, **given)


def check_start(machine: Machine) -> None:
    """Check that the kernel of a machine did not refuse to start.  Raises: UserError, in the kernel's words."""
    if machine.outcome is Outcome.REFUSED:
        raise UserError(bytes(machine.console).decode(errors="replace").partition("keelback: ")[2].strip())
