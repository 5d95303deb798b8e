"""C text: the only place that makes any.

1. Every integer operation names its C type: operands are cast to it, constants are written in it.
2. Parentheses follow C's precedence, and stand wherever a reader could doubt it.
3. A struct's layout is ours: packed, padded and asserted.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from keelback.compiler import ir
from keelback.compiler.intervals import Interval, interval_of
from keelback.compiler.ir import leaves, parts_of
from keelback.compiler.types import ArrayPointer, Boolean, Integer, Pointer, Text, Type, Void
from keelback.lang.errors import KernelError
from keelback.lang.integers import INTEGER_TYPES, IntegerType
from keelback.lang.layout import (
    ArrayKind,
    Field,
    IntegerKind,
    Kind,
    RefKind,
    StructKind,
    StructLayout,
    layout_of,
)
from keelback.lang.ram import Ram, Record

PANIC = 0x21636970
"""What is in eax when compiled code has stopped the machine: `pic!` as bytes."""

PRELUDE = """\
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
typedef uWORD word;
typedef _Bool bool;
typedef struct { const char *at; u32 length; } text;

void *memcpy(void *to, const void *from, __SIZE_TYPE__ size);
void *memmove(void *to, const void *from, __SIZE_TYPE__ size);
void *memset(void *to, int byte, __SIZE_TYPE__ size);

/* Stop the machine; what went wrong is in the registers. */
__attribute__((noreturn, cold, noinline)) static void panic(const char *message, const char *file, u32 line)
{
    for (;;)
        __asm__ volatile("cli; hlt" : : "a"(PANIC), "b"(message), "c"(file), "d"(line));
}

#ifdef WITHOUT_CHECKS /* to measure what they cost */
#define CHECK(condition, message) ((void)0)
#else
#define CHECK(condition, message) \\
    do { \\
        if (__builtin_expect(!(condition), 0)) \\
            panic(message, __FILE__, __LINE__); \\
    } while (0)
#endif

static inline __attribute__((unused)) i64 floor_div(i64 left, i64 right)
{
    return left / right - (left % right != 0 && (left < 0) != (right < 0));
}

