"""Expressions in C, with the casts and parentheses that they need."""

from keelback.compiler import ir
from keelback.compiler.names import field_name
from keelback.compiler.print_c.places import Places
from keelback.compiler.print_c.spelling import literal, quoted
from keelback.compiler.types import I32, I64, I128, U32, U64, U128, ArrayPointer, Boolean, Integer, Pointer, Type
from keelback.lang.integers import IntegerType
from keelback.lang.layout import Field, IntegerKind, RefKind

UNSIGNED = {32: U32, 64: U64, 128: U128}
PRECEDENCE = {
    "*": 13, "//": 13, "%": 13, "+": 12, "-": 12, "<<": 11, ">>": 11, "<": 10, "<=": 10, ">": 10, ">=": 10,
    "==": 9, "!=": 9, "&": 8, "^": 7, "|": 6, "and": 5, "or": 4,
}  # fmt: skip
CHOICE, CAST, UNARY, POSTFIX = 3, 14, 14, 15
C_OPERATORS = {"//": "/", "and": "&&", "or": "||"}
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
        if constant.value is None or isinstance(constant.value, bool):
            return str(int(constant.value or 0)), POSTFIX
        assert isinstance(constant.type, Integer)
        return literal(constant.value, self.c(constant.type.interval)), POSTFIX if constant.value >= 0 else UNARY

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
        element = at.type.element if isinstance(at.type, ArrayPointer) else None
        name = self.c_type(at.type) if element is None else f"{self.element_type(element)} *"
        c = self.computed(at.address)
        address = self.operand(at.address, self.word if c.bits < self.word.bits else c, CAST)
        return f"({name}){address}", CAST

    def piece_ConstantElement(self, element: ir.ConstantElement) -> Piece:
        name = self.tables.setdefault(element.values, f"constants${len(self.tables) + 1}")
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
        if unary.operator == "not":
            return f"!{self.text(unary.operand, UNARY)}", UNARY
        assert isinstance(unary.type, Integer) and isinstance(unary.operand.type, Integer)
        c = self.c(unary.type.interval, unary.operand.type.interval)
        return f"{unary.operator}{self.operand(unary.operand, c, POSTFIX)}", UNARY

    def piece_Choice(self, choice: ir.Choice) -> Piece:
        condition = self.text(choice.condition, CHOICE + 1)
        left, right = (self.converted(each, choice.type, CHOICE + 1) for each in (choice.left, choice.right))
        return f"{condition} ? {left} : {right}", CHOICE

    def piece_Binary(self, binary: ir.Binary) -> Piece:
        sign, precedence = binary.operator, PRECEDENCE[binary.operator]
        left, right = binary.left.type, binary.right.type
        if not isinstance(left, Integer) or not isinstance(right, Integer):
            # `a and b or c` and comparisons of comparisons get parentheses that C does not need.
            least = UNARY if sign not in ("and", "or") else PRECEDENCE["=="]
            texts = [self.text(each, least) for each in (binary.left, binary.right)]
            return f"{texts[0]} {C_OPERATORS.get(sign, sign)} {texts[1]}", precedence
        together = left.interval.join(right.interval)
        if isinstance(binary.type, Integer) and sign not in ("<<", ">>"):
            together = together.join(binary.type.interval)
        if sign in ("//", "%") and (left.interval.low < 0 or right.interval.low < 0):
            c = self.computed_binary(binary, binary.type)  # type: ignore[arg-type]
            name = ("floor_div" if sign == "//" else "floor_mod") + ("_wide" if c is I128 else "")
            return f"{name}({self.operand(binary.left, c)}, {self.operand(binary.right, c)})", POSTFIX
        if sign in ("<<", ">>"):
            return self.shift(binary, left, binary.type)
        c = self.c(together)
        least = precedence if sign in ("+", "-", "*") else precedence + 1
        if sign in ("&", "|", "^", "==", "!=", "<", "<=", ">", ">="):
            least = UNARY
        first = self.operand(binary.left, c, least)
        second = self.operand(binary.right, c, max(least, precedence + 1))
        return f"{first} {C_OPERATORS.get(sign, sign)} {second}", precedence

    def shift(self, binary: ir.Binary, left: Integer, result: Type) -> Piece:
        """Return a shift; a negative number is shifted left as its bits."""
        assert isinstance(result, Integer)
        c = self.c(left.interval, result.interval)
        count = self.operand(binary.right, I32, UNARY)
        high = binary.right.type.interval.high if isinstance(binary.right.type, Integer) else 63
        if high > 31 and c.bits == 32:
            c = I64 if c.signed else U64
        if binary.operator == "<<" and left.interval.low < 0:
            return f"({c.name})(({UNSIGNED[c.bits].name}){self.operand(binary.left, c, CAST)} << {count})", CAST
        return f"{self.operand(binary.left, c, UNARY)} {binary.operator} {count}", PRECEDENCE["<<"]

    # C types of integers.

    def operand(self, expression: ir.Expression, c: IntegerType, least: int = 0) -> str:
        """Return an integer expression as a value of a C type."""
        if isinstance(expression, ir.Constant) and isinstance(expression.value, int):
            return literal(expression.value, c)
        found = self.computed(expression)
        if found == c or (found.bits < 32 and c is I32):
            return self.text(expression, least)
        return f"({c.name}){self.text(expression, CAST)}"

    def computed(self, expression: ir.Expression) -> IntegerType:
        """Return the C type that an integer expression has in C."""
        assert isinstance(expression.type, Integer)
        if isinstance(expression, ir.Local):
            declared = self.function.locals.get(expression.name) or self.function.parameters[expression.name]
            assert isinstance(declared, Integer)
            return self.c(declared.interval)
        if isinstance(expression, ir.FieldValue):
            assert isinstance(expression.field.kind, IntegerKind)
            return expression.field.kind.type
        if isinstance(expression, ir.ElementValue):
            assert isinstance(expression.base.type, ArrayPointer)
            assert isinstance(expression.base.type.element, IntegerType)
            return expression.base.type.element
        if isinstance(expression, ir.AddressOf):
            return self.word
        if isinstance(expression, ir.Unary) and isinstance(expression.operand.type, Integer):
            return self.c(expression.type.interval, expression.operand.type.interval)
        if isinstance(expression, ir.Binary):
            return self.computed_binary(expression, expression.type)
        return self.c(expression.type.interval)

    def computed_binary(self, binary: ir.Binary, type: Integer) -> IntegerType:
        """Return the C type of an arithmetic expression, as `piece_Binary` chooses it."""
        left, right = binary.left.type, binary.right.type
        assert isinstance(left, Integer) and isinstance(right, Integer)
        if binary.operator in ("//", "%") and (left.interval.low < 0 or right.interval.low < 0):
            return I64 if left.interval.join(right.interval).join(type.interval).fits(64) else I128
        if binary.operator in ("<<", ">>"):
            c = self.c(left.interval, type.interval)
            if right.interval.high > 31 and c.bits == 32:
                return I64 if c.signed else U64
            return c
        return self.c(left.interval, right.interval, type.interval)

    def converted(self, expression: ir.Expression, type: Type, least: int = 0) -> str:
        """Return an expression as a value of a type of the program."""
        if isinstance(type, Integer) and isinstance(expression.type, Integer):
            return self.operand(expression, self.c(type.interval), least)
        return self.text(expression, least)

    def stored(self, expression: ir.Expression, c: IntegerType) -> str:
        """Return an expression for a store into a place of a C type."""
        if isinstance(expression.type, Boolean):
            return self.text(expression)
        if isinstance(expression, ir.Constant) and isinstance(expression.value, int):
            return literal(expression.value, c if c.bits >= 32 else I32)
        found = self.computed(expression)
        return self.text(expression) if found == c else f"({c.name}){self.text(expression, CAST)}"
