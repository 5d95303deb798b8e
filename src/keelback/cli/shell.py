"""`keelback shell`: Python with a machine's model at hand, line by line, for a script, or for one line."""

import sys
from pathlib import Path
from typing import Any

from keelback.cli.options import Target
from keelback.cli.statuses import BADLY, WELL
from keelback.cli.targets import looked_at, title_of
from keelback.cli.users_files import check_readable, users_python
from keelback.errors import UserError
from keelback.inspect.moment import Moment

BANNER = """\
{title}
machine has processes, spaces, libraries, frames and walk(pid, address); moment its RAM, console and time
"""


def run_shell(target: Target, *, code: str | None, script: str | None) -> int:
    """Run Python on a machine; return the exit status.  Raises: UserError; as `looked_at`."""
    if target.on is not None and target.words:
        if len(target.words) > 1 or script is not None or code is not None:
            raise UserError("with --on a word is a script; say one, or -e CODE")
        script, target = target.words[0], target._replace(words=())
    file = Path(script) if script is not None else None
    if code is not None and script is not None:
        raise UserError("-e and --script: say one of them")
    with looked_at(target) as moment:
        names = {"machine": moment.snapshot(), "moment": moment, "__name__": "__main__"}
        if code is not None:
            return _run(Path("-e"), code, "single", names)
        if file is not None:
            check_readable(file)
            return _run(file, file.read_bytes(), "exec", names)
        _interact(moment, names)
    return WELL


def _run(source: Path, code: str | bytes, form: str, names: dict[str, Any]) -> int:
    """Run Python; return the status that it ends with, as Python itself would.  Raises: UserError."""
    with users_python(source):
        try:
            exec(compile(code, str(source.absolute()), form), names)
        except SystemExit as end:
            if end.code is None or isinstance(end.code, int):
                return (end.code or WELL) & 0xFF
            print(end.code, file=sys.stderr)
            return BADLY
    return WELL


def _interact(moment: Moment, names: dict[str, Any]) -> None:
    # Imported here: a script needs neither.
    from code import InteractiveConsole
    from contextlib import suppress

    with suppress(ImportError):
        import readline
        from rlcompleter import Completer

        readline.set_completer(Completer(names).complete)
        readline.parse_and_bind("tab: complete")
    console = InteractiveConsole(names)
    is_terminal = sys.stdin.isatty()
    console.interact(BANNER.format(title=title_of(moment, names["machine"])).strip() if is_terminal else "", "")