static inline __attribute__((unused)) i64 floor_mod(i64 left, i64 right)
{
    i64 rest = left % right;
    return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
}
"""
I64, U64, U32, I32 = (INTEGER_TYPES[name] for name in ("i64", "u64", "u32", "i32"))
PRECEDENCE = {
    "*": 13, "//": 13, "%": 13, "+": 12, "-": 12, "<<": 11, ">>": 11, "<": 10, "<=": 10, ">": 10, ">=": 10,
    "==": 9, "!=": 9, "&": 8, "^": 7, "|": 6, "and": 5, "or": 4,
}  # fmt: skip
CHOICE, CAST, UNARY, POSTFIX = 3, 14, 14, 15
C_OPERATORS = {"//": "/", "and": "&&", "or": "||"}
Piece = tuple[str, int]
"""C text and the precedence of its outermost operator."""


class Printer:
    """Prints a program whose static records are a RAM's."""

    def __init__(self, ram: Ram, functions: Mapping[str, ir.Function], *, lines: bool = True) -> None:
        self.ram = ram
        self.functions = functions
        self.lines = lines
        self.function: ir.Function
        self.records: dict[int, Record] = {}
        self.structs: dict[type, None] = {}
        self.homes: dict[type, None] = {}
        self.tables: dict[tuple[Any, ...], str] = {}
        self.sinks: dict[str, None] = {}
        self.error_texts = False
        self.used: set[str] = set()
        self.taken = set(functions)
        self.record_names = {record.address: self.free(_record_name(record), self.taken) for record in ram.records}
        self.local_names: dict[str, str] = {}

    def free(self, name: str, taken: set[str]) -> str:
        """Take a name that nothing else has."""
        while name in taken:
            name += "_"
        taken.add(name)
        return name

    # The file.

    def program(self, entries: Sequence[str]) -> str:
        """Return the whole C file."""
        bodies = [self.function_text(function) for function in self.functions.values()]
        parts = [
            PRELUDE.replace("WORD", str(self.ram.word_bits)).replace("PANIC", f"{PANIC:#x}"),
            *self.struct_texts(),
            *self.record_texts(),
            *self.home_texts(),
            *self.table_texts(),
        ]
        parts += [self.prototype(function, entries) + ";" for function in self.functions.values()]
        parts += [*self.error_text(), *self.sink_texts(), *bodies]
        return "\n".join(parts)

    def sections(self) -> list[tuple[str, int]]:
        """Return the sections of the static records and their addresses."""
        return [(_section(record), record.address) for record in self.records.values()]

    def struct_texts(self) -> Iterator[str]:
        """Yield every struct that is used, inner before outer."""
        done: dict[type, None] = {}
        for record in self.records.values():
            self.structs[record.struct] = None
        for struct in list(self.structs):
            yield from self._struct_text(struct, done)

    def _struct_text(self, struct: type, done: dict[type, None]) -> Iterator[str]:
        if struct in done:
            return
        layout = layout_of(struct, self.ram.word_bits)
        for field in layout.fields:
            inner = field.kind.element if isinstance(field.kind, ArrayKind) else field.kind
            if isinstance(inner, StructKind):
                yield from self._struct_text(inner.layout.struct, done)
        done[struct] = None
        yield _struct(struct.__name__, layout)

    def record_texts(self) -> Iterator[str]:
        """Yield every static record that is used, as a variable in a section of its own."""
        for record in sorted(self.records.values(), key=lambda each: each.address):
            count = f"[{record.count}]" if record.count else ""
            name = f"{record.struct.__name__} {self.record_names[record.address]}{count}"
            yield f'{name} __attribute__((section("{_section(record)}")));'

    def home_texts(self) -> Iterator[str]:
        """Yield the two conversions of Refs of every struct that has any."""
        for struct in self.homes:
            name, home = struct.__name__, self.ram.homes[struct]
            table = self.lvalue(home._address, ArrayPointer(struct, len(home)))
            yield (
                f"static inline __attribute__((unused)) {name} *{name}_of(u32 place)\n"
                f"{{\n    return place ? &{table}[place - 1] : 0;\n}}\n"
                f"static inline __attribute__((unused)) u32 {name}_place({name} *element)\n"
                f"{{\n    return element ? (u32)(element - {table}) + 1 : 0;\n}}"
            )

    def table_texts(self) -> Iterator[str]:
        """Yield the constant tuples that are indexed at run time."""
        for values, name in self.tables.items():
            if isinstance(values[0], str):
                items = ", ".join(f"{{{_string(each)}, {len(each)}}}" for each in values)
                yield f"static const text {name}[] = {{{items}}};"
            else:
                c = Integer(Interval(min(values), max(values))).c
                yield f"static const {c.name} {name}[] = {{{', '.join(_literal(each, c) for each in values)}}};"

    def error_text(self) -> Iterator[str]:
        """Yield the function that tells an error's sentence."""
        if self.error_texts:
            cases = "\n".join(
                f"    case {number}: return (text){{{_string(each.sentence)}, {len(each.sentence)}}};"
                for number, each in sorted(KernelError.known.items(), reverse=True)
            )
            yield f"static text error_sentence(i32 number)\n{{\n    switch (number) {{\n{cases}\n    }}\n" + (
                '    return (text){"", 0};\n}'
            )

    def sink_texts(self) -> Iterator[str]:
        """Yield what writes texts and numbers to each sink."""
        for put in self.sinks:
            yield SINK.replace("PUT", put)

    # Functions.

    def prototype(self, function: ir.Function, entries: Sequence[str] = ()) -> str:
        """Return a function's head."""
        self.function = function
        exact = function.native is not None
        taken = set() if exact else set(self.taken)
        self.local_names = {name: self.free(name, taken) for name in (*function.parameters, *function.locals)}
        parameters = [
            f"{_declared(type)} {name}"
            if exact and isinstance(type, Integer)
            else self.declaration(type, self.local_names[name])
            for name, type in function.parameters.items()
        ]
        result = self.c_type(function.key.result)
        if function.raises:
            result = "u64" if self.packed(function) else "i32"
            if not self.packed(function) and not isinstance(function.key.result, Void):
                parameters.append(self.declaration(function.key.result, "*result"))
        inline = " inline" if function.native is not None else ""
        storage = "" if function.key.name in entries else f"static{inline} __attribute__((unused)) "
        return f"{storage}{_spaced(result)}{function.key.name}({', '.join(parameters) or 'void'})"

    def packed(self, function: ir.Function) -> bool:
        """Say whether value and error of a failing function fit one 64-bit result."""
        result = function.key.result
        if isinstance(result, Integer):
            return result.c.bits == 32
        return isinstance(result, Boolean) or (isinstance(result, Pointer) and self.ram.word_bits == 32)

    def function_text(self, function: ir.Function) -> str:
        """Return a whole function."""
        head = self.line(function.place) + self.prototype(function, self.entries)
        if function.native is not None:
            return f"{head}\n{{\n    {function.native}\n}}\n"
        self.used = _needed(function.body) | self.results_by_pointer(function.body)
        body = "".join(self.statement(each, 1) for each in function.body)
        locals = "".join(
            f"    {self.declaration(type, self.local_names[name])};\n"
            for name, type in function.locals.items()
            if name in self.used
        )
        if function.raises and isinstance(function.key.result, Void):
            body += "    return 0;\n"
        elif not isinstance(function.key.result, Void):
            body += "    __builtin_unreachable();\n"
        return f"{head}\n{{\n{locals}{body}}}\n"

    def results_by_pointer(self, body: Iterable[ir.Statement]) -> set[str]:
        """Return the locals that a callee stores its result in."""
        found = set()
        for statement in body:
            if isinstance(statement, ir.Call) and statement.result:
                callee = self.functions[statement.function.name]
                if callee.raises and not self.packed(callee):
                    found.add(statement.result)
            for part in parts_of(statement):
                found |= self.results_by_pointer(part)
        return found

    entries: Sequence[str] = ()

    def line(self, place: ir.Place) -> str:
        """Return the directive that says where what follows comes from."""
        return f"#line {place[1]} {_string(short_path(place[0]))}\n" if self.lines else ""

    def statement(self, statement: ir.Statement, depth: int) -> str:
        """Return a statement, indented."""
        method = getattr(self, "print_" + type(statement).__name__)
        text = str(method(statement, "    " * depth, depth))
        return self.line(statement.place) + text if text else ""

    def block(self, body: Iterable[ir.Statement], depth: int) -> str:
        """Return statements, one level deeper."""
        return "".join(self.statement(each, depth + 1) for each in body)

    def print_SetLocal(self, statement: ir.SetLocal, indent: str, depth: int) -> str:
        if statement.name not in self.used:
            return ""
        type = self.function.locals.get(statement.name) or self.function.parameters[statement.name]
        if isinstance(statement.value, ir.Local) and statement.value.name == statement.name:
            return ""
        return f"{indent}{self.local_names[statement.name]} = {self.converted(statement.value, type)};\n"

    def print_StoreField(self, statement: ir.StoreField, indent: str, depth: int) -> str:
        kind = statement.field.kind
        target = self.member(statement.base, statement.field)
        if isinstance(kind, RefKind):
            self.homes[kind.target] = None
            return f"{indent}{target} = {kind.target.__name__}_place({self.text(statement.value)});\n"
        assert isinstance(kind, IntegerKind)
        return f"{indent}{target} = {self.stored(statement.value, kind.type)};\n"

    def print_StoreElement(self, statement: ir.StoreElement, indent: str, depth: int) -> str:
        assert isinstance(statement.base.type, ArrayPointer) and isinstance(statement.base.type.element, IntegerType)
        target = f"{self.text(statement.base, POSTFIX)}[{self.text(statement.index)}]"
        return f"{indent}{target} = {self.stored(statement.value, statement.base.type.element)};\n"

    def print_CopyElements(self, statement: ir.CopyElements, indent: str, depth: int) -> str:
        size = self.scaled(statement.count, statement.target)
        target = f"&{self.text(statement.target, POSTFIX)}[{self.text(statement.target_start)}]"
        source = f"&{self.text(statement.source, POSTFIX)}[{self.text(statement.source_start)}]"
        return f"{indent}memmove({target}, {source}, {size});\n"

    def print_FillBytes(self, statement: ir.FillBytes, indent: str, depth: int) -> str:
        target = self.text(statement.target)
        return f"{indent}memset({target}, {self.text(statement.value)}, {self.text(statement.size)});\n"

    def print_FillElements(self, statement: ir.FillElements, indent: str, depth: int) -> str:
        assert isinstance(statement.target.type, ArrayPointer)
        element = statement.target.type.element
        assert isinstance(element, IntegerType)
        start = f"&{self.text(statement.target, POSTFIX)}[{self.text(statement.start)}]"
        if element.size == 1:
            return f"{indent}memset({start}, {self.stored(statement.value, element)}, {self.text(statement.count)});\n"
        loop = f"for (u32 i = 0, n = {self.text(statement.count)}; i < n; i++)"
        return f"{indent}{loop}\n{indent}    ({start})[i] = {self.stored(statement.value, element)};\n"

    def print_SetText(self, statement: ir.SetText, indent: str, depth: int) -> str:
        return f"{indent}memcpy({self.text(statement.target)}, {_string(statement.text)}, {len(statement.text)});\n"

    def print_Call(self, statement: ir.Call, indent: str, depth: int) -> str:
        callee = self.functions[statement.function.name]
        types = list(callee.parameters.values())
        arguments = [self.converted(each, type) for each, type in zip(statement.arguments, types, strict=True)]
        result = self.local_names[str(statement.result)] if statement.result in self.used else None
        error = self.local_names[statement.error] if statement.error else None
        if not callee.raises:
            call = f"{statement.function.name}({', '.join(arguments)})"
            return f"{indent}{result} = {call};\n" if result else f"{indent}{call};\n"
        if self.packed(callee):
            call = f"{statement.function.name}({', '.join(arguments)})"
            text = f"{indent}{{\n{indent}    u64 both = {call};\n"
            text += f"{indent}    {error} = (i32)(both >> 32);\n"
            if result:
                text += f"{indent}    {result} = ({self.c_type(callee.key.result)})(u32)both;\n"
            return text + f"{indent}}}\n"
        if not isinstance(callee.key.result, Void):
            arguments.append(f"&{result}")
        return f"{indent}{error} = {statement.function.name}({', '.join(arguments)});\n"

    def print_WriteText(self, statement: ir.WriteText, indent: str, depth: int) -> str:
        put = statement.put.name
        self.sinks[put] = None
        return f"{indent}{put}_text({self.text(statement.text)});\n"

    def print_WriteNumber(self, statement: ir.WriteNumber, indent: str, depth: int) -> str:
        put = statement.put.name
        self.sinks[put] = None
        assert isinstance(statement.value.type, Integer)
        low = statement.value.type.interval.low
        value = self.text(statement.value, CAST)
        sign = f"{value} < 0" if low < 0 else "0"
        magnitude = f"{value} < 0 ? -(u64){value} : (u64){value}" if low < 0 else self.operand(statement.value, U64)
        prefix = _string("0x" if statement.prefix else "")
        return f"{indent}{put}_number({magnitude}, {sign}, {statement.base}, {prefix}, {statement.width});\n"

    def print_Check(self, statement: ir.Check, indent: str, depth: int) -> str:
        return f"{indent}CHECK({self.text(statement.condition)}, {_string(statement.message)});\n"

    def print_If(self, statement: ir.If, indent: str, depth: int) -> str:
        then, otherwise = self.block(statement.then, depth), self.block(statement.otherwise, depth)
        text = f"{indent}if ({self.text(statement.condition)}) {{\n{then}{indent}}}"
        return text + (f" else {{\n{otherwise}{indent}}}\n" if otherwise else "\n")

    def print_Switch(self, statement: ir.Switch, indent: str, depth: int) -> str:
        cases = "".join(
            f"{indent}case {number}: {{\n{self.block(case, depth)}{indent}    break;\n{indent}}}\n"
            for number, case in enumerate(statement.cases)
        )
        ending = f"{indent}default:\n{indent}    __builtin_unreachable();\n"
        return f"{indent}switch ({self.text(statement.value)}) {{\n{cases}{ending}{indent}}}\n"

    def print_Loop(self, statement: ir.Loop, indent: str, depth: int) -> str:
        body = self.block(statement.body, depth)
        step = self.block(statement.step, depth)
        if _goes_on(statement.body, statement.label):
            body += f"{indent}{statement.label}_next:;\n"
        text = f"{indent}while ({self.text(statement.condition)}) {{\n{body}{step}{indent}}}\n"
        return text + self.end_label(statement.body, statement.label, indent)

    def print_Block(self, statement: ir.Block, indent: str, depth: int) -> str:
        body = "".join(self.statement(each, depth) for each in statement.body)
        return body + self.end_label(statement.body, statement.label, indent)

    def end_label(self, body: Iterable[ir.Statement], label: str, indent: str) -> str:
        """Return the label that leaving jumps to, where something does."""
        return f"{indent}{label}_end:;\n" if leaves(body, label) else ""

    def print_Break(self, statement: ir.Break, indent: str, depth: int) -> str:
        return f"{indent}goto {statement.label}_end;\n"

    def print_Continue(self, statement: ir.Continue, indent: str, depth: int) -> str:
        return f"{indent}goto {statement.label}_next;\n"

    def print_Return(self, statement: ir.Return, indent: str, depth: int) -> str:
        if statement.value is None:
            return f"{indent}return{' 0' if self.function.raises else ''};\n"
        value = self.converted(statement.value, self.function.key.result)
        if not self.function.raises:
            return f"{indent}return {value};\n"
        if self.packed(self.function):
            return f"{indent}return (u32)({value});\n"
        return f"{indent}*result = {value};\n{indent}return 0;\n"

    def print_Fail(self, statement: ir.Fail, indent: str, depth: int) -> str:
        code = self.text(statement.code, CAST)
        return f"{indent}return {f'(u64)(u32){code} << 32' if self.packed(self.function) else code};\n"

    # Expressions.

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
        return _literal(constant.value, constant.type.c), POSTFIX if constant.value >= 0 else UNARY

    def piece_TextConstant(self, constant: ir.TextConstant) -> Piece:
        return f"(text){{{_string(constant.value)}, {len(constant.value)}}}", POSTFIX

    def piece_Local(self, local: ir.Local) -> Piece:
        return self.local_names[local.name], POSTFIX

    def piece_StaticPlace(self, static: ir.StaticPlace) -> Piece:
        text = self.lvalue(static.address, static.type)
        return (text, POSTFIX) if isinstance(static.type, ArrayPointer) else (f"&{text}", UNARY)

    def piece_FieldValue(self, value: ir.FieldValue) -> Piece:
        text = self.member(value.base, value.field)
        if isinstance(value.field.kind, RefKind):
            self.homes[value.field.kind.target] = None
            return f"{value.field.kind.target.__name__}_of({text})", POSTFIX
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
        return f"(u{self.ram.word_bits}){self.text(address.base, CAST)}", CAST

    def piece_StructAt(self, at: ir.StructAt) -> Piece:
        element = at.type.element if isinstance(at.type, ArrayPointer) else None
        name = self.c_type(at.type) if element is None else f"{self.element_type(element)} *"
        return f"({name}){self.text(at.address, CAST)}", CAST

    def piece_ConstantElement(self, element: ir.ConstantElement) -> Piece:
        name = self.tables.setdefault(element.values, f"constants_{len(self.tables) + 1}")
        return f"{name}[{self.text(element.index)}]", POSTFIX

    def piece_ErrorText(self, error: ir.ErrorText) -> Piece:
        self.error_texts = True
        return f"error_sentence({self.text(error.number)})", POSTFIX

    def piece_Unary(self, unary: ir.Unary) -> Piece:
        if unary.operator == "not":
            return f"!{self.text(unary.operand, UNARY)}", UNARY
        assert isinstance(unary.type, Integer) and isinstance(unary.operand.type, Integer)
        c = Integer(unary.type.interval.join(unary.operand.type.interval)).c
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
            name = "floor_div" if sign == "//" else "floor_mod"
            return f"{name}({self.operand(binary.left, I64)}, {self.operand(binary.right, I64)})", POSTFIX
        if sign in ("<<", ">>"):
            return self.shift(binary, left, binary.type)
        c = Integer(together).c
        least = precedence if sign in ("+", "-", "*") else precedence + 1
        if sign in ("&", "|", "^", "==", "!=", "<", "<=", ">", ">="):
            least = UNARY
        first = self.operand(binary.left, c, least)
        second = self.operand(binary.right, c, max(least, precedence + 1))
        return f"{first} {C_OPERATORS.get(sign, sign)} {second}", precedence

    def shift(self, binary: ir.Binary, left: Integer, result: Type) -> Piece:
        """Return a shift; a negative number is shifted left as its bits."""
        assert isinstance(result, Integer)
        c = Integer(left.interval.join(result.interval)).c
        count = self.operand(binary.right, I32, UNARY)
        high = binary.right.type.interval.high if isinstance(binary.right.type, Integer) else 63
        if high > 31 and c.bits == 32:
            c = I64 if c.signed else U64
        if binary.operator == "<<" and left.interval.low < 0:
            bits = U32 if c.bits == 32 else U64
            return f"({c.name})(({bits.name}){self.operand(binary.left, c, CAST)} << {count})", CAST
        return f"{self.operand(binary.left, c, UNARY)} {binary.operator} {count}", PRECEDENCE["<<"]

    def operand(self, expression: ir.Expression, c: IntegerType, least: int = 0) -> str:
        """Return an integer expression as a value of a C type."""
        if isinstance(expression, ir.Constant) and isinstance(expression.value, int):
            return _literal(expression.value, c)
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
            return declared.c
        if isinstance(expression, ir.FieldValue):
            assert isinstance(expression.field.kind, IntegerKind)
            return expression.field.kind.type
        if isinstance(expression, ir.ElementValue):
            assert isinstance(expression.base.type, ArrayPointer)
            assert isinstance(expression.base.type.element, IntegerType)
            return expression.base.type.element
        if isinstance(expression, ir.AddressOf):
            return INTEGER_TYPES[f"u{self.ram.word_bits}"]
        if isinstance(expression, ir.Unary) and isinstance(expression.operand.type, Integer):
            return Integer(expression.type.interval.join(expression.operand.type.interval)).c
        if isinstance(expression, ir.Binary):
            return self.computed_binary(expression, expression.type)
        return expression.type.c

    def computed_binary(self, binary: ir.Binary, type: Integer) -> IntegerType:
        """Return the C type of an arithmetic expression, as `piece_Binary` chooses it."""
        left, right = binary.left.type, binary.right.type
        assert isinstance(left, Integer) and isinstance(right, Integer)
        if binary.operator in ("//", "%") and (left.interval.low < 0 or right.interval.low < 0):
            return I64
        if binary.operator in ("<<", ">>"):
            c = Integer(left.interval.join(type.interval)).c
            if right.interval.high > 31 and c.bits == 32:
                return I64 if c.signed else U64
            return c
        return Integer(left.interval.join(right.interval).join(type.interval)).c

    def converted(self, expression: ir.Expression, type: Type, least: int = 0) -> str:
        """Return an expression as a value of a type of the program."""
        if isinstance(type, Integer) and isinstance(expression.type, Integer):
            return self.operand(expression, type.c, least)
        return self.text(expression, least)

    def stored(self, expression: ir.Expression, c: IntegerType) -> str:
        """Return an expression for a store into a place of a C type."""
        if isinstance(expression.type, Boolean):
            return self.text(expression)
        if isinstance(expression, ir.Constant) and isinstance(expression.value, int):
            return _literal(expression.value, c if c.bits >= 32 else I32)
        found = self.computed(expression)
        return self.text(expression) if found == c else f"({c.name}){self.text(expression, CAST)}"

    def scaled(self, count: ir.Expression, array: ir.Expression) -> str:
        """Return how many bytes a number of elements has."""
        assert isinstance(array.type, ArrayPointer) and isinstance(array.type.element, IntegerType)
        size = array.type.element.size
        return self.text(count) if size == 1 else f"{self.text(count, PRECEDENCE['*'])} * {size}"

    # Places and types.

    def member(self, base: ir.Expression, field: Field) -> str:
        """Return a field of a struct."""
        if isinstance(base.type, Pointer):
            self.structs[base.type.struct] = None
        name = _field_name(field.name)
        text = self.text(base, UNARY)
        if text.startswith("&"):
            return f"{text[1:]}.{name}"
        return f"{self.text(base, POSTFIX)}->{name}"

    def lvalue(self, address: int, type: Type) -> str:
        """Return the static place at an address: by name, where a record holds it."""
        for record in self.ram.records:
            if record.address <= address < record.end:
                self.records[record.address] = record
                return self.inside(record, address - record.address, type)
        if isinstance(type, ArrayPointer):
            return f"(({self.element_type(type.element)} *){address:#x}u)"
        return f"(*({self.c_type(type)}){address:#x}u)"

    def inside(self, record: Record, offset: int, type: Type) -> str:
        """Return the place at an offset in a record that has the wanted type."""
        name, layout = self.record_names[record.address], layout_of(record.struct, self.ram.word_bits)
        if record.count:
            if isinstance(type, ArrayPointer) and type.element is record.struct and offset == 0:
                return name
            index, offset = divmod(offset, layout.size)
            name = f"{name}[{index}]"
        while not (isinstance(type, Pointer) and type.struct is layout.struct and offset == 0):
            field = next(each for each in layout.fields if each.offset <= offset < each.offset + each.kind.size)
            name, offset = f"{name}.{_field_name(field.name)}", offset - field.offset
            if isinstance(field.kind, ArrayKind):
                if isinstance(type, ArrayPointer) and offset == 0:
                    return name
                assert isinstance(field.kind.element, StructKind)
                index, offset = divmod(offset, field.kind.element.size)
                name, layout = f"{name}[{index}]", field.kind.element.layout
            else:
                assert isinstance(field.kind, StructKind)
                layout = field.kind.layout
        return name

    def c_type(self, type: Type) -> str:
        """Return the C name of a type."""
        if isinstance(type, Integer):
            return type.c.name
        if isinstance(type, Pointer):
            self.structs[type.struct] = None
            return f"{type.struct.__name__} *"
        if isinstance(type, ArrayPointer):
            return f"{self.element_type(type.element)} *"
        return {Boolean: "bool", Text: "text", Void: "void"}[type.__class__]

    def element_type(self, element: Any) -> str:
        """Return the C name of an array's element type."""
        if isinstance(element, IntegerType):
            return element.name
        self.structs[element] = None
        return str(element.__name__)

    def declaration(self, type: Type, name: str) -> str:
        """Return a declaration."""
        return _spaced(self.c_type(type)) + name


