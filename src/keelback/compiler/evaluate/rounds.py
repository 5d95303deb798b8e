"""The rounds of a loop: what is the same in each, and the ways out of one."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keelback.compiler import ir
from keelback.compiler.evaluate.environment import Environment, before_rounds, joined, unlike
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.frame import Loop
from keelback.compiler.evaluate.statements import Statements


@dataclass
class Rounds(Evaluator):
    """Evaluates `break` and `continue`, and says what is known where a round starts and ends."""

    statements: Statements

    def new_loop(self) -> Loop:
        """Return a loop of the program at run time."""
        label = self.out.new_label("loop")
        return Loop(label, label)

    def any_round(self, nodes: Sequence[ast.AST]) -> Environment:
        """Forget what is not the same in every round of a loop; return what is known when one starts."""
        bound = set(self.scope.frame.bound(nodes))
        locals = {each.variable for each in bound}
        start = before_rounds(self.known.here, bound, set(self.scope.frame.deleted(nodes)), locals)
        self.known.here = start.copy()
        return start

    def end_of_rounds(self, node: ast.AST, start: Environment, *ways: Environment | None) -> Environment | None:
        """Return what is known after a round.  Raises: CompileError when a name was something else before it."""
        end = joined(ways)
        name = unlike(start, end) if end is not None else None
        if name is not None:
            raise self.scope.refuse(node, "names", f"{name.name} is another kind of thing after a round of this loop")
        return end

    def unrolled(self, loop: Loop, store: Callable[[], None], nodes: list[ast.stmt]) -> tuple[ir.Statement, ...]:
        """Evaluate one of the rounds that a loop is unrolled to, each a block of its own."""
        loop.following, loop.continued = self.out.new_label("round"), []
        with self.scope.frame.inside(loop), self.out.collected() as body:
            store()
            self.statements.run(nodes)
        self.known.go_on(self.known.way(), *loop.continued)
        return tuple(body)

    def do_Break(self, node: ast.Break) -> None:
        """Leave the loop."""
        loop = self.scope.frame.loops[-1]
        loop.left.append(self.known.here.copy())
        self.out.leave(ir.Break(self.scope.place(node), loop.leave))

    def do_Continue(self, node: ast.Continue) -> None:
        """Go on with the loop's next round."""
        loop, place = self.scope.frame.loops[-1], self.scope.place(node)
        loop.continued.append(self.known.here.copy())
        self.out.leave(ir.Break(place, loop.following) if loop.unrolled else ir.Continue(place, loop.following))
