"""A program compiled again, of which a few functions are others: these, and those that were made from them.

1. Of a function that stays, others need its head and the errors that leave it; here its body only raises these.
2. A function is compiled again when something that was read for it is another, be it the definition of a function or
   what a module or a static object has; or when one that it calls is left by other errors than before.
3. Where more differs, such as where records lie, what is refused or what is raised anywhere, the whole is to be
   compiled.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from keelback.compiler import ir
from keelback.compiler.errors import CompileError
from keelback.compiler.identities import Identities, Identity, Read
from keelback.compiler.passes import (
    Compiled,
    check_evaluated,
    evaluate_all,
    evaluate_waiting,
    finish,
    working_on_program,
)
from keelback.compiler.print_c import Form, Linkage
from keelback.compiler.program import Program, Specialisation
from keelback.compiler.raises import find_raises
from keelback.compiler.walk import statements_in
from keelback.lang.component import Component
from keelback.lang.ram import Ram

Entries = Mapping[str, Callable[..., Any]]
Placed = tuple[str, int, int, str, int]
"""A record: its name, its first address, its bytes, the name of its struct, how many of it there are."""


@dataclass(frozen=True)
class Kept:
    """A function as others need it: its head, whom it calls, what was read for it, which specialisation it is.

    What was read are numbers, of `Base.contents`.
    """

    function: ir.Function
    calls: tuple[str, ...]
    read: frozenset[int]
    wanted: Identity | None


@dataclass(frozen=True)
class Base:
    """A program that is compiled, so that another file's functions may stand in the place of some."""

    functions: Mapping[str, Kept]
    contents: tuple[tuple[Read, Identity | None], ...]
    records: tuple[Placed, ...]
    raised: frozenset[int]
    sections: tuple[tuple[str, int], ...]


def compile_base(root: Component, ram: Ram, entries: Entries, *, convention: str) -> tuple[Compiled, Base]:
    """Compile a whole program, to compile it again when a few functions are others.  Raises: CompileError."""
    program = Program(root, ram)
    with working_on_program(program):
        names = evaluate_all(program, entries)
        identities, numbers = Identities(root), dict[Read, int]()
        kept = {name: _kept(program, identities, numbers, name) for name in names}
        compiled = finish(program, names, entries, Form(convention=convention, linkage=Linkage.REPLACEABLE))
    contents = tuple((each, identities.content(each)) for each in numbers)
    return compiled, Base(kept, contents, _placed(ram), frozenset(program.raised), compiled.sections)


def _placed(ram: Ram) -> tuple[Placed, ...]:
    """Return which records lie where."""
    return tuple((each.name, each.address, each.size, each.struct.__name__, each.count) for each in ram.records)


def _kept(program: Program, identities: Identities, numbers: dict[Read, int], name: str) -> Kept:
    """Return a function to be kept; number what was read for it that has no number."""
    function, (wanted, read) = program.functions[name], program.made_from[name]
    raising = tuple(ir.Raise(function.place, ir.number(code)) for code in sorted(function.raises))
    head = function if function.native is not None else replace(function, locals={}, body=raising)
    calls = tuple(dict.fromkeys(_called_by(function)))
    numbered = frozenset(numbers.setdefault(each, len(numbers)) for each in identities.reads(read))
    return Kept(replace(head), calls, numbered, identities.of(wanted))


def _called_by(function: ir.Function) -> Iterator[str]:
    """Yield the names of the functions that a function calls, before its types are decided or after."""
    for each in statements_in(function.body):
        if isinstance(each, ir.Call):
            yield each.function.name
        elif isinstance(each, (ir.WriteText, ir.WriteNumber, ir.WriteDigits)):
            yield each.put.name


