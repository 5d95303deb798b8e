"""What is proven of a stack, or that nothing is."""

from collections.abc import Sequence
from dataclasses import dataclass

ENTRY, INTERRUPT = "entry code", "non-maskable interrupt"
"""What stands in a chain for code that is no function."""


@dataclass(frozen=True)
class StackBound:
    """A stack of `size` bytes, and the chain that takes it deepest."""

    stack: str
    size: int
    chain: tuple[tuple[str, int], ...]

    @property
    def taken(self) -> int:
        """Return the most bytes that are ever in use."""
        return sum(taken for _, taken in self.chain)

    @property
    def free(self) -> int:
        """Return the bytes that are left."""
        return self.size - self.taken

    def way(self) -> str:
        """Say the chain, without entry code."""
        return " → ".join(function for function, _ in self.chain if function not in (ENTRY, INTERRUPT))


class UnprovenStack(Exception):
    """Nothing is proven of a stack; `functions` are those to look at, the worst first."""

    def __init__(self, functions: Sequence[str], message: str) -> None:
        self.functions = functions
        super().__init__(message)
