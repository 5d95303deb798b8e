"""Statements in order, and those that give a local, a field or an element a value."""

import ast
from collections import Counter

from keelback.compiler import ir
from keelback.compiler.evaluate.calls import Calls
from keelback.compiler.program import Program, Specialisation, Static, Value
from keelback.compiler.types import VOID, Type, join
from keelback.lang.struct import Struct


class Assignments(Calls):
    """Evaluates statements one after the other."""

    def __init__(
        self,
        program: Program,
        wanted: Specialisation,
        key: ir.FunctionKey,
        definition: ast.FunctionDef,
        types: dict[str, Type],
    ) -> None:
        super().__init__(program, wanted.function, types)
        self.key = key
        self.definition = definition
        self.parameters: dict[str, Type] = {}
        for name, value in wanted.parameters:
            if isinstance(value, Static):
                self.names[name] = value
            else:
                self.parameters[name] = value
                self.names[name] = ir.Local(value, self.c_name(name))
                self.declared[self.c_name(name)] = value
        self.assigned = assignments_in(self.definition)
        self.loops: list[str] = []
        self.error: str | None = None
        self.variables: dict[str, Value] = {}

    def statements(self, nodes: list[ast.stmt]) -> None:
        """Evaluate statements in order."""
        for node in nodes:
            self.at = node
            method = getattr(self, f"do_{type(node).__name__}", None)
            if method is None:
                raise self.refuse(node, "statements", f"Kernel Python has no {type(node).__name__} statement")
            method(node)

    def inner(self, nodes: list[ast.stmt]) -> tuple[ir.Statement, ...]:
        """Evaluate statements into a block of their own."""
        outer, self.block = self.block, []
        self.statements(nodes)
        outer, self.block = self.block, outer
        return tuple(outer)

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
        declared = self.program.type_of(eval(compile(ast.Expression(node.annotation), "", "eval"), self.globals))
        if declared == VOID:
            self.assign(node.target, node.value, node)
            return
        value = self.value(node.value)
        name = self.c_name(node.target.id)
        self.declared[name] = declared
        fitted = self.fitted(value, declared, node.target.id, node)
        self.names[node.target.id] = ir.Local(declared, name)
        self.emit(ir.SetLocal(self.place(node), name, fitted))

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
        """Store the value of an expression in a target."""
        if isinstance(target, ast.Tuple) and isinstance(source, ast.Tuple) and len(target.elts) == len(source.elts):
            values = self.operands(source.elts)
            frozen = [self.frozen(value) for value in values]
            for each, value in zip(target.elts, frozen, strict=True):
                self.store(each, value, node)
        elif isinstance(target, (ast.Name, ast.Attribute, ast.Subscript)):
            self.store(target, self.value(source), node)
        else:
            raise self.refuse(node, "statements", "a target is a local, a field or an element")

    def store(self, target: ast.expr, value: Value, node: ast.stmt) -> None:
        """Store a value in a target."""
        if isinstance(target, ast.Name):
            self.set_local(target.id, value, node)
        elif isinstance(target, ast.Attribute):
            base, stored = self.with_value(value, [target.value])
            self.store_member(base[0], target.attr, stored, node)
        elif isinstance(target, ast.Subscript):
            base, stored = self.with_value(value, [target.value, target.slice])
            self.store_item(base[0], base[1], stored, node)

    def set_local(self, name: str, value: Value, node: ast.AST) -> None:
        """Bind a name to a static value, or store in a local variable."""
        c_name = self.c_name(name)
        if c_name in self.declared:
            fitted = self.fitted(value, self.declared[c_name], name, node)
            self.names[name] = ir.Local(self.declared[c_name], c_name)
            self.emit(ir.SetLocal(self.place(node), c_name, fitted))
            return
        if isinstance(value, Static) and self.assigned[name] == 1 and not (self.unrolled and is_variable(value)):
            self.names[name] = value
            return
        expression = self.dynamic(value, node)
        seen = self.seen.get(c_name)
        joined = expression.type if seen is None else join(seen, expression.type)
        if joined is None:
            raise self.refuse(node, "locals", f"{name} holds values of different types")
        self.seen[c_name] = joined
        known = join(self.types.get(c_name, joined), joined)
        self.names[name] = ir.Local(known or joined, c_name)
        self.emit(ir.SetLocal(self.place(node), c_name, expression))


def is_variable(value: Static) -> bool:
    """Say whether a variable can hold a static value."""
    return value.value is None or isinstance(value.value, (int, Struct))


def assignments_in(definition: ast.FunctionDef) -> Counter[str]:
    """Count how often each name gets a value."""
    counts: Counter[str] = Counter()
    for node in ast.walk(definition):
        if isinstance(node, ast.arg):
            counts[node.arg] += 1
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            counts[node.id] += 1
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            counts[node.target.id] += 2
    return counts
