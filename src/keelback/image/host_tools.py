"""Programs of the host that some commands need, and the line that installs each where it is missing."""

import shutil
from collections.abc import Sequence
from typing import Final

INSTALLERS: Final = {
    "apt-get": "apt-get install -y",
    "dnf": "dnf install -y",
    "pacman": "pacman -S --noconfirm",
    "brew": "brew install",
}
"""The package managers that are looked for, in this order, and how each installs packages."""

PACKAGES: Final[dict[str, dict[str, str]]] = {
    "qemu-system-x86_64": {"apt-get": "qemu-system-x86", "dnf": "qemu-system-x86", "pacman": "qemu-system-x86"}
    | {"brew": "qemu"},
    "qemu-system-i386": {"apt-get": "qemu-system-x86", "dnf": "qemu-system-x86", "pacman": "qemu-system-x86"}
    | {"brew": "qemu"},
    "gdb": {"apt-get": "gdb", "dnf": "gdb", "pacman": "gdb", "brew": "gdb"},
    "grub-mkrescue": {"apt-get": "grub-pc-bin grub-common", "pacman": "grub mtools"},
    "xorriso": {"apt-get": "xorriso", "dnf": "xorriso", "pacman": "libisoburn", "brew": "xorriso"},
    "npm": {"apt-get": "npm", "dnf": "nodejs-npm", "pacman": "npm", "brew": "node"},
    "seabios": {"apt-get": "seabios"},
}
"""The packages that have a program, by package manager."""


def install_line(*programs: str) -> str:
    """Return the line that installs some programs here: by the package manager of this machine, else by apt-get."""
    manager = next((each for each in INSTALLERS if shutil.which(each)), "apt-get")
    packages = [PACKAGES[program].get(manager) for program in programs]
    if None in packages:
        missing = [program for program, package in zip(programs, packages, strict=True) if package is None]
        return f"{manager} has no package for {' and '.join(missing)} that is known here"
    return f"{INSTALLERS[manager]} {' '.join(dict.fromkeys(map(str, packages)))}"


def missing_tools(programs: Sequence[str]) -> list[str]:
    """Return those of some programs that are not on this machine."""
    return [program for program in programs if shutil.which(program) is None]
