"""Names and attributes: locals, static objects, and fields of structs."""

import ast
import builtins
from dataclasses import replace
from typing import Any, NamedTuple

from keelback.compiler import ir
from keelback.compiler.evaluate.bits import NamedBits
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Static, Value
from keelback.compiler.statics import NoConstantError, constant
from keelback.compiler.types import BOOLEAN, NONE, TEXT, Integer, Pointer, Type, held_by
from keelback.lang.array import Array
from keelback.lang.integers import word
from keelback.lang.layout import ArrayKind, Field, RefKind, StructKind, layout_of
from keelback.lang.struct import Struct
from keelback.lang.table import Table


class Handled(NamedTuple):
    """What the name of an `except` has: an error with one of some codes, which a local holds."""

    local: str
    codes: frozenset[int]


class Places(NamedBits):
    """Evaluates what names and attributes stand for, and stores in fields."""

    def value_Constant(self, node: ast.Constant) -> Value:
        """A number, a bool, None or text."""
        if isinstance(node.value, (int, str, type(None))):
            return Static(node.value)
        raise self.refuse(node, "expressions", f"Kernel Python has no {type(node.value).__name__} constants")

    def value_Name(self, node: ast.Name) -> Value:
        """What Python says that a name means: a local, a global or a builtin."""
        if node.id in self.frame.locals:
            return self.local(node)
        if node.id in self.frame.free:
            raise self.refuse(node, "names", f"{node.id} belongs to the function outside")
        if node.id in self.frame.globals:
            return Static(self.frame.globals[node.id])
        if hasattr(builtins, node.id):
            return Static(getattr(builtins, node.id))
        raise self.refuse(node, "names", f"{node.id} has no value here")

    def local(self, node: ast.Name) -> Value:
        """Return the value of a local, which has one on every way to here."""
        found = self.here.names.get(self.frame.name(node.id))
        if found is None:
            raise self.refuse(node, "names", f"{node.id} may have no value here")
        if found.static is not None:
            if isinstance(found.static.value, Handled):
                raise self.refuse(node, "errors", "an error is no value: take its number or its sentence")
            return found.static
        if found.local is None:
            raise self.refuse(node, "names", f"{node.id} has no one value here")
        local = ir.Local(self.type_of_local(found.local), found.local)
        if isinstance(local.type, Pointer) and self.here.is_present(local):
            return replace(local, type=Pointer(local.type.struct))
        return local

    def type_of_local(self, name: str) -> Type:
        """Return the type that a local has in C, as far as that is known."""
        return self.declared.get(name) or self.types.get(name) or self.seen[name]

    def value_Tuple(self, node: ast.Tuple) -> Value:
        """A tuple of static values."""
        values = [self.value(each) for each in node.elts]
        if all(isinstance(each, Static) for each in values):
            return Static(tuple(each.value for each in values if isinstance(each, Static)))
        raise self.refuse(node, "expressions", "a tuple holds static values only")

    def value_Attribute(self, node: ast.Attribute) -> Value:
        """A field of a struct, or an attribute of a static object."""
        if isinstance(node.value, ast.Name) and node.value.id in self.frame.locals:
            found = self.here.names.get(self.frame.name(node.value.id))
            if found is not None and found.static is not None and isinstance(found.static.value, Handled):
                return self.error_member(found.static.value, node.attr, node)
        return self.member(self.value(node.value), node.attr, node)

    def member(self, base: Value, name: str, node: ast.AST) -> Value:
        """Return what an attribute of a value is."""
        if isinstance(base, Static) and not isinstance(base.value, (Struct, Table, Array)):
            return self.static_member(base.value, name, node)
        if isinstance(base, Static) and isinstance(base.value, Table):
            if name in ("record", "ram", "element_size"):
                return Static(getattr(base.value, name))
            if name == "elements":
                self.check_placed(base.value, node)
                return base
        expression = self.dynamic(base, node)
        if isinstance(expression.type, Pointer):
            bits = self.named_bits(expression.type, name)
            if bits is not None:
                return self.bits_in(self.field_value(self.followed(expression, node), bits.field), bits)
            return self.field_value(self.followed(expression, node), self.field(expression.type, name, node))
        raise self.refuse(node, "attributes", f"no attribute {name}")

    def check_placed(self, table: Table[Any], node: ast.AST) -> None:
        """Panic when a table has no place yet."""
        base = self.member(self.dynamic(Static(table.record), node), "base", node)
        placed = ir.Binary(BOOLEAN, "!=", self.dynamic(base, node), self.number(0))
        self.check(placed, "a table is used before it is placed", node)

    def error_member(self, error: Handled, name: str, node: ast.AST) -> Value:
        """Return the number or the sentence of the error that is being handled."""
        if ir.PROCESS_FAULT in error.codes:
            raise self.refuse(node, "errors", "a ProcessFault has no number and no sentence")
        number = ir.Local(Integer(Interval(-255, -1)), error.local)
        if name == "number":
            return number
        if name == "sentence":
            return ir.ErrorText(TEXT, number)
        raise self.refuse(node, "errors", "an error has a number and a sentence, nothing else")

    def static_member(self, owner: Any, name: str, node: ast.AST) -> Value:
        """Return an attribute of a static object: a constant."""
        try:
            return Static(constant(owner, name))
        except NoConstantError as error:
            raise self.refuse(node, error.rule, str(error)) from None

    # Fields of structs.

    def field(self, pointer: Pointer, name: str, node: ast.AST) -> Field:
        """Return a field of a struct."""
        try:
            field = layout_of(pointer.struct, self.program.word_bits).field(name)
        except KeyError:
            raise self.refuse(node, "attributes", f"{pointer.struct.__name__} has no field {name}") from None
        if isinstance(field.kind, RefKind) and field.kind.target not in self.program.ram.homes:
            raise self.refuse(node, "references", f"{field.kind.target.__name__} has no home array")
        return field

    def field_value(self, base: ir.Expression, field: Field) -> ir.Expression:
        """Return the value of a field, or the place of what lies inside it."""
        inside = isinstance(field.kind, (StructKind, ArrayKind))
        return (ir.FieldPlace if inside else ir.FieldValue)(held_by(field.kind), base, field)

    def store_member(self, base: Value, name: str, value: Value, node: ast.AST) -> None:
        """Store in a field."""
        if isinstance(base, Static) and not isinstance(base.value, Struct):
            raise self.refuse(node, "components", "only fields of structs change")
        expression = self.dynamic(base, node)
        if not isinstance(expression.type, Pointer):
            raise self.refuse(node, "components", "only fields of structs change")
        bits = self.named_bits(expression.type, name)
        if bits is not None:
            whole = self.field_value(self.followed(expression, node), bits.field)
            stored = self.with_bits(whole, [(bits, self.part(bits, expression.type.struct, value, node))])
            self.emit(ir.StoreField(self.place(node), expression, bits.field, self.dynamic(stored, node)))
            return
        field = self.field(self.followed(expression, node).type, name, node)  # type: ignore[arg-type]
        if isinstance(field.kind, (StructKind, ArrayKind)):
            raise self.refuse(node, "structs", "what lies inside a struct is changed in place")
        wanted = self.field_value(expression, field).type
        what = f"{expression.type.struct.__name__}.{name}"
        fitted = self.fitted(value, wanted, what, node)
        if isinstance(field.kind, RefKind):
            fitted = self.at_home(fitted, field.kind.target, node)
        self.emit(ir.StoreField(self.place(node), expression, field, fitted))

    def at_home(self, value: ir.Expression, struct: type, node: ast.AST) -> ir.Expression:
        """Return a struct, or None, that is checked to lie in the home array; most structs lie nowhere else."""
        ram = self.program.ram
        home = ram.homes[struct]
        size = layout_of(struct, ram.word_bits).size
        first, last = home._address, home._address + size * (len(home) - 1)
        message = f"a Ref[{struct.__name__}] takes an element of its home array or None"
        if isinstance(value, ir.StaticPlace):
            if value.address in range(first, last + 1, size):
                return value
            self.check(ir.Constant(BOOLEAN, False), message, node)
            return ir.Constant(value.type, None)
        elsewhere = [each for each in ram.records if each.address != first and _holds(each.struct, struct)]
        if not elsewhere or isinstance(value, (ir.Constant, ir.FieldValue)):
            return value
        kept = self.kept(value, node)
        address = ir.AddressOf(self.program.type_of(word), kept)
        start, end = self.number(first), self.number(last + size)
        # Not the remainder of a difference, which would take two words.
        rest = self.dynamic(self.binary(ast.Mod(), address, Static(size), node), node)
        held: ir.Expression = ir.Binary(BOOLEAN, "==", kept, ir.Constant(NONE, None))
        inside = ir.Binary(BOOLEAN, ">=", address, start)
        for other in (
            ir.Binary(BOOLEAN, "<", address, end),
            ir.Binary(BOOLEAN, "==", rest, self.number(first % size)),
        ):
            inside = ir.Binary(BOOLEAN, "and", inside, other)
        held = ir.Binary(BOOLEAN, "or", held, inside)
        self.check(held, message, node)
        return kept


def _holds(outer: type, struct: type) -> bool:
    """Say whether a struct is another one, or has it inside."""
    kinds = [each.kind for each in layout_of(outer).fields]
    inner = [each.element if isinstance(each, ArrayKind) else each for each in kinds]
    return outer is struct or any(_holds(each.layout.struct, struct) for each in inner if isinstance(each, StructKind))
