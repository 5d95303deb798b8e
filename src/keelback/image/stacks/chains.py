"""The deepest chain of calls from a function on, and how deep it takes the stack: callees first."""

from collections.abc import Generator, Sequence
from typing import NamedTuple

from keelback.image.stacks.code import Code
from keelback.image.stacks.ways import Stretch, Unbounded, ways


class Link(NamedTuple):
    """A function in a chain, and the bytes of stack that it has in use there, the next one's return address too."""

    function: str
    bytes: int


class Chain(NamedTuple):
    """Calls, each within the one before."""

    links: tuple[Link, ...] = ()

    @property
    def bytes(self) -> int:
        """Return how deep it takes the stack."""
        return sum(each.bytes for each in self.links)


class Chains:
    """The deepest chains of the functions of some code."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.deepest: dict[int, Chain] = {}
        self.stretches: dict[int, Stretch] = {}
        """Both by the address that a function starts at."""

    def of(self, function: int) -> Chain:
        """Return the deepest chain from the function at an address on.  Raises: Unbounded."""
        if function not in self.deepest:
            self._follow(function)
        return self.deepest[function]

    def of_entry(self, *places: int, depth: int = 0) -> list[Stretch]:
        """Return the stretches of entry code from some places on, the first of which begins `depth` bytes deep.

        Those behind it begin where the stack pointer is set to another stack, at depth 0.  Raises: Unbounded.
        """
        found = [self._entry(places, depth)]
        known, waiting = set[int](), found[0].moves.copy()
        while waiting:
            if (behind := waiting.pop()) not in known:
                known.add(behind)
                found.append(self._entry([behind], 0))
                waiting += found[-1].moves
        return found

    def _entry(self, places: Sequence[int], depth: int) -> Stretch:
        walk, returns = ways(self.code, *places, depth=depth, may_move=True), None
        try:
            while True:
                callee = walk.send(returns)  # type: ignore[arg-type]
                self.of(callee)
                returns = self.stretches[callee].returns
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def _follow(self, function: int) -> None:
        """Find the chain of a function, and before it those of what it calls."""
        open_: dict[int, Generator[int, bool, Stretch]] = {function: ways(self.code, function)}
        returns: bool | None = None
        while open_:
            inner = next(reversed(open_))
            try:
                callee = open_[inner].send(returns)  # type: ignore[arg-type]
            except StopIteration as end:
                del open_[inner]
                returns = self._note(inner, end.value)
                continue
            if callee in open_:
                raise Unbounded(self.code.name(callee), f"it calls itself: {self._cycle([*open_], callee)}")
            returns = self.stretches[callee].returns if callee in self.deepest else None
            if returns is None:
                open_[callee] = ways(self.code, callee)

    def _note(self, function: int, stretch: Stretch) -> bool:
        """Keep what was found of a function; return whether it returns.  Raises: Unbounded.

        A call that no way leads to may be behind a table that was read too short; elsewhere it is behind one that never
        returns, of a method that always panics, say, which the C compiler has not noticed.
        """
        symbol = self.code.function(function) if stretch.by_table else None
        unseen = [each for each in self.code.calls_in(symbol) if each not in stretch.places] if symbol else []
        if unseen:
            raise Unbounded(self.code.name(function), f"no way that is known leads to its call at {unseen[0]:#x}")
        self.stretches[function] = stretch
        self.deepest[function] = self.deepest_of(stretch, self.code.name(function))
        return stretch.returns

    def deepest_of(self, stretch: Stretch, name: str) -> Chain:
        """Return the deepest chain that begins with a stretch, all of whose callees are known."""
        chains = [Chain((Link(name, stretch.deepest),))]
        chains += [Chain((Link(name, depth), *self.deepest[callee].links)) for depth, callee in stretch.calls]
        return max(chains, key=lambda each: each.bytes)

    def _cycle(self, open_: Sequence[int], callee: int) -> str:
        inside = open_[open_.index(callee) :]
        return " → ".join(self.code.name(each) for each in (*inside, callee))
