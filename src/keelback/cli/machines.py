"""The simulated PC that a command asks for, and whether a kernel could start."""

from collections.abc import Callable

from keelback.errors import UserError
from keelback.image.images import make_image
from keelback.kernel.layout import Layout
from keelback.machine.observed import Observed, Outcome
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.machine.simulated.pc import SimulatedPc


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
    from keelback.image.kernels import compiled
    from keelback.machine.simulated.compiled import CompiledPc

    image = make_image(layout, payload, compiled(layout))
    return CompiledPc(layout, image, memory=memory, command_line=command_line, output=output)


def check_start(machine: Observed) -> None:
    """Check that the kernel of a machine did not refuse to start.  Raises: UserError, in the kernel's words."""
    if machine.outcome is Outcome.REFUSED:
        raise UserError(bytes(machine.console).decode(errors="replace").partition("keelback: ")[2].strip())
