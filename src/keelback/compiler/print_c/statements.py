"""Statements in C, each after the line of the source that it comes from."""

from collections.abc import Iterable

from keelback.compiler import ir
from keelback.compiler.print_c.expressions import CAST, POSTFIX, PRECEDENCE, Expressions
from keelback.compiler.print_c.packing import PACKINGS
from keelback.compiler.print_c.spelling import quoted, short_path
from keelback.compiler.types import ArrayPointer, Pointer, Void
from keelback.compiler.walk import goes_on, leaves
from keelback.lang.integers import IntegerType
from keelback.lang.layout import RefKind, layout_of


class Statements(Expressions):
    """Prints statements."""

    def line(self, place: ir.Place) -> str:
        """Return the directive that says where what follows comes from."""
        return f"#line {place[1]} {quoted(short_path(place[0]))}\n" if self.form.lines else ""

    def statement(self, statement: ir.Statement, depth: int) -> str:
        """Return a statement, indented."""
        method = getattr(self, "print_" + type(statement).__name__)
        text = str(method(statement, "    " * depth, depth))
        return self.line(statement.place) + text if text else ""

    def block(self, body: Iterable[ir.Statement], depth: int) -> str:
        """Return statements, one level deeper."""
        return "".join(self.statement(each, depth + 1) for each in body)

    # Stores.

    def print_SetLocal(self, statement: ir.SetLocal, indent: str, depth: int) -> str:
        return f"{indent}{self.names.local(statement.name)} = {self.text(statement.value)};\n"

    def print_StoreField(self, statement: ir.StoreField, indent: str, depth: int) -> str:
        kind, target = statement.field.kind, self.member(statement.base, statement.field)
        place = f"{self.home(kind.target)[1]}" if isinstance(kind, RefKind) else ""
        value = self.text(statement.value)
        return f"{indent}{target} = {place}({value});\n" if place else f"{indent}{target} = {value};\n"

    def print_StoreElement(self, statement: ir.StoreElement, indent: str, depth: int) -> str:
        target = f"{self.text(statement.base, POSTFIX)}[{self.text(statement.index)}]"
        return f"{indent}{target} = {self.text(statement.value)};\n"

    def print_CopyElements(self, statement: ir.CopyElements, indent: str, depth: int) -> str:
        size = self.scaled(statement.count, statement.target)
        target = f"&{self.text(statement.target, POSTFIX)}[{self.text(statement.target_start)}]"
        source = f"&{self.text(statement.source, POSTFIX)}[{self.text(statement.source_start)}]"
        move = "move_bytes" if self.size_of_element(statement.target) == 1 else "move_elements"
        return f"{indent}{move}({target}, {source}, {size});\n"

    def print_CopyStruct(self, statement: ir.CopyStruct, indent: str, depth: int) -> str:
        assert isinstance(statement.target.type, Pointer)
        target, source = self.text(statement.target), self.text(statement.source)
        return f"{indent}move_bytes({target}, {source}, sizeof({self.struct(statement.target.type.struct)}));\n"

    def print_FillBytes(self, statement: ir.FillBytes, indent: str, depth: int) -> str:
        target = self.text(statement.target)
        return f"{indent}memset({target}, {self.text(statement.value)}, {self.text(statement.size)});\n"

    def print_FillElements(self, statement: ir.FillElements, indent: str, depth: int) -> str:
        assert isinstance(statement.target.type, ArrayPointer)
        element = statement.target.type.element
        assert isinstance(element, IntegerType)
        start = f"&{self.text(statement.target, POSTFIX)}[{self.text(statement.start)}]"
        if element.size == 1:
            return f"{indent}memset({start}, {self.text(statement.value)}, {self.text(statement.count)});\n"
        loop = f"for ({self.word.name} i$0 = 0, n$0 = {self.text(statement.count)}; i$0 < n$0; i$0++)"
        return f"{indent}{loop}\n{indent}    ({start})[i$0] = {self.text(statement.value)};\n"

    def scaled(self, count: ir.Expression, array: ir.Expression) -> str:
        """Return how many bytes a number of elements has."""
        size = self.size_of_element(array)
        return self.text(count) if size == 1 else f"{self.text(count, PRECEDENCE['*'])} * {size}"

    def size_of_element(self, array: ir.Expression) -> int:
        """Return how many bytes an element of an array has."""
        assert isinstance(array.type, ArrayPointer)
        element = array.type.element
        return layout_of(element, self.ram.word_bits).size if isinstance(element, type) else element.size

    def print_SetText(self, statement: ir.SetText, indent: str, depth: int) -> str:
        return f"{indent}memcpy({self.text(statement.target)}, {quoted(statement.text)}, {len(statement.text)});\n"

    # Calls.

    def print_Call(self, statement: ir.Call, indent: str, depth: int) -> str:
        callee = self.functions[statement.function.name]
        arguments = [self.text(each) for each in statement.arguments]
        result = self.names.local(statement.result) if statement.result else None
        error = self.names.local(statement.error) if statement.error else None
        if not callee.raises:
            call = f"{statement.function.name}({', '.join(arguments)})"
            return f"{indent}{result} = {call};\n" if result else f"{indent}{call};\n"
        if callee.packed:
            call = f"{statement.function.name}({', '.join(arguments)})"
            packing = PACKINGS[callee.packed]
            text = f"{indent}{{\n{self.line(statement.place)}{indent}    {packing.type} both$0 = {call};\n"
            text += f"{indent}    {error} = {packing.error};\n"
            if result:
                text += f"{indent}    {result} = ({self.c_type(callee.key.result)}){packing.result};\n"
            return text + f"{indent}}}\n"
        if not isinstance(callee.key.result, Void):
            arguments.append(f"&{result}")
        return f"{indent}{error} = {statement.function.name}({', '.join(arguments)});\n"

    def print_WriteText(self, statement: ir.WriteText, indent: str, depth: int) -> str:
        return f"{indent}{self.sinks[statement.put.name][0]}({self.text(statement.text)});\n"

    def print_WriteDigits(self, statement: ir.WriteDigits, indent: str, depth: int) -> str:
        how = f"{statement.base}, {quoted('0x' if statement.prefix else '')}, {statement.width}"
        put = self.sinks[statement.put.name][1]
        return f"{indent}{put}({self.text(statement.magnitude)}, {self.text(statement.negative)}, {how});\n"

    # Control.

    def print_Check(self, statement: ir.Check, indent: str, depth: int) -> str:
        return f"{indent}CHECK({self.text(statement.condition)}, {quoted(statement.message)});\n"

    def print_If(self, statement: ir.If, indent: str, depth: int) -> str:
        then, otherwise = self.block(statement.then, depth), self.block(statement.otherwise, depth)
        condition = self.text(statement.condition)
        if statement.rare:
            condition = f"UNLIKELY({condition})"
        text = f"{indent}if ({condition}) {{\n{then}{indent}}}"
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
        if goes_on(statement.body, statement.label):
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
        value = self.text(statement.value)
        if not self.function.raises:
            return f"{indent}return {value};\n"
        if self.function.packed:
            return f"{indent}return {PACKINGS[self.function.packed].succeeded.format(value)};\n"
        return f"{indent}*result$0 = {value};\n{indent}return 0;\n"

    def print_Fail(self, statement: ir.Fail, indent: str, depth: int) -> str:
        code = self.text(statement.code, CAST)
        if not self.function.packed:
            return f"{indent}return {code};\n"
        return f"{indent}return {PACKINGS[self.function.packed].failed.format(code)};\n"
