"""Does what a hint says, to the letter: runs its command, types its keys, steps once; prints where that led, in JSON.

python hinted.py "keelback watch --with fork.py twice.c    then g, #9"
"""

import asyncio
import json
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from keelback.cli import main, watch
from keelback.view.watch.app import WatchApp
from view.screens import settled


def typed_in(keys):
    """Return what runs the view in place of a terminal, and types `g, #9`: a key, and what it asks for."""

    def run(app):
        async def use():
            async with app.run_test(size=(120, 40)) as pilot:
                await settled(pilot, app)
                for word in filter(None, keys.split(", ")):
                    await pilot.press(*word, *["enter"] * (len(word) > 1))
                    await settled(pilot, app)
                before = app.watched.at
                await pilot.press("right")
                await settled(pilot, app)
                events = "; ".join(map(str, app.watched.events_of(app.watched.at)))
                seen = {"events": events, "ending": app.watched.ending, "console": app.watched.console}
                print(json.dumps({"before": before, **seen}))

        asyncio.run(use())

    return run


if __name__ == "__main__":
    command, _, keys = sys.argv[1].partition("    then ")
    WatchApp.run, watch.check_terminal = typed_in(keys), lambda: None
    sys.argv = shlex.split(command)
    main()
