"""Assignments: what gives a local, a field or an element a value."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from keelback.compiler import ir
from keelback.compiler.evaluate.arithmetic import Arithmetic
from keelback.compiler.evaluate.elements import Elements
from keelback.compiler.evaluate.environment import Binding
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.fields import Fields
from keelback.compiler.program import Static, Value
from keelback.compiler.types import join
from keelback.lang.struct import Struct


@dataclass
class Assignments(Evaluator):
    """Evaluates assignments."""

    arithmetic: Arithmetic
    fields: Fields
    elements: Elements
    beside_field: bool = False
    """Whether a tuple is taken apart into fields or elements, and locals."""

    def bind(self, name: str, binding: Binding) -> None:
        """Say what a name of the function at hand has from here on."""
        self.known.here.names[self.scope.frame.name(name)] = binding

    def do_Assign(self, node: ast.Assign) -> None:
        """Store a value in a local, a field or an element."""
        if len(node.targets) != 1:
            raise self.scope.refuse(node, "statements", "one target an assignment")
        self.assign(node.targets[0], node.value, node)

    def do_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Store in a local whose type is declared."""
        if not isinstance(node.target, ast.Name) or node.value is None:
            raise self.scope.refuse(node, "statements", "an annotated local has a value")
        self.assign(node.target, node.value, node)

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        """Read, compute and store: the place is found once, and read before the operand is evaluated."""
        target = node.target
        if isinstance(target, ast.Name):
            load = ast.copy_location(ast.Name(target.id, ast.Load()), target)
            operation = ast.copy_location(ast.BinOp(load, node.op, node.value), node)
            self.set_local(target.id, self.expressions.value(operation), node)
        elif isinstance(target, ast.Attribute):
            base = self.out.frozen(self.expressions.value(target.value))
            read = partial(self.fields.member, base, target.attr, target)
            current, operand = self.expressions.with_operand(read, node.value)
            self.fields.store_member(base, target.attr, self.arithmetic.binary(node.op, current, operand, node), node)
        else:
            base, index = (self.out.frozen(each) for each in self.expressions.operands([target.value, target.slice]))
            read = partial(self.elements.item, base, index, target)
            current, operand = self.expressions.with_operand(read, node.value)
            self.elements.store_item(base, index, self.arithmetic.binary(node.op, current, operand, node), node)

    def assign(self, target: ast.expr, source: ast.expr, node: ast.stmt) -> None:
        """Store the value of an expression in a target: all values are there before the first is stored."""
        if isinstance(target, ast.Tuple) and isinstance(source, ast.Tuple) and len(target.elts) == len(source.elts):
            pairs = [*self.paired(target, source)]
            values = [self.out.frozen(value) for value in self.expressions.operands([value for _, value in pairs])]
            self.store_each([(each, value) for (each, _), value in zip(pairs, values, strict=True)], node)
        else:
            self.store(target, self.expressions.value(source), node)

    def paired(self, target: ast.expr, source: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
        """Yield the targets of a tuple, each with what it gets; tuples in tuples too."""
        if isinstance(target, ast.Tuple) and isinstance(source, ast.Tuple) and len(target.elts) == len(source.elts):
            for each, value in zip(target.elts, source.elts, strict=True):
                yield from self.paired(each, value)
        else:
            yield target, source

    def store(self, target: ast.expr, value: Value, node: ast.AST) -> None:
        """Store a value in a target."""
        if isinstance(target, ast.Name):
            self.set_local(target.id, value, node)
        elif isinstance(target, ast.Attribute):
            base, stored = self.expressions.with_value(value, [target.value])
            self.fields.store_member(base[0], target.attr, stored, node)
        elif isinstance(target, ast.Subscript):
            base, stored = self.expressions.with_value(value, [target.value, target.slice])
            self.elements.store_item(base[0], base[1], stored, node)
        elif isinstance(target, ast.Tuple):
            self.unpack(target, value, node)
        else:
            message = "a target is a local, a field, an element or a tuple of these"
            raise self.scope.refuse(target, "statements", message)

    def unpack(self, target: ast.Tuple, value: Value, node: ast.AST) -> None:
        """Store each element of a static tuple in a target of its own."""
        if not isinstance(value, Static) or not isinstance(value.value, tuple):
            raise self.scope.refuse(target, "statements", "only a static tuple is taken apart")
        if len(target.elts) != len(value.value):
            raise self.scope.refuse(target, "statements", f"{len(target.elts)} targets, {len(value.value)} values")
        self.store_each([*zip(target.elts, map(Static, value.value), strict=True)], node)

    def store_each(self, pairs: Sequence[tuple[ast.expr, Value]], node: ast.AST) -> None:
        """Store values in the targets of a tuple, in their order."""
        outer = self.beside_field
        self.beside_field |= any(is_part_stored(each) for target, _ in pairs for each in ast.walk(target))
        for target, value in pairs:
            self.store(target, value, node)
        self.beside_field = outer

    def set_local(self, name: str, value: Value, node: ast.AST) -> None:
        """Bind a name to a static value, or store in a local variable."""
        variable = self.scope.variable(name)
        if variable in self.scope.declared:
            checks = len(self.out.block)
            fitted = self.values.fitted(value, self.scope.declared[variable], name, node)
            if self.beside_field and len(self.out.block) > checks:  # CPython stores all before it checks one
                message = f"{name} may not fit, beside a field that is stored: store it alone"
                raise self.scope.refuse(node, "locals", message)
            self.out.emit(ir.SetLocal(self.scope.place(node), variable, fitted))
            self.bind(name, Binding(local=variable))
        elif isinstance(value, Static) and not (
            is_variable(value) and (self.scope.unrolled or self.scope.frame.assigned[name] > 1)
        ):
            self.bind(name, Binding(value))
        else:
            self.set_variable(name, value, node)

    def set_variable(self, name: str, value: Value, node: ast.AST) -> None:
        """Store in a local variable; in an unrolled loop a static value is known until the next is stored."""
        variable, expression = self.scope.variable(name), self.values.tree(value, node)
        known = value if self.scope.unrolled and isinstance(value, Static) else None
        seen = self.scope.seen.get(variable)
        joined = expression.type if seen is None else join(seen, expression.type)
        if joined is None and known is None:
            raise self.scope.refuse(node, "locals", f"{name} holds values of different types")
        if joined is None:
            self.bind(name, Binding(known))
            return
        self.scope.seen[variable] = joined
        self.out.emit(ir.SetLocal(self.scope.place(node), variable, expression))
        self.bind(name, Binding(known, variable))


def is_part_stored(node: ast.AST) -> bool:
    """Say whether a node of a target stores in a field or an element."""
    return isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store)


def is_variable(value: Static) -> bool:
    """Say whether a variable can hold a static value."""
    return value.value is None or isinstance(value.value, (int, str, Struct))
