"""The C file: its parts in order, and its functions."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from keelback.compiler import ir
from keelback.compiler.prelude import PANIC, PRELUDE, SINK, UNMERGED, UNMERGED_END, WIDE
from keelback.compiler.print_c.form import Linkage
from keelback.compiler.print_c.packing import PACKINGS
from keelback.compiler.print_c.spelling import literal, quoted, spaced
from keelback.compiler.print_c.statements import Statements
from keelback.compiler.types import ArrayPointer, Void
from keelback.compiler.walk import statements_in
from keelback.lang.errors import KernelError
from keelback.lang.integers import IntegerType

FEW_STATEMENTS: Final = 5
"""A function of so many, picked by a switch, may become part of its caller."""


class Printer(Statements):
    """Prints a program whose static records are a RAM's."""

    def program(self, bodies: Sequence[str]) -> str:
        """Return the whole C file; `bodies` are all its functions, printed."""
        homes = [*self.home_texts()]
        parts = [
            PRELUDE.replace("WORD", str(self.ram.word_bits)).replace("PANIC", f"{PANIC:#x}"),
            *([WIDE] if self.ram.word_bits == 64 else []),
            *self.struct_texts(),
            *self.record_texts(),
            *homes,
            *self.table_texts(),
        ]
        parts += [UNMERGED, *(self.prototype(function) + ";" for function in self.functions.values()), UNMERGED_END]
        parts += [*self.error_text(), *self.sink_texts(), *bodies]
        return "\n".join(parts)

    def home_texts(self) -> Iterator[str]:
        """Yield the two conversions of Refs of every struct that has any."""
        for struct in self.homes:
            name, home, (of, place) = self.struct(struct), self.ram.homes[struct], self.home(struct)
            table = self.lvalue(home._address, ArrayPointer(struct, len(home)))
            yield (
                f"static inline __attribute__((unused)) {name} *{of}(u32 place)\n"
                f"{{\n    return place ? &{table}[place - 1] : 0;\n}}\n"
                f"static inline __attribute__((unused)) u32 {place}({name} *element)\n"
                f"{{\n    return element ? (u32)(element - {table}) + 1 : 0;\n}}"
            )

    def table_texts(self) -> Iterator[str]:
        """Yield the constant tuples that are indexed at run time."""
        for values, (name, c) in self.tables.items():
            if isinstance(values[0], str):
                items = ", ".join(f"{{{quoted(each)}, {len(each)}}}" for each in values)
                yield f"static const text {name}[] = {{{items}}};"
            elif isinstance(c, IntegerType):
                yield f"static const {c.name} {name}[] = {{{', '.join(literal(each, c) for each in values)}}};"

    def error_text(self) -> Iterator[str]:
        """Yield the function that tells an error's sentence."""
        if self.error_texts:
            cases = "\n".join(
                f"    case {number}: return (text){{{quoted(each.sentence)}, {len(each.sentence)}}};"
                for number, each in sorted(KernelError.known.items(), reverse=True)
                if number in self.raised
            )
            yield f"static text {self.error_sentence}(i32 number)\n{{\n    switch (number) {{\n{cases}\n    }}\n" + (
                '    return (text){"", 0};\n}'
            )

    def sink_texts(self) -> Iterator[str]:
        """Yield what writes texts and numbers to each sink."""
        for put, (text, number) in self.sinks.items():
            yield SINK.replace("PUT_TEXT", text).replace("PUT_NUMBER", number).replace("PUT", put)

    # Functions.

    def prototype(self, function: ir.Function) -> str:
        """Return a function's head."""
        self.function = function
        exact = function.native is not None
        parameters = [
            self.declaration(type, name if exact else self.names.local(name))
            for name, type in function.parameters.items()
        ]
        result = self.c_type(function.key.result)
        if function.raises:
            result = PACKINGS[function.packed].type if function.packed else "i32"
            if not function.packed and not isinstance(function.key.result, Void):
                parameters.append(self.declaration(function.key.result, "*result$0"))
        return f"{self.storage(function)}{spaced(result)}{function.key.name}({', '.join(parameters) or 'void'})"

    def storage(self, function: ir.Function) -> str:
        """Return what stands before a function's result: who sees it, and whether it may be a part of its callers."""
        name, linkage = function.key.name, self.form.linkage
        seen = linkage.value
        if name in self.entries:
            seen = linkage.value * (linkage is not Linkage.ALONE)
            return seen + (f"__attribute__(({self.form.convention})) " if self.form.convention else "")
        if function.native is not None:
            return "static inline __attribute__((unused)) "
        if name in self.form.own:
            seen = Linkage.ALONE.value
        kept = "cold, noinline, " if function.is_rare else "noinline, " if name in self.kept_apart else ""
        return f"{seen}__attribute__(({kept}unused)) "

    @cached_property
    def kept_apart(self) -> frozenset[str]:
        """The functions that are no part of their callers: those that a switch picks, and those that write text.

        The first, such as system calls, would share the code that is alike, and a debugger finds no start of each.
        Text is for who waits: beside its code, what comes often would have no registers left.
        """
        picked = {
            call.function.name
            for function in self.functions.values()
            for switch in statements_in(function.body)
            if isinstance(switch, ir.Switch)
            for call in statements_in([each for case in switch.cases for each in case])
            if isinstance(call, ir.Call)
        }
        apart = {each for each in picked if len([*statements_in(self.functions[each].body)]) > FEW_STATEMENTS}
        return frozenset(apart | {name for name, function in self.functions.items() if writes(function)})

    def function_text(self, function: ir.Function) -> str:
        """Return a whole function."""
        head = self.line(function.place) + self.prototype(function)
        if function.native is not None:
            return f"{head}\n{{\n{self.line(function.place)}    {function.native}\n}}\n"
        body = "".join(self.statement(each, 1) for each in function.body)
        locals = "".join(
            f"    {self.declaration(type, self.names.local(name))};\n" for name, type in function.locals.items()
        )
        if function.raises and isinstance(function.key.result, Void):
            body += "    return 0;\n"
        elif not isinstance(function.key.result, Void):
            body += "    __builtin_unreachable();\n"
        return f"{head}\n{{\n{locals}{body}}}\n"


def writes(function: ir.Function) -> bool:
    """Say whether a function itself writes text."""
    written = ir.WriteText, ir.WriteNumber, ir.WriteDigits
    return any(isinstance(each, written) for each in statements_in(function.body))
