"""Expressions in C, with the casts and parentheses that they need."""

from keelback.compiler import ir
from keelback.compiler.names import field_name
from keelback.compiler.print_c.places import Places
from keelback.compiler.print_c.spelling import literal, quoted
from keelback.compiler.types import ArrayPointer, Boolean, Pointer
from keelback.lang.integers import IntegerType
from keelback.lang.layout import Field, RefKind

PRECEDENCE = {
    "*": 13, "/": 13, "%": 13, "+": 12, "-": 12, "<<": 11, ">>": 11, "<": 10, "<=": 10, ">": 10, ">=": 10,
    "==": 9, "!=": 9, "&": 8, "^": 7, "|": 6, "&&": 5, "||": 4,
}  # fmt: skip
CHOICE, CAST, UNARY, POSTFIX = 3, 14, 14, 15
Piece = tuple[str, int]
"""C text and the precedence of its outermost operator."""


class Expressions(Places):
    """Prints expressions."""

    def text(self, expression: ir.Expression, least: int = 0) -> str:
        """Return an expression's text, in parentheses if it binds less than asked for."""
        text, precedence = self.piece(expression)
        return f"({text})" if precedence < least else text

    def piece(self, expression: ir.Expression) -> Piece:
        """Return an expression's text and precedence."""
        method = getattr(self, "piece_" + type(expression).__name__)
        piece: Piece = method(expression)
        return piece

    def piece_Constant(self, constant: ir.Constant) -> Piece:
        value = int(constant.value or 0)
        return literal(value, constant.type) if isinstance(constant.type, IntegerType) else str(value), POSTFIX

    def piece_TextConstant(self, constant: ir.TextConstant) -> Piece:
        return f"(text){{{quoted(constant.value)}, {len(constant.value)}}}", POSTFIX

    def piece_Local(self, local: ir.Local) -> Piece:
        return self.names.local(local.name), POSTFIX

    def piece_StaticPlace(self, static: ir.StaticPlace) -> Piece:
        text = self.lvalue(static.address, static.type)
        return (text, POSTFIX) if isinstance(static.type, ArrayPointer) else (f"&{text}", UNARY)

    def piece_FieldValue(self, value: ir.FieldValue) -> Piece:
        text = self.member(value.base, value.field)
        if isinstance(value.field.kind, RefKind):
            return f"{self.home(value.field.kind.target)[0]}({text})", POSTFIX
        if isinstance(value.type, Boolean):
            return f"{text} != 0", PRECEDENCE["!="]
        return text, POSTFIX

    def piece_FieldPlace(self, place: ir.FieldPlace) -> Piece:
        text = self.member(place.base, place.field)
        return (text, POSTFIX) if isinstance(place.type, ArrayPointer) else (f"&{text}", UNARY)

    def piece_ElementValue(self, value: ir.ElementValue) -> Piece:
        return f"{self.text(value.base, POSTFIX)}[{self.text(value.index)}]", POSTFIX

    def piece_ElementPlace(self, place: ir.ElementPlace) -> Piece:
        return f"&{self.text(place.base, POSTFIX)}[{self.text(place.index)}]", UNARY

    def piece_AddressOf(self, address: ir.AddressOf) -> Piece:
        return f"({self.word.name}){self.text(address.base, CAST)}", CAST

    def piece_StructAt(self, at: ir.StructAt) -> Piece:
        return f"({self.c_type(at.type)}){self.text(at.address, CAST)}", CAST

    def piece_Cast(self, cast: ir.Cast) -> Piece:
        return f"({self.c_type(cast.type)}){self.text(cast.value, CAST)}", CAST

    def piece_ConstantElement(self, element: ir.ConstantElement) -> Piece:
        name, _ = self.tables.setdefault(element.values, (f"constants${len(self.tables) + 1}", element.type))
        return f"{name}[{self.text(element.index)}]", POSTFIX

    def piece_ErrorText(self, error: ir.ErrorText) -> Piece:
        self.error_texts = True
        return f"{self.error_sentence}({self.text(error.number)})", POSTFIX

    def piece_SameBytes(self, same: ir.SameBytes) -> Piece:
        right = quoted(same.right.value) if isinstance(same.right, ir.TextConstant) else self.text(same.right)
        return f"same_bytes({self.text(same.left)}, {right}, {same.size})", POSTFIX

    def member(self, base: ir.Expression, field: Field) -> str:
        """Return a field of a struct."""
        if isinstance(base.type, Pointer):
            self.struct(base.type.struct)
        name = field_name(field.name)
        text = self.text(base, UNARY)
        if text.startswith("&"):
            return f"{text[1:]}.{name}"
        return f"{self.text(base, POSTFIX)}->{name}"

    # Operators.

    def piece_Unary(self, unary: ir.Unary) -> Piece:
        sign = unary.operator
        least = POSTFIX if isinstance(unary.operand, ir.Unary) and sign != "!" else UNARY  # no two minus signs meet
        return f"{sign}{self.text(unary.operand, least)}", UNARY

    def piece_Choice(self, choice: ir.Choice) -> Piece:
        parts = (self.text(each, CHOICE + 1) for each in (choice.condition, choice.left, choice.right))
        return "{} ? {} : {}".format(*parts), CHOICE

    def piece_Binary(self, binary: ir.Binary) -> Piece:
        sign, left, right = binary.operator, binary.left, binary.right
        if sign not in PRECEDENCE:
            return f"{sign}({self.text(left)}, {self.text(right)})", POSTFIX
        precedence = PRECEDENCE[sign]
        if sign in ("&&", "||"):  # `a && b || c` gets parentheses that C does not need
            first = second = PRECEDENCE["=="]
        elif sign in ("+", "-", "*", "/", "%"):
            first, second = precedence + (sign in ("/", "%")), precedence + 1
        else:
            first = second = UNARY
        return f"{self.text(left, first)} {sign} {self.text(right, second)}", precedence