SINK = """\
static __attribute__((unused)) void PUT_text(text text)
{
    for (u32 i = 0; i < text.length; i++)
        PUT((u8)text.at[i]);
}

static __attribute__((unused)) void PUT_number(u64 value, bool negative, u32 base, const char *prefix, u32 width)
{
    char digits[20];
    u32 count = 0;
    do {
        u32 digit = (u32)(value % base);
        digits[count++] = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
        value /= base;
    } while (value != 0 || count < width);
    if (negative)
        PUT('-');
    for (; *prefix; prefix++)
        PUT((u8)*prefix);
    while (count > 0)
        PUT((u8)digits[--count]);
}
"""


def short_path(file: str) -> str:
    """Return a source file's path from the package on: the same on every machine."""
    _, found, rest = file.rpartition("/keelback/")
    return "keelback/" + rest if found else file.rpartition("/")[2]


def _struct(name: str, layout: StructLayout) -> str:
    lines, end, paddings = [], 0, 0
    for field in layout.fields:
        if field.offset > end:
            lines.append(f"    u8 padding_{paddings}[{field.offset - end}];")
            paddings += 1
        lines.append("    " + _field(field.kind, _field_name(field.name)) + ";")
        end = field.offset + field.kind.size
    if layout.size > end:
        lines.append(f"    u8 padding_{paddings}[{layout.size - end}];")
    asserts = [f'_Static_assert(sizeof({name}) == {layout.size}, "{name}");']
    asserts += [
        f'_Static_assert(__builtin_offsetof({name}, {_field_name(each.name)}) == {each.offset}, "{name}.{each.name}");'
        for each in layout.fields
    ]
    fields = "\n".join(lines)
    head = f"typedef struct __attribute__((packed, aligned({layout.alignment}))) {{"
    return f"{head}\n{fields}\n}} {name};\n" + "\n".join(asserts) + "\n"


