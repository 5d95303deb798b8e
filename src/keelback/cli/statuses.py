"""How a command ends, by its exit status."""

from typing import Final

WELL, BADLY, MISTAKE, KERNEL_WRONG, HOST_FAILED, BY_SIGNAL = 0, 1, 2, 3, 4, 128

STATUSES: Final = (
    ("0", "all went well"),
    ("1", "a process ended badly or not at all, two lives differ, or nobody reads the output"),
    ("2", "a mistake in the command or its files, or a tool is missing or fails"),
    ("3", "the kernel itself was found wrong"),
    ("4", "the host has no memory, what is printed has no room where it goes, or Keelback itself failed"),
    ("128 + n", "signal n ended it: 130 is control-C, 143 is SIGTERM"),
)
"""Every exit status and what it means; help, man page and docs/commands.md have their tables from here."""
