"""`keelback doctor`: what is missing on this machine, what it is needed for, and which line installs it."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from rich.console import Console
from rich.text import Text

from keelback.cli.json_output import print_json
from keelback.cli.statuses import MISTAKE, WELL
from keelback.cli.tables import make_table, print_table
from keelback.errors import to_install
from keelback.image.cache import cache_directory
from keelback.image.cache_bound import kept_in
from keelback.image.host_tools import install_line
from keelback.image.iso import GRUB
from keelback.image.leftovers import run_tool
from keelback.view.emulator import BIOS, VERSION, is_bios_there, is_v86_kept

LEAST_PYTHON = (3, 11)
TOOLS = {
    "qemu-system-x86_64": "run --machine qemu, story --machine qemu",
    "qemu-system-i386": "gdb",
    "gdb": "gdb",
    "grub-mkrescue": "build --iso",
    "xorriso": "build --iso",
}


EXTRAS = {"watch": "watch", "png": "--png of maps and mem", "cluster": "grade --dask"}
"""What the packages of each extra are needed for; `dev` is for who works on Keelback."""
EXTRA = re.compile(r"extra == ['\"](\w+)['\"]")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for: `found` is what there is, empty where it is missing, `cure` what to do then."""

    what: str
    needed_for: str
    found: str
    cure: str = ""
    necessary: bool = False


def examine(*, as_json: bool) -> int:
    """Print what there is and what is missing; return the exit status, 2 where nothing can be run."""
    findings = [_python(), *_packages(), *_extras(), _compiler(), _cache(), *_tools(), _grub(), *_web()]
    status = MISTAKE if any(each.necessary and not each.found for each in findings) else WELL
    if as_json:
        facts = [asdict(each) for each in findings]
        print_json({"status": status, "system": platform.platform(), "findings": facts})
        return status
    table = make_table()
    for column in ("", "needed for", "found"):
        table.add_column(column, overflow="fold")
    for each in findings:
        found = Text(each.found) if each.found else Text("missing", style="red" if each.necessary else "yellow")
        table.add_row(each.what, each.needed_for, found)
    console = Console(highlight=False)
    print_table(console, table)
    cures = dict.fromkeys(each.cure for each in findings if not each.found)
    console.print("\nNothing is missing." if not cures else "\nTo install what is missing:")
    for cure in cures:
        console.print(f"  {cure}", soft_wrap=True, markup=False)
    return status


def _python() -> Finding:
    found = platform.python_version() if sys.version_info >= LEAST_PYTHON else ""
    return Finding("Python", "everything", found, "Python 3.11 or newer: https://www.python.org/downloads/", True)


def _packages() -> Iterator[Finding]:
    """Yield the packages that this one asks for."""
    for wanted, extra in _wanted():
        if not extra:
            cure = f"{sys.executable} -m pip install '{wanted}'"
            yield Finding(_name(wanted), "everything", _found(wanted), cure, True)


def _extras() -> Iterator[Finding]:
    """Yield the packages that this one asks for where somebody wants more of it."""
    for wanted, extra in _wanted():
        if extra in EXTRAS:
            yield Finding(_name(wanted), EXTRAS[extra], _found(wanted), to_install(extra))


def _wanted() -> list[tuple[str, str]]:
    """Return each package and the versions that are asked for, with the extra that asks."""
    try:
        lines = [each.partition(";") for each in requires("keelback") or ()]
    except PackageNotFoundError:
        return []
    found = [(package.strip(), EXTRA.search(condition)) for package, _, condition in lines]
    return [(package, extra[1] if extra else "") for package, extra in found]


def _name(wanted: str) -> str:
    return re.split(r"[=<>~!\[ ]", wanted)[0]


def _found(wanted: str) -> str:
    try:
        return version(_name(wanted))
    except PackageNotFoundError:
        return ""


def _compiler() -> Finding:
    """Say whether the C compiler runs on this machine."""
    try:
        from keelback.image.zig import zig_program

        done = run_tool([str(zig_program()), "version"])
        found = f"zig {done.stdout.decode().strip()}" if done.returncode == 0 else ""
    except (OSError, PackageNotFoundError):
        found = ""
    cure = f"{sys.executable} -m pip install --force-reinstall ziglang"
    return Finding("C compiler", "programs in C, compiled kernels", found, cure, True)


def _cache() -> Finding:
    """Say where builds are kept, and how much that is."""
    folder = cache_directory()
    kept = list(kept_in(folder))
    size = sum(each.size for each in kept) >> 20
    writable = os.access(folder, os.W_OK)
    found = f"{_short(folder)}, {len(kept):,} files, {size:,} MiB" if writable else ""
    return Finding("cache", "builds that are kept", found, "KEELBACK_CACHE=FOLDER names another place")


def _short(folder: Path) -> str:
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def _tools() -> Iterator[Finding]:
    for program, needed_for in TOOLS.items():
        yield Finding(program, needed_for, shutil.which(program) or "", install_line(program))


def _grub() -> Finding:
    found = str(GRUB) if GRUB.is_dir() else ""
    return Finding("GRUB for a BIOS", "build --iso", found, install_line("grub-mkrescue"))


def _web() -> Iterator[Finding]:
    """Yield what the web page's machine is made of: v86, which npm fetches when it is first needed, and its BIOS."""
    kept = f"{VERSION}, in the cache" if is_v86_kept() else ""
    yield Finding("v86", "web", kept or shutil.which("npm") or "", install_line("npm"))
    yield Finding("SeaBIOS", "web", str(BIOS) if is_bios_there() else "", install_line("seabios"))