def _field(kind: Kind, name: str) -> str:
    if isinstance(kind, ArrayKind):
        element = (
            kind.element.layout.struct.__name__ if isinstance(kind.element, StructKind) else kind.element.type.name
        )
        return f"{element} {name}[{kind.count}]"
    return f"{kind.layout.struct.__name__ if isinstance(kind, StructKind) else kind.type.name} {name}"


def _declared(type: Integer) -> str:
    """Return the name of the declared type that has just the values of a parameter."""
    return next(each.name for each in INTEGER_TYPES.values() if each.bits and interval_of(each) == type.interval)


def _field_name(name: str) -> str:
    from keelback.compiler.program import RESERVED

    return name + "_" if name in RESERVED else name


def _record_name(record: Record) -> str:
    name = "".join(each if each.isalnum() else "_" for each in record.name)
    return name.strip("_") or f"record_{record.address:x}"


def _section(record: Record) -> str:
    return f".record.at_{record.address:08x}"


def _spaced(type: str) -> str:
    return type if type.endswith("*") else type + " "


def _literal(value: int, c: IntegerType) -> str:
    """Return a constant, written in a C type; what does not fit is never used, or only its low bits are."""
    value &= (1 << c.bits) - 1
    if value > c.maximum:
        value -= 1 << c.bits
    if value == -(1 << 63):
        return "(-0x7fffffffffffffffll - 1)"
    if value == -(1 << 31) and c.bits == 32:
        return "(-0x7fffffff - 1)"
    number = str(value) if -1024 < value < 4096 else f"{'-' if value < 0 else ''}{abs(value):#x}"
    suffix = {"u32": "u", "i64": "ll", "u64": "ull"}.get(c.name, "")
    return number + suffix if value >= 0 else f"({number}{suffix})"


def _string(text: str) -> str:
    return json.dumps(text).replace("\\u0000", "\\000")


def _goes_on(body: Iterable[ir.Statement], label: str) -> bool:
    return any(
        (isinstance(each, ir.Continue) and each.label == label) or any(_goes_on(part, label) for part in parts_of(each))
        for each in body
    )


def _needed(body: Iterable[ir.Statement]) -> set[str]:
    """Return the locals that are read for something else than locals that are not needed themselves."""
    body, needed, more = tuple(body), set[str](), True
    while more:
        found = set(_locals_read_in(body, needed))
        more, needed = found != needed, found
    return needed


def _locals_read_in(body: Iterable[ir.Statement], needed: set[str]) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, ir.SetLocal) and statement.name not in needed:
            continue
        for value in vars(statement).values():
            yield from _locals_read(value)
        for part in parts_of(statement):
            yield from _locals_read_in(part, needed)


def _locals_read(value: Any) -> Iterator[str]:
    if isinstance(value, ir.Local):
        yield value.name
    elif isinstance(value, ir.Expression):
        for inner in vars(value).values():
            yield from _locals_read(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from _locals_read(inner)
