"""The colours of processes, told apart by all eyes: those of Okabe and Ito, by the id modulo seven."""

from typing import NamedTuple


class Ground(NamedTuple):
    """A ground to draw on, and what is drawn on it: text, what is quiet, grounds of their own, rings, and processes."""

    paper: str
    ink: str
    quiet: str
    faint: str
    table: str
    panel: str
    ring: str
    owners: tuple[str, ...]


OKABE_ITO = ("#CC79A7", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00")
"""By the id modulo their number: process 1 is orange."""
DARK = Ground("#14171a", "#e8e6e3", "#9a9ea3", "#6f757b", "#454c53", "#1e2226", "#ff5c8a",
              ("#CC79A7", "#E69F00", "#56B4E9", "#1DB98A", "#F0E442", "#4C9FE0", "#F07B3A"))  # fmt: skip
LIGHT = Ground("#ffffff", "#1b1d1f", "#5f6368", "#9aa0a6", "#2e3338", "#f4f5f6", "#c2185b",
               ("#A84F80", "#9C6B00", "#1F73A8", "#00714F", "#7A7000", "#005A8C", "#B34E00"))  # fmt: skip
"""On both, text in a colour has a contrast of 4.5 : 1 at least."""


def colour_of(pid: int, colours: tuple[str, ...] = OKABE_ITO) -> str:
    """Return the colour of a process."""
    return colours[pid % len(colours)]
