"""The line that installs what is missing is the one of this machine's package manager."""

import pytest

from keelback.image import host_tools
from keelback.image.host_tools import install_line, missing_tools


@pytest.mark.parametrize(
    ("there", "programs", "line"),
    [
        ("apt-get", ["gdb"], "apt-get install -y gdb"),
        ("apt-get", ["grub-mkrescue", "xorriso"], "apt-get install -y grub-pc-bin grub-common xorriso"),
        ("dnf", ["qemu-system-x86_64", "qemu-system-i386"], "dnf install -y qemu-system-x86"),
        ("pacman", ["xorriso"], "pacman -S --noconfirm libisoburn"),
        ("brew", ["qemu-system-x86_64"], "brew install qemu"),
        ("brew", ["grub-mkrescue"], "brew has no package for grub-mkrescue that is known here"),
        ("none", ["gdb"], "apt-get install -y gdb"),
    ],
)
def test_the_line_is_of_the_manager_that_is_there(monkeypatch, there, programs, line):
    monkeypatch.setattr(host_tools.shutil, "which", lambda name: f"/bin/{name}" if name == there else None)
    assert install_line(*programs) == line


def test_what_is_not_there_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_tools(["gdb", "xorriso"]) == ["gdb", "xorriso"]
