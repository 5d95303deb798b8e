"""Types and static places in C: structs with their layout, records by name."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from keelback.compiler import ir
from keelback.compiler.names import Names, field_name
from keelback.compiler.print_c.form import Form
from keelback.compiler.print_c.spelling import literal, record_name, section, spaced
from keelback.compiler.types import ArrayPointer, Boolean, Pointer, Text, Type, Void, element_of
from keelback.compiler.walk import statements_in
from keelback.lang.integers import INTEGER_TYPES, IntegerType
from keelback.lang.layout import ArrayKind, Kind, StructKind, StructLayout, layout_of
from keelback.lang.ram import Ram, Record

PLAIN = Form()


class Places:
    """Prints types and static places, and collects what of them the C uses."""

    def __init__(
        self,
        ram: Ram,
        functions: Mapping[str, ir.Function],
        entries: Sequence[str] = (),
        raised: Collection[int] = (),
        form: Form = PLAIN,
    ) -> None:
        self.ram = ram
        self.word = INTEGER_TYPES["word"].resolved(ram.word_bits)
        self.functions = functions
        self.entries = entries
        self.raised = raised
        self.form = form
        self.function: ir.Function
        self.records: dict[int, Record] = {}
        self.structs: dict[type, str] = {}
        self.homes: dict[type, tuple[str, str]] = {}
        """What makes a pointer of a Ref to a struct, and a Ref of a pointer."""
        self.tables: dict[tuple[Any, ...], tuple[str, Type]] = {}
        self.error_texts = False
        self.names = Names(functions)
        self.record_names = {record.address: self.names.take(record_name(record)) for record in ram.records}
        self.sinks = {put: _writers(put, self.names) for put in sorted(_puts(functions))}
        """What writes a text and a number, by the function that takes their bytes."""
        self.error_sentence = self.names.take("error_sentence")

    def struct(self, struct: type) -> str:
        """Return the C name of a struct, which the C will define."""
        if struct not in self.structs:
            self.structs[struct] = self.names.take_struct(struct.__name__)
        return self.structs[struct]

    def home(self, struct: type) -> tuple[str, str]:
        """Return the names of the conversions of Refs to a struct, which the C will define."""
        if struct not in self.homes:
            name = self.struct(struct)
            self.homes[struct] = self.names.take(f"{name}_of"), self.names.take(f"{name}_place")
        return self.homes[struct]

    # Types.

    def c_type(self, type: Type) -> str:
        """Return the C name of a type."""
        if isinstance(type, IntegerType):
            return type.name
        if isinstance(type, Pointer):
            return f"{self.struct(type.struct)} *"
        if isinstance(type, ArrayPointer):
            return f"{self.element_type(type.element)} *"
        return {Boolean: "bool", Text: "text", Void: "void"}[type.__class__]

    def element_type(self, element: Any) -> str:
        """Return the C name of an array's element type."""
        if isinstance(element, IntegerType):
            return element.name
        return self.struct(element)

    def declaration(self, type: Type, name: str) -> str:
        """Return a declaration."""
        return spaced(self.c_type(type)) + name

    # Static places.

    def lvalue(self, address: int, type: Type) -> str:
        """Return the static place at an address: by name, where a record holds it."""
        for record in self.ram.records:
            if record.address <= address < record.end:
                self.records[record.address] = record
                return self.inside(record, address - record.address, type)
        if isinstance(type, ArrayPointer):
            return f"(({self.element_type(type.element)} *){literal(address, self.word)})"
        return f"(*({self.c_type(type)}){literal(address, self.word)})"

    def inside(self, record: Record, offset: int, type: Type) -> str:
        """Return the place at an offset in a record that has the wanted type."""
        name, layout = self.record_names[record.address], layout_of(record.struct, self.ram.word_bits)
        if record.count:
            if isinstance(type, ArrayPointer) and type.element is record.struct and offset == 0:
                return name
            index, offset = divmod(offset, layout.size)
            name = f"{name}[{index}]"
        while not (isinstance(type, Pointer) and type.struct is layout.struct):
            field = next(each for each in layout.fields if each.offset <= offset < each.offset + each.kind.size)
            name, offset = f"{name}.{field_name(field.name)}", offset - field.offset
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

    # Definitions.

    def sections(self) -> list[tuple[str, int]]:
        """Return the sections of the static records and their addresses."""
        here = [record for record in self.records.values() if section(record) not in self.form.elsewhere]
        return [(section(record), record.address) for record in here]

    def struct_texts(self) -> Iterator[str]:
        """Yield every struct that is used, inner before outer."""
        done: dict[type, None] = {}
        for record in self.records.values():
            self.struct(record.struct)
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
        yield self._struct(self.struct(struct), layout)

    def record_texts(self) -> Iterator[str]:
        """Yield every static record that is used, as a variable in a section of its own."""
        for record in sorted(self.records.values(), key=lambda each: each.address):
            count = f"[{record.count}]" if record.count else ""
            name = self.record_names[record.address]
            symbol = f'__asm__("record.{name}")'  # no function of another file is called so
            if section(record) in self.form.elsewhere:
                yield f"extern {self.struct(record.struct)} {name}{count} {symbol};"
            else:
                place = f'__attribute__((section("{section(record)}")))'
                yield f"{self.struct(record.struct)} {name}{count} {symbol} {place};"

    def _struct(self, name: str, layout: StructLayout) -> str:
        lines, end, paddings = [], 0, 0
        for field in layout.fields:
            if field.offset > end:
                lines.append(f"    u8 padding${paddings}[{field.offset - end}];")
                paddings += 1
            lines.append("    " + self._field(field.kind, field_name(field.name)) + ";")
            end = field.offset + field.kind.size
        if layout.size > end:
            lines.append(f"    u8 padding${paddings}[{layout.size - end}];")
        asserts = [f'_Static_assert(sizeof({name}) == {layout.size}, "{name}");']
        for each in layout.fields:
            place = f"__builtin_offsetof({name}, {field_name(each.name)})"
            asserts.append(f'_Static_assert({place} == {each.offset}, "{name}.{field_name(each.name)}");')
        fields = "\n".join(lines)
        head = f"typedef struct __attribute__((packed, aligned({layout.alignment}))) {{"
        return f"{head}\n{fields}\n}} {name};\n" + "\n".join(asserts) + "\n"

    def _field(self, kind: Kind, name: str) -> str:
        if isinstance(kind, ArrayKind):
            return f"{self.element_type(element_of(kind.element))} {name}[{kind.count}]"
        return f"{self.struct(kind.layout.struct) if isinstance(kind, StructKind) else kind.type.name} {name}"


def _writers(put: str, names: Names) -> tuple[str, str]:
    return names.take(f"{put}_text"), names.take(f"{put}_number")


def _puts(functions: Mapping[str, ir.Function]) -> set[str]:
    """Return the functions that texts and numbers are written by."""
    statements = (each for function in functions.values() for each in statements_in(function.body))
    return {each.put.name for each in statements if isinstance(each, (ir.WriteText, ir.WriteDigits))}
