"""Statements in order, and those that give a local, a field or an element a value."""

import ast
from collections.abc import Iterator, Sequence

from keelback.compiler import ir
from keelback.compiler.annotations import annotated_locals
from keelback.compiler.evaluate.calls import Calls
from keelback.compiler.evaluate.environment import Binding
from keelback.compiler.evaluate.frame import Frame
from keelback.compiler.program import Program, Specialisation, Static, Value
from keelback.compiler.source import definition_of
from keelback.compiler.types import VOID, Type, join
from keelback.lang.struct import Struct


class Assignments(Calls):
    """Evaluates statements one after the other."""

    def __init__(self, program: Program, wanted: Specialisation, key: ir.FunctionKey, types: dict[str, Type]) -> None:
        self.definition = definition_of(wanted.function)
        super().__init__(program, Frame(wanted.function, self.definition), types)
        self.key = key
        self.beside_field = False
        """Whether a tuple is taken apart into fields or elements, and locals."""
        self.declare(self.frame)
        self.parameters: dict[str, Type] = {}
        for name, value in wanted.parameters:
            if isinstance(value, Static):
                self.set_local(name, value, self.definition)
            else:
                self.parameters[name] = self.declared[self.variable(name)] = value
                self.bind(name, Binding(local=self.variable(name)))

    def declare(self, frame: Frame) -> None:
        """Declare the annotated locals of a function, which are known from its start."""
        for name, hint in annotated_locals(frame.function).items():
            type = self.program.type_of(hint)
            if type != VOID:
                self.declared[self.variable(name)] = type

    def bind(self, name: str, binding: Binding) -> None:
        """Say what a name of the function at hand has from here on."""
        self.here.names[self.frame.name(name)] = binding

    def statements(self, nodes: Sequence[ast.stmt]) -> None:
        """Evaluate statements in order, up to the first that nothing gets to."""
        frame, around = self.frame, self.frame.at
        for node in nodes:
            if not self.reached:
                break
            frame.at = node
            method = getattr(self, f"do_{type(node).__name__}", None)
            if method is None:
                raise self.refuse(node, "statements", f"Kernel Python has no {type(node).__name__} statement")
            method(node)
        frame.at = around

    def inner(self, nodes: list[ast.stmt]) -> tuple[ir.Statement, ...]:
        """Evaluate statements into a block of their own."""
        with self.collected() as block:
            self.statements(nodes)
        return tuple(block)

    # Assignments.

    def do_Assign(self, node: ast.Assign) -> None:
        """Store a value in a local, a field or an element."""
        if len(node.targets) != 1:
            raise self.refuse(node, "statements", "one target an assignment")
        self.assign(node.targets[0], node.value, node)

    def do_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Store in a local whose type is declared."""
        if not isinstance(node.target, ast.Name) or node.value is None:
            raise self.refuse(node, "statements", "an annotated local has a value")
        self.assign(node.target, node.value, node)

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        """Read, compute and store: the place is found once, and read before the operand is evaluated."""
        target = node.target
        if isinstance(target, ast.Name):
            load = ast.copy_location(ast.Name(target.id, ast.Load()), target)
            self.set_local(target.id, self.value(ast.copy_location(ast.BinOp(load, node.op, node.value), node)), node)
        elif isinstance(target, ast.Attribute):
            base = self.frozen(self.value(target.value))
            current, operand = self.with_operand(lambda: self.member(base, target.attr, target), node.value)
            self.store_member(base, target.attr, self.binary(node.op, current, operand, node), node)
        else:
            base, index = (self.frozen(each) for each in self.operands([target.value, target.slice]))
            current, operand = self.with_operand(lambda: self.item(base, index, target), node.value)
            self.store_item(base, index, self.binary(node.op, current, operand, node), node)

    def assign(self, target: ast.expr, source: ast.expr, node: ast.stmt) -> None:
        """Store the value of an expression in a target: all values are there before the first is stored."""
        if isinstance(target, ast.Tuple) and isinstance(source, ast.Tuple) and len(target.elts) == len(source.elts):
            pairs = [*self.paired(target, source)]
            values = [self.frozen(value) for value in self.operands([value for _, value in pairs])]
            self.store_each([(each, value) for (each, _), value in zip(pairs, values, strict=True)], node)
        else:
            self.store(target, self.value(source), node)

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
            base, stored = self.with_value(value, [target.value])
            self.store_member(base[0], target.attr, stored, node)
        elif isinstance(target, ast.Subscript):
            base, stored = self.with_value(value, [target.value, target.slice])
            self.store_item(base[0], base[1], stored, node)
        elif isinstance(target, ast.Tuple):
            self.unpack(target, value, node)
        else:
            raise self.refuse(target, "statements", "a target is a local, a field, an element or a tuple of these")

    def unpack(self, target: ast.Tuple, value: Value, node: ast.AST) -> None:
        """Store each element of a static tuple in a target of its own."""
        if not isinstance(value, Static) or not isinstance(value.value, tuple):
            raise self.refuse(target, "statements", "only a static tuple is taken apart")
        if len(target.elts) != len(value.value):
            raise self.refuse(target, "statements", f"{len(target.elts)} targets, {len(value.value)} values")
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
        variable = self.variable(name)
        if variable in self.declared:
            checks = len(self.block)
            fitted = self.fitted(value, self.declared[variable], name, node)
            if self.beside_field and len(self.block) > checks:  # CPython stores all before it checks one
                raise self.refuse(node, "locals", f"{name} may not fit, beside a field that is stored: store it alone")
            self.emit(ir.SetLocal(self.place(node), variable, fitted))
            self.bind(name, Binding(local=variable))
        elif isinstance(value, Static) and not (
            is_variable(value) and (self.unrolled or self.frame.assigned[name] > 1)
        ):
            self.bind(name, Binding(value))
        else:
            self.set_variable(name, value, node)

    def set_variable(self, name: str, value: Value, node: ast.AST) -> None:
        """Store in a local variable; in an unrolled loop a static value is known until the next is stored."""
        variable, expression = self.variable(name), self.dynamic(value, node)
        known = value if self.unrolled and isinstance(value, Static) else None
        seen = self.seen.get(variable)
        joined = expression.type if seen is None else join(seen, expression.type)
        if joined is None and known is None:
            raise self.refuse(node, "locals", f"{name} holds values of different types")
        if joined is None:
            self.bind(name, Binding(known))
            return
        self.seen[variable] = joined
        self.emit(ir.SetLocal(self.place(node), variable, expression))
        self.bind(name, Binding(known, variable))


def is_part_stored(node: ast.AST) -> bool:
    """Say whether a node of a target stores in a field or an element."""
    return isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store)


def is_variable(value: Static) -> bool:
    """Say whether a variable can hold a static value."""
    return value.value is None or isinstance(value.value, (int, str, Struct))
