"""The ways through a function: every local has a value where it is read, and every way ends in what leaves."""

from collections.abc import Iterable

from keelback.compiler import ir
from keelback.compiler.types import VOID
from keelback.compiler.verify.expressions import TreeError
from keelback.compiler.walk import expressions_in

Known = frozenset[str]
"""The locals that have a value."""


class Flow:
    """Follows which locals have a value where exceptions have become jumps; None is where no way leads."""

    def __init__(self, function: ir.Function) -> None:
        self.function = function
        self.left: dict[str, list[Known]] = {}
        """What is known wherever something breaks out of a label."""

    def check(self) -> None:
        """Check the function.  Raises: TreeError."""
        end = self.after(self.function.body, frozenset(self.function.parameters))
        if end is not None and self.function.key.result != VOID:
            raise TreeError(self.function, self.function.body[-1], "A function with a result ends by what leaves it.")

    def after(self, body: Iterable[ir.Statement], known: Known) -> Known | None:
        """Return what is known after some statements."""
        for statement in body:
            self.reads(statement, known)
            following = self.past(statement, known)
            if following is None:
                return None
            known = following
        return known

    def reads(self, statement: ir.Statement, known: Known) -> None:
        """Check that all locals that a statement reads have a value."""
        for each in expressions_in(statement):
            if isinstance(each, ir.Local) and each.name not in known:
                raise TreeError(self.function, statement, f"The local {each.name} has a value where it is read.")

    def past(self, statement: ir.Statement, known: Known) -> Known | None:
        """Return what is known after a statement."""
        match statement:
            case ir.SetLocal(name=name):
                return known | {name}
            case ir.Call(result=result, error=error):
                return known | {each for each in (result, error) if each is not None}
            case ir.If(then=then, otherwise=otherwise):
                return meet(self.after(then, known), self.after(otherwise, known))
            case ir.Switch(cases=cases):
                return meet(*(self.after(each, known) for each in cases))
            case ir.Loop(label=label, condition=condition, body=body):
                self.after(body, known)
                endless = isinstance(condition, ir.Constant) and condition.value
                return meet(None if endless else known, *self.left.pop(label, ()))
            case ir.Block(label=label, body=body):
                return meet(self.after(body, known), *self.left.pop(label, ()))
            case ir.Break(label=label):
                self.left.setdefault(label, []).append(known)
                return None
            case ir.Continue() | ir.Return() | ir.Fail():
                return None
            case ir.Check(condition=ir.Constant(value=False)):
                return None
        return known


def meet(*ways: Known | None) -> Known | None:
    """Return what is known where ways meet."""
    taken = [each for each in ways if each is not None]
    return frozenset.intersection(*taken) if taken else None