def compile_again(base: Base, root: Component, ram: Ram, entries: Entries, *, convention: str) -> Compiled | None:
    """Compile the functions that are others than in a base; None where more differs."""
    program = _Again(root, ram, base)
    try:
        with working_on_program(program):
            if base.records != _placed(ram):
                return None
            program.enter(entries)
            names = program.evaluate_others()
            program.refuse_recursion()
            check_evaluated(program, names)
            needed = [*names, *(each for name in names for each in _called_by(program.functions[name]))]
            program.functions = {name: program.functions[name] for name in needed}
            native = [name for name, each in program.functions.items() if each.native is not None]
            own = frozenset(name for name in names if name not in base.functions)
            elsewhere = frozenset(section for section, _ in base.sections)
            form = Form(convention=convention, linkage=Linkage.REPLACING, own=own, elsewhere=elsewhere)
            compiled = finish(program, [*dict.fromkeys((*names, *native))], entries, form)
    except (CompileError, _MoreDiffers):
        return None
    heads = {name: kept.function for name, kept in base.functions.items()}
    return replace(compiled, functions={**heads, **compiled.functions})


class _MoreDiffers(Exception):
    """More than functions differs from the base."""


class _Again(Program):
    """A program that evaluates those functions only that are others than in its base."""

    def __init__(self, root: Component, ram: Ram, base: Base) -> None:
        super().__init__(root, ram)
        self.base = base.functions
        self.raised_before = base.raised
        self.identities = Identities(root)
        self.names |= {*self.base}
        self.known = {each.wanted: name for name, each in self.base.items() if each.wanted is not None}
        self.others = frozenset(n for n, each in enumerate(base.contents) if self._is_other(*each))
        """What was read for functions of the base and is another now."""
        self.reached: list[str] = []
        """Functions of the base that are called, and not looked at yet."""

    def _is_other(self, read: Read, kept: Identity | None) -> bool:
        """Say whether what was read may have another content now than it had in the base."""
        return kept is None or self.identities.content(read) != kept

    def request(self, wanted: Specialisation, name: str = "") -> ir.FunctionKey:
        """Return the key of a specialisation: the base's where it has it, else a new one.

        Raises: _MoreDiffers for an entry that the base has not.
        """
        identity = self.identities.of(wanted)
        known = self.known.get(identity) if identity is not None else None
        if known is None:
            if name:
                raise _MoreDiffers
            return super().request(wanted, name)
        self.reached.append(known)
        return self.base[known].function.key

    def evaluate_others(self) -> list[str]:
        """Evaluate what differs, and find what raises what; return the names of what was evaluated.

        Raises: CompileError; _MoreDiffers.
        """
        while True:
            while self.reached or self.waiting:
                while self.reached:
                    self._look_at(self.reached.pop())
                evaluate_waiting(self)
            find_raises(self.functions)
            if not self._ask_for_callers():
                break
        if self.raised - self.raised_before:
            raise _MoreDiffers
        self.raised |= self.raised_before
        return [*self.made_from]

    def _look_at(self, name: str) -> None:
        """Take a function of the base as it is, with what it calls, or ask for it."""
        if name in self.functions:
            return
        kept = self.base[name]
        self.functions[name] = replace(kept.function)
        if kept.read & self.others:
            self._ask_for(name)
        else:
            self.calls[name] = dict.fromkeys(kept.calls, (*kept.function.place, 1))
            self.reached += kept.calls

    def _ask_for(self, name: str) -> None:
        """Ask for a function of the base to be evaluated.  Raises: _MoreDiffers where nobody knows which that is."""
        if (wanted := self.base[name].wanted) is None:
            raise _MoreDiffers
        self.calls.pop(name, None)
        self.waiting.append((self.identities.specialisation(wanted), self.base[name].function.key))

    def _ask_for_callers(self) -> bool:
        """Ask for those that call what is left by other errors than before; say whether there are any."""
        made = [name for name in self.made_from if name in self.base]
        differ = {name for name in made if self.functions[name].raises != self.base[name].function.raises}
        callers = [name for name in self.functions if name not in self.made_from]
        callers = [name for name in callers if differ & {*self.base[name].calls}]
        for name in callers:
            self._ask_for(name)
        return bool(callers)
