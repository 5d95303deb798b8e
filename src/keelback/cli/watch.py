"""`keelback watch`: the live view in this terminal, or in a browser."""

import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from keelback.cli.options import KernelChoice, Typing
from keelback.cli.statuses import WELL
from keelback.errors import UserError, to_install
from keelback.image.leftovers import end_with_parent

if TYPE_CHECKING:
    from keelback.cli.programs import Selection
    from keelback.kernel.layout import Layout

MISSING = f"the live view needs a library more; type: {to_install('watch')}"
SERVED = "TEXTUAL_DRIVER"
"""A variable of the environment that is set where a server shows what is drawn."""


class WatchOptions(NamedTuple):
    """What `keelback watch` is told beside the programs."""

    choice: KernelChoice
    compiled: bool
    memory: int
    command_line: str
    typing: Typing
    seed: int | None = None
    fail: tuple[str, int] | None = None
    """A call, and which allocation of its first fails."""


def watch(words: Sequence[str], options: WatchOptions) -> int:
    """Show a run of programs until the user ends it; return the exit status.  Raises: UserError; Interrupted."""
    try:
        from keelback.view.watch.app import WatchApp
    except ImportError as error:
        if (error.name or "").split(".")[0] != "textual":
            raise
        raise UserError(MISSING) from None
    check_terminal()
    if SERVED in os.environ:
        end_with_parent()
    from keelback.cli.debug_files import WithDebugData
    from keelback.cli.machines import check_start, make_compiled, make_interpreted
    from keelback.cli.run import TOUR
    from keelback.cli.running import stoppable
    from keelback.cli.typed_input import typed_by
    from keelback.inspect.lens import look
    from keelback.machine.recorded.recording import Recording
    from keelback.machine.simulated.failing import FailingAllocation
    from keelback.view.watch.watched import Watched

    layout, selection = _selected(words, options)
    make = make_compiled if options.compiled else make_interpreted
    pc = make(layout, selection.payload(), memory=options.memory, command_line=options.command_line)
    pc.input.add(*typed_by(options.typing))
    pc.timer.seed = options.seed
    if options.fail is not None:
        pc.failing = FailingAllocation(look(layout, pc.contents), *options.fail)
    with stoppable(pc):
        watched = Watched(Recording(pc), ", ".join(words or TOUR), WithDebugData(selection.files))
    check_start(pc)
    app = WatchApp(watched)
    app.run()
    if app.error is not None:
        raise app.error
    if app.is_busy:  # a kernel that loops: nothing of it is left to be tidied up
        os._exit(WELL)
    return WELL


def _selected(words: Sequence[str], options: WatchOptions) -> "tuple[Layout, Selection]":
    """Return the kernel's layout, and the programs that are named.  Raises: UserError."""
    from keelback.cli.own_parts import chosen_layout
    from keelback.cli.programs import select
    from keelback.cli.run import TOUR

    layout = chosen_layout(options.choice)
    return layout, select(words or TOUR, layout, command_line=options.command_line)


def check_terminal() -> None:
    """Check that there is a terminal to draw on, or the library that serves one.  Raises: UserError."""
    if SERVED in os.environ:
        return
    if not all(os.isatty(each) for each in range(3)) or os.environ.get("TERM") in (None, "", "dumb"):
        raise UserError("the live view needs a terminal that can be drawn on; maps and mem print instead")


def serve_watch(words: Sequence[str], options: WatchOptions, served: Sequence[str], port: int) -> int:
    """Serve the live view to browsers on this machine until control-C; `served` are the words that show it.

    Each page that is opened has a run of its own.  Raises: UserError when the port is taken or the library missing.
    """
    try:
        from keelback.view.watch.server import LOOPBACK, ViewServer
    except ImportError as error:
        if (error.name or "").split(".")[0] not in ("textual_serve", "aiohttp"):
            raise
        raise UserError(MISSING) from None
    _selected(words, options)  # a mistake is told here, and not in a page
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise UserError(f"--port {port}: {error.strerror}") from None
    ViewServer(served, port).serve()
    return WELL


def without_serving(words: Sequence[str]) -> list[str]:
    """Return the words of a command line without those that say that it serves, and where."""
    end = list(words).index("--") if "--" in words else len(words)
    kept = [each for each in words[:end] if each != "--serve" and not each.startswith("--port=")]
    if "--port" in kept:
        at = kept.index("--port")
        del kept[at : at + 2]
    return [*kept, *words[end:]]
