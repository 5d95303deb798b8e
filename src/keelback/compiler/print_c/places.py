"""Types and static places in C: structs with their layout, records by name."""

from collections.abc import Iterator, Mapping
from typing import Any

from keelback.compiler import ir
from keelback.compiler.intervals import Interval
from keelback.compiler.print_c.spelling import field_name, literal, record_name, section, spaced
from keelback.compiler.program import RESERVED
from keelback.compiler.types import ArrayPointer, Boolean, Integer, Pointer, Text, Type, Void, smallest
from keelback.lang.integers import INTEGER_TYPES, IntegerType
from keelback.lang.layout import ArrayKind, Kind, StructKind, StructLayout, layout_of
from keelback.lang.ram import Ram, Record


class Places:
    """Prints types and static places, and collects what of them the C uses."""

    def __init__(self, ram: Ram, functions: Mapping[str, ir.Function], *, lines: bool = True) -> None:
        self.ram = ram
        self.word = INTEGER_TYPES["word"].resolved(ram.word_bits)
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
        self.taken = {*functions, *RESERVED}
        self.record_names = {record.address: self.free(record_name(record), self.taken) for record in ram.records}
        self.local_names: dict[str, str] = {}

    def free(self, name: str, taken: set[str]) -> str:
        """Take a name that nothing else has."""
        while name in taken:
            name += "_"
        taken.add(name)
        return name

    # Types.

    def c(self, *intervals: Interval) -> IntegerType:
        """Return the C type of what lies between some bounds, of at most two words."""
        together = intervals[0]
        for each in intervals[1:]:
            together = together.join(each)
        return smallest(together, 2 * self.word.bits)

    def c_type(self, type: Type) -> str:
        """Return the C name of a type."""
        if isinstance(type, Integer):
            return self.c(type.interval).name
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
        while not (isinstance(type, Pointer) and type.struct is layout.struct and offset == 0):
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
        return [(section(record), record.address) for record in self.records.values()]

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
            yield f'{name} __attribute__((section("{section(record)}")));'


def _struct(name: str, layout: StructLayout) -> str:
    lines, end, paddings = [], 0, 0
    for field in layout.fields:
        if field.offset > end:
            lines.append(f"    u8 padding_{paddings}[{field.offset - end}];")
            paddings += 1
        lines.append("    " + _field(field.kind, field_name(field.name)) + ";")
        end = field.offset + field.kind.size
    if layout.size > end:
        lines.append(f"    u8 padding_{paddings}[{layout.size - end}];")
    asserts = [f'_Static_assert(sizeof({name}) == {layout.size}, "{name}");']
    asserts += [
        f'_Static_assert(__builtin_offsetof({name}, {field_name(each.name)}) == {each.offset}, "{name}.{each.name}");'
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
