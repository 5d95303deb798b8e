"""Fields of structs, and attributes of static objects."""

import ast
from dataclasses import dataclass
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.arithmetic import Arithmetic
from keelback.compiler.evaluate.bits import NamedBits
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.program import Static, Value
from keelback.compiler.reads import note_attribute
from keelback.compiler.statics import NoConstantError, constant
from keelback.compiler.types import BOOLEAN, NONE, Pointer, held_by
from keelback.lang.array import Array
from keelback.lang.integers import word
from keelback.lang.layout import ArrayKind, Field, RefKind, StructKind, layout_of
from keelback.lang.struct import Struct
from keelback.lang.table import Table
from keelback.near import did_you_mean, near_names


@dataclass
class Fields(Evaluator):
    """Evaluates attributes, and stores in fields."""

    arithmetic: Arithmetic
    bits: NamedBits

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
        expression = self.values.tree(base, node)
        if isinstance(expression.type, Pointer):
            bits = self.bits.named_bits(expression.type, name)
            if bits is not None:
                return self.bits.bits_in(self.field_value(self.values.followed(expression, node), bits.field), bits)
            return self.field_value(self.values.followed(expression, node), self.field(expression.type, name, node))
        raise self.scope.refuse(node, "attributes", f"no attribute {name}")

    def check_placed(self, table: Table[Any], node: ast.AST) -> None:
        """Panic when a table has no place yet."""
        base = self.member(self.values.tree(Static(table.record), node), "base", node)
        placed = ir.Binary(BOOLEAN, "!=", self.values.tree(base, node), ir.number(0))
        self.out.check(placed, "a table is used before it is placed", node)

    def static_member(self, owner: Any, name: str, node: ast.AST) -> Value:
        """Return an attribute of a static object: a constant."""
        note_attribute(owner, name)
        try:
            return Static(constant(owner, name))
        except NoConstantError as error:
            raise self.scope.refuse(node, error.rule, str(error)) from None

    def field(self, pointer: Pointer, name: str, node: ast.AST) -> Field:
        """Return a field of a struct."""
        layout = layout_of(pointer.struct, self.scope.program.word_bits)
        try:
            field = layout.field(name)
        except KeyError:
            methods = (each for each in dir(pointer.struct) if each[0] != "_")
            near = did_you_mean(near_names(name, [*(each.name for each in layout.fields), *methods]))
            said = f"{pointer.struct.__name__} has no field {name}{near}"
            raise self.scope.refuse(node, "attributes", said) from None
        if isinstance(field.kind, RefKind) and field.kind.target not in self.scope.program.ram.homes:
            raise self.scope.refuse(node, "references", f"{field.kind.target.__name__} has no home array")
        return field

    def field_value(self, base: ir.Expression, field: Field) -> ir.Expression:
        """Return the value of a field, or the place of what lies inside it."""
        inside = isinstance(field.kind, (StructKind, ArrayKind))
        return (ir.FieldPlace if inside else ir.FieldValue)(held_by(field.kind), base, field)

    def store_member(self, base: Value, name: str, value: Value, node: ast.AST) -> None:
        """Store in a field."""
        if isinstance(base, Static) and not isinstance(base.value, Struct):
            raise self.scope.refuse(node, "components", "only fields of structs change")
        expression = self.values.tree(base, node)
        if not isinstance(expression.type, Pointer):
            raise self.scope.refuse(node, "components", "only fields of structs change")
        bits = self.bits.named_bits(expression.type, name)
        if bits is not None:
            whole = self.field_value(self.values.followed(expression, node), bits.field)
            stored = self.bits.with_bits(whole, [(bits, self.bits.part(bits, expression.type.struct, value, node))])
            whole = self.values.tree(stored, node)
            self.out.emit(ir.StoreField(self.scope.place(node), expression, bits.field, whole))
            return
        field = self.field(self.values.followed(expression, node).type, name, node)  # type: ignore[arg-type]
        if isinstance(field.kind, (StructKind, ArrayKind)):
            raise self.scope.refuse(node, "structs", "what lies inside a struct is changed in place, as by copy_from")
        wanted = self.field_value(expression, field).type
        what = f"{expression.type.struct.__name__}.{name}"
        fitted = self.values.fitted(value, wanted, what, node)
        if isinstance(field.kind, RefKind):
            fitted = self.at_home(fitted, field.kind.target, node)
        self.out.emit(ir.StoreField(self.scope.place(node), expression, field, fitted))

    def at_home(self, value: ir.Expression, struct: type, node: ast.AST) -> ir.Expression:
        """Return a struct, or None, that is checked to lie in the home array; most structs lie nowhere else."""
        ram = self.scope.program.ram
        home = ram.homes[struct]
        size = layout_of(struct, ram.word_bits).size
        first, last = home._address, home._address + size * (len(home) - 1)
        message = f"a Ref[{struct.__name__}] takes an element of its home array or None"
        if isinstance(value, ir.StaticPlace):
            if value.address in range(first, last + 1, size):
                return value
            self.out.check(ir.Constant(BOOLEAN, False), message, node)
            return ir.Constant(value.type, None)
        elsewhere = [each for each in ram.records if each.address != first and _holds(each.struct, struct)]
        if not elsewhere or isinstance(value, (ir.Constant, ir.FieldValue)):
            return value
        kept = self.values.kept(value, node)
        address = ir.AddressOf(self.scope.program.type_of(word), kept)
        start, end = ir.number(first), ir.number(last + size)
        # Not the remainder of a difference, which would take two words.
        rest = self.values.tree(self.arithmetic.binary(ast.Mod(), address, Static(size), node), node)
        held: ir.Expression = ir.Binary(BOOLEAN, "==", kept, ir.Constant(NONE, None))
        inside = ir.Binary(BOOLEAN, ">=", address, start)
        for other in (ir.Binary(BOOLEAN, "<", address, end), ir.Binary(BOOLEAN, "==", rest, ir.number(first % size))):
            inside = ir.Binary(BOOLEAN, "and", inside, other)
        held = ir.Binary(BOOLEAN, "or", held, inside)
        self.out.check(held, message, node)
        return kept


def _holds(outer: type, struct: type) -> bool:
    """Say whether a struct is another one, or has it inside."""
    kinds = [each.kind for each in layout_of(outer).fields]
    inner = [each.element if isinstance(each, ArrayKind) else each for each in kinds]
    return outer is struct or any(_holds(each.layout.struct, struct) for each in inner if isinstance(each, StructKind))
