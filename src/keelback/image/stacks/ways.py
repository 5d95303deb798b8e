"""Every way through a function, and how deep the stack is on it: what it pushes, and what it calls when.

    caller  │ … │ return address │   depth 0
    ours    │ what was pushed    │   depth n: the stack pointer is n bytes lower
            ▽

1. Where ways meet, the deepest counts.
2. A function gives the stack back as deep as it was, so a `ret` is at depth 0.
3. Who sets the stack pointer to anything but a place in its own frame goes on on another stack; entry code alone may.

Source: Intel SDM volume 2 (what an instruction pushes); System V ABI (a function keeps the frame pointer).
"""

import re
from collections.abc import Generator
from functools import cache
from typing import Final, NamedTuple

from keelback.image.stacks.code import Code, Instruction
from keelback.image.stacks.proven import UnprovenStack

_PUSHES: Final = {"push": 1, "pushfd": 1, "pushfq": 1, "pushal": 8, "pop": -1, "popfd": -1, "popfq": -1, "popal": -8}
"""Words that an instruction pushes."""
_ENDS: Final = frozenset({"ret", "ud2", "int3", "iret", "iretd", "iretq", "sysexit", "sysret", "sysretq", "ljmp"})
"""What no way goes on behind."""
_OTHERS: Final = re.compile(r"push|pop(?!cnt)|enter|int|sys|l?ret|loop|j|l?call")
"""What begins so and is not looked at by name has to do with the stack, or goes elsewhere, in a way not known here."""
_COMPARES: Final = frozenset({"cmp", "test"})
_STACK: Final = re.compile(r"[er]?spl?\b")
_FRAME: Final = re.compile(r"[er]?bpl?\b")
_EITHER: Final = re.compile(r"[er]?[sb]pl?\b")
_EXCHANGES: Final = ("xchg", "xadd", "cmpxchg")
_NUMBER: Final = re.compile(r"-?(?:0x[0-9a-f]+|\d+)")
_IN_STACK: Final = re.compile(r"\[[er]sp (?P<sign>[+-]) (?P<bytes>0x[0-9a-f]+|\d+)\]")
_IN_FRAME: Final = re.compile(r"\[[er]bp - (?P<bytes>0x[0-9a-f]+|\d+)\]")
_TABLE: Final = re.compile(r"[dq]word ptr \[\w+\*(?P<width>[48]) \+ (?P<table>0x[0-9a-f]+)\]")
_CONDITIONAL: Final = re.compile(r"j(?!mp)\w+|loop\w*")
NONE: Final = Instruction(0, "", "")
DEEPEST: Final = 1 << 16
"""Bytes that no way takes: one that is deeper pushes in a loop."""


class Unbounded(UnprovenStack):
    """Nothing can be said of how deep a function takes the stack."""

    def __init__(self, function: str, why: str) -> None:
        super().__init__([function], f"how much stack {function} takes is not known: {why}")


class Call(NamedTuple):
    """A call: how deep the stack is behind it, the return address pushed, and of which address."""

    depth: int
    callee: int


class Stretch(NamedTuple):
    """What happens on one stack: how deep it gets, without what is called, and the calls, in no order.

    `moves` are the places where it goes on on another stack, `places` how deep it is before each instruction, and
    `by_table` says whether a way goes on where a table of jumps says.
    """

    deepest: int
    calls: list[Call]
    moves: list[int]
    places: dict[int, int]
    returns: bool
    by_table: bool


class _At(NamedTuple):
    """A point on a way; `frame` is the depth that the frame pointer names, None where it names none."""

    address: int
    depth: int
    frame: int | None


def ways(code: Code, *starts: int, depth: int = 0, may_move: bool = False) -> Generator[int, bool, Stretch]:
    """Follow all ways from some addresses on; `depth` bytes are on the stack there.

    Yields the address of each function that is called, and is to be sent whether it returns.
    `may_move`: whether this is entry code.

    Raises: Unbounded.
    """
    walk = _Walk(code, [_At(start, depth, None) for start in starts], may_move)
    while walk.waiting:
        walk.last = NONE
        at: _At | None = walk.waiting.pop()
        while at is not None and (here := walk.noticed(at)) is not None:
            at, callee = walk.step(here)
            if callee is not None and not (yield callee):
                at = None
    return Stretch(max(walk.depths()), walk.calls, walk.moves, walk.places(), walk.returns, walk.by_table)


@cache
def _is_plain(name: str) -> bool:
    """Say whether an instruction of a name has nothing to do with the stack but by what it writes to, and goes on."""
    return name not in _ENDS and name != "leave" and name not in _EXCHANGES and not _OTHERS.match(name)


