"""Screens of the live view, as docs/watch.md shows them: a command, keys, and what is seen then.

```text
keelback watch cow        → 16 times, in 80 columns and 24 lines
╭─ memory …
"""

import asyncio
import re

from consoles import ROOT
from keelback.kernel.layout import MICROKERNEL
from keelback.machine.recorded.recording import Recording
from keelback.view.watch.app import WatchApp
from keelback.view.watch.watched import Watched
from support import MIB, make_pc, programs_of

PAGE = ROOT / "docs" / "watch.md"
SCREEN = re.compile(
    r"```text\nkeelback watch (.*?)  +→ (\d+) times, in (\d+) columns and (\d+) lines\n(.*?)```", re.DOTALL
)


def screen(app):
    """Return the lines of the terminal."""
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


def seen(run, do, size):
    """Return the lines of the terminal after somebody has done something with the view of a run."""

    async def use():
        app = WatchApp(run)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await do(pilot, app)
            await settled(pilot, app)
            return screen(app)

    return asyncio.run(use())


async def settled(pilot, app):
    """Wait until the machine stands and is shown."""
    await pilot.pause()
    while app.is_busy:
        await pilot.pause(0.01)
    await pilot.pause()


def typed(*keys):
    """Return what types some keys."""

    async def do(pilot, app):
        for key in keys:
            await pilot.press(key)
            await settled(pilot, app)

    return do


def page_now():
    """Return the page's text with each screen as the view has it now."""

    def shown(match):
        program, count, columns, lines = match[1], *map(int, match.groups()[1:4])
        files = {name: programs_of(MICROKERNEL)[name] for name in [program.split()[0]]}
        pc = make_pc(program, programs=files, memory=64 * MIB, check=False)
        now = seen(Watched(Recording(pc), program), typed(*["right"] * count), (columns, lines))
        head = match[0].partition("\n")[2].partition("\n")[0]
        return "\n".join(["```text", head, *now, "```"])

    return SCREEN.sub(shown, PAGE.read_text())
