"""The digest of how a kernel's records lie in RAM: two builds with one digest read each other's memory."""

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib import import_module
from pkgutil import walk_packages

import keelback.kernel as kernel_package
from keelback.inspect.lens import look
from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import Layout
from keelback.lang import Struct, layout_of
from keelback.lang.layout import ArrayKind, EnumKind, StructKind


@cache
def records_digest(layout: Layout) -> str:
    """Return the digest of a layout, of the places of its static records, and of all structs of the kernel."""
    kernel = look(layout, bytearray(max(layout.records_end, 1 << 20)))
    return sha256("\n".join(_described(kernel)).encode()).hexdigest()


def _described(kernel: Kernel) -> Iterator[str]:
    layout = kernel.layout
    yield repr(layout)
    for record in kernel.memory.frames.table.ram.records:
        yield f"{record.name} {record.address:#x} {record.size:#x} {record.struct.__name__} {record.count}"
    for struct in sorted(_structs(), key=lambda each: (each.__module__, each.__qualname__)):
        yield f"{struct.__module__}.{struct.__qualname__}"
        made = layout_of(struct, layout.paging.word_bits)
        yield from (f"  {each.name} {each.offset:#x} {_kind(each.kind)}" for each in made.fields)
        yield from (f"  {each.name} {each.field.name} {each.low} {each.count}" for each in made.bits)


def _structs() -> list[type[Struct]]:
    """Return the structs that the kernel's modules, and a user's parts of it, declare.

    A module that this kernel has nothing of counts too, whether or not somebody has imported it by now.
    """
    for module in walk_packages(kernel_package.__path__, f"{kernel_package.__name__}."):
        import_module(module.name)
    return [each for each in Struct.__subclasses__() if each.__module__.startswith("keelback.kernel.")]


def _kind(kind: object) -> str:
    """Return what a field is, in words that say all about its bytes."""
    if isinstance(kind, ArrayKind):
        return f"{kind.count} {_kind(kind.element)}"
    if isinstance(kind, StructKind):
        return kind.layout.struct.__qualname__
    if isinstance(kind, EnumKind):
        members = ", ".join(f"{each.name}={int(each)}" for each in kind.enum)
        return f"{kind.type.name} {kind.enum.__name__}({members})"
    return f"{type(kind).__name__} {kind.type.name}"  # type: ignore[attr-defined]