class _Walk:
    """The ways from some points on, as far as they were followed."""

    def __init__(self, code: Code, waiting: list[_At], may_move: bool) -> None:
        self.code = code
        self.may_move = may_move
        self.waiting = waiting
        self.seen: dict[int, _At] = {}
        self.calls: list[Call] = []
        self.moves: list[int] = []
        self.returns = self.by_table = False
        self.before = self.last = NONE
        """The instruction before, on this way, and the one that is looked at."""
        self.said_before: dict[int, Instruction] = {}
        """By the address of a jump whose target the instruction before it has, that instruction."""

    def depths(self) -> list[int]:
        """Return how deep the stack is at each place, and behind each call."""
        return [each.depth for each in self.seen.values()] + [each.depth for each in self.calls]

    def places(self) -> dict[int, int]:
        """Return how deep the stack is before each instruction."""
        return {address: at.depth for address, at in self.seen.items()}

    def refused(self, at: _At, what: str) -> Unbounded:
        """Return why nothing can be said."""
        instruction = self.code.instruction(at.address)
        text = f"{instruction.name} {instruction.operands}".strip() if instruction is not None else "no instruction"
        return Unbounded(self.code.name(at.address), f"{what} ({text}, at {at.address:#x})")

    def noticed(self, at: _At) -> _At | None:
        """Notice a point; return the deepest that is known of its address, None where nothing new is."""
        known = self.seen.get(at.address)
        if known is not None:
            if self.said_before.get(at.address, self.last) != self.last:
                raise self.refused(at, "where it goes is known when it runs only")
            at = _At(at.address, max(at.depth, known.depth), at.frame if at.frame == known.frame else None)
            if at == known:
                return None
        if at.depth > DEEPEST:
            raise self.refused(at, "it pushes in a loop")
        self.seen[at.address] = at
        return at

    def step(self, at: _At) -> tuple[_At | None, int | None]:
        """Return the point behind an instruction, None where no way goes on, and which function it calls, if any.

        Raises: Unbounded.
        """
        instruction = self.code.instruction(at.address)
        if instruction is None:
            raise self.refused(at, "it goes where no code is")
        size, name, operands = instruction
        behind = _At(at.address + size, at.depth, at.frame)
        self.before, self.last = self.last, instruction
        if _is_plain(name) and not _EITHER.match(operands):
            return behind, None
        if name in _PUSHES:
            return self._pushed(behind, at, instruction), None
        if name == "call":
            return behind, self._call(at, operands)
        if name == "jmp":
            return self._jump(at, operands), None
        if _CONDITIONAL.fullmatch(name):
            self.waiting.append(at._replace(address=int(operands, 16)))
            return behind, None
        return self._other(behind, at, instruction), None

    def _other(self, behind: _At, at: _At, instruction: Instruction) -> _At | None:
        _, name, operands = instruction
        if name == "ret":
            self._return(at)
        if name in _ENDS:
            return None
        if name == "leave" and at.frame is not None:
            return behind._replace(depth=at.frame - self.code.word, frame=None)
        if name == "leave" or _OTHERS.match(name) or (name in _EXCHANGES and _STACK.search(operands)):
            raise self.refused(at, "this does with the stack what is not understood")
        if name not in _COMPARES and _STACK.match(operands):
            return self._set_stack(behind, at, instruction)
        if name not in _COMPARES and (_FRAME.match(operands) or (name in _EXCHANGES and _FRAME.search(operands))):
            return behind._replace(frame=at.depth if name == "mov" and _STACK.fullmatch(operands[5:]) else None)
        return behind

    def _pushed(self, behind: _At, at: _At, instruction: Instruction) -> _At:
        is_pop = instruction.name == "pop"
        if self.code.is_narrowed(at.address) or (is_pop and _STACK.match(instruction.operands)):
            raise self.refused(at, "this does with the stack what is not understood")
        words = _PUSHES[instruction.name]
        keeps = not (instruction.name == "popal" or (is_pop and _FRAME.match(instruction.operands)))
        depth = at.depth + words * (4 if abs(words) > 1 else self.code.word)
        return behind._replace(depth=depth, frame=at.frame if keeps else None)

    def _call(self, at: _At, operands: str) -> int:
        if not _NUMBER.fullmatch(operands):
            raise self.refused(at, "what it calls is known when it runs only")
        callee = int(operands, 16)
        self.calls.append(Call(at.depth + self.code.word, callee))
        return callee

    def _return(self, at: _At) -> None:
        if at.depth != 0:
            raise self.refused(at, f"it returns with {at.depth} bytes on the stack")
        self.returns = True

    def _jump(self, at: _At, operands: str) -> _At | None:
        if _NUMBER.fullmatch(operands):
            return at._replace(address=int(operands, 16))
        _, before, said = self.before
        written, _, value = said.partition(", ") if before == "mov" else ("", "", "")
        if written.removeprefix("dword ") == operands:  # it goes where the instruction before it says
            self.said_before[at.address] = self.before
            operands = value
        if _NUMBER.fullmatch(operands):  # of a far jump, which loads a code segment
            return at._replace(address=int(operands, 16))
        table, function = _TABLE.fullmatch(operands), self.code.function(at.address)
        if table is None or function is None or int(table["width"]) != self.code.word:
            raise self.refused(at, "where it goes is known when it runs only")
        self.by_table = True
        self.waiting += [at._replace(address=each) for each in self.code.table(int(table["table"], 16), function)]
        return None

    def _set_stack(self, behind: _At, at: _At, instruction: Instruction) -> _At | None:
        """Return the point behind an instruction that writes the stack pointer."""
        _, name, operands = instruction
        source = operands.partition(", ")[2]
        if name in ("add", "sub") and _NUMBER.fullmatch(source):
            return behind._replace(depth=at.depth + int(source, 0) * (1 if name == "sub" else -1))
        if name == "and" and _NUMBER.fullmatch(source):  # to a multiple of a power of two
            return behind._replace(depth=at.depth + (-int(source, 0) & 0xFFFF_FFFF) - self.code.word)
        if name == "lea" and (place := _IN_STACK.fullmatch(source)):
            return behind._replace(depth=at.depth + int(place["bytes"], 0) * (1 if place["sign"] == "-" else -1))
        if at.frame is not None and name == "lea" and (place := _IN_FRAME.fullmatch(source)):
            return behind._replace(depth=at.frame + int(place["bytes"], 0))
        if at.frame is not None and name == "mov" and _FRAME.fullmatch(source):
            return behind._replace(depth=at.frame)
        if self.may_move and name in ("mov", "lea"):
            self.moves.append(behind.address)
            return None
        raise self.refused(at, "how much it takes is calculated when it runs")
