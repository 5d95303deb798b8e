"""Where a kernel's records lie, as plain data: for readers of its memory that have no Python, such as the web page.

    structs   name ── size, fields: name ── offset, kind      kind: "u16", or what is inside: a struct, an array
    roots     name ── at, and one struct, an array, or a table, whose own record says where its elements lie
    scheme    the levels of its page tables                   a mask is two words, the low one first

All of it is the struct classes' own, so whoever reads by it can't disagree with them.
"""

from typing import Any

from keelback.inspect.walk import SCHEMES, Scheme
from keelback.kernel.kernel import Kernel
from keelback.kernel.memory.regions import Node
from keelback.lang import Struct, Table, address_of
from keelback.lang.layout import ArrayKind, Kind, RefKind, StructKind, StructLayout, layout_of
from keelback.lang.struct import StructArray, struct_of

Json = dict[str, Any]
WORD = 0xFFFF_FFFF


class RecordLayouts:
    """The layouts of some records of a kernel, and of all that is inside them."""

    def __init__(self, kernel: Kernel) -> None:
        self.word_bits = kernel.layout.paging.word_bits
        self.structs: Json = {}

    def root(self, record: Any) -> Json:
        """Return where a record lies, and what it is: a struct, an array of structs, a table, or None."""
        if record is None:
            return {"kind": "none"}
        if isinstance(record, Table) and isinstance(record._element, StructKind):
            place = {"at": address_of(record.record), "record": self.struct(struct_of(record.record))}
            return {"kind": "table", **place, "of": self.struct(record._element.layout.struct)}
        if isinstance(record, StructArray):
            return {"kind": "array", "at": record._address, "count": len(record), "of": self.struct(record._struct)}
        return {"kind": "struct", "at": address_of(record), "of": self.struct(struct_of(record))}

    def struct(self, struct: type[Struct]) -> str:
        """Return the name of a struct, which is described from now on, with what is inside."""
        layout = layout_of(struct, self.word_bits)
        name = struct.__name__
        if name not in self.structs:
            self.structs[name] = {}
            self.structs[name] = self._described(layout)
        return name

    def _described(self, layout: StructLayout) -> Json:
        fields = {each.name: {"offset": each.offset, **self._kind(each.kind)} for each in layout.fields}
        bits = {each.name: {"of": each.field.name, "low": each.low, "count": each.count} for each in layout.bits}
        return {"size": layout.size, "fields": fields, "bits": bits}

    def _kind(self, kind: Kind) -> Json:
        if isinstance(kind, StructKind):
            return {"kind": "struct", "of": self.struct(kind.layout.struct)}
        if isinstance(kind, ArrayKind):
            return {"kind": "array", "count": kind.count, "of": self._kind(kind.element), "step": kind.element.size}
        return {"kind": "ref" if isinstance(kind, RefKind) else "integer", "type": kind.type.name}


def layouts_of(kernel: Kernel) -> Json:
    """Return what a reader of a kernel's memory needs to know to find processes, spaces and frames in it."""
    layouts = RecordLayouts(kernel)
    memory, scheduler = kernel.memory, kernel.scheduler
    roots = {
        "frames": memory.frames.table,
        "counts": memory.frames.counts,
        "bounds": memory.bounds,
        "kernelSpace": kernel.spaces.kernel,
        "processes": kernel.processes.table,
        "threads": kernel.threads.table,
        "cpus": scheduler.cpus,
        "libraries": kernel.libraries.table if kernel.libraries is not None else None,
    }
    found = {name: layouts.root(record) for name, record in roots.items()}
    layouts.struct(Node)
    layout = kernel.layout
    return {
        "roots": found,
        "structs": layouts.structs,
        "scheme": _scheme(SCHEMES[kernel.spaces.scheme.name]),
        "layout": {
            "name": layout.name,
            "userBase": layout.user_base,
            "guard": [layout.stack_guard, layout.stack_bottom] if layout.guard_pages else None,
            "onePool": layout.one_pool,
            "userScreen": layout.user_screen,
        },
    }


def _scheme(scheme: Scheme) -> Json:
    """Return a paging scheme whose addresses have 32 bits."""
    levels = [
        {
            "name": each.name,
            "shift": each.shift,
            "bits": each.bits,
            "isPage": each.is_page,
            "frames": _words(each.frames),
            "hasRights": each.has_rights,
        }
        for each in scheme.levels
    ]
    return {"levels": levels, "entrySize": scheme.entry_size, "links": _words(scheme.links), "root": scheme.root}


def _words(mask: int) -> list[int]:
    """Return the low and the high word of a mask."""
    return [mask & WORD, mask >> 32]
