"""Libraries in Kernel Python: how one is written, and how a program finds and calls what it exports.

    program:  gfx.calls.box(2, 3, 4, 5)
                 │ a typed stub, made from the library's own method
                 ▼
              gfx.addresses[0]  ◄── load() found it in the link page
                 ▼
    library:  Gfx.box

The link page is written when the library is built; `abi/link_page.py` draws it.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any, Generic, TypeVar, get_type_hints

from keelback.abi.link_page import LinkPage
from keelback.abi.records import ArgumentText
from keelback.lang import (
    Array,
    Component,
    Ram,
    Region,
    Struct,
    address_of,
    inline,
    native,
    view,
    word,
)
from keelback.lang.layout import integer_type
from keelback.user.calls import Kernel
from keelback.user.in_cpython import RECORDS, RECORDS_END
from keelback.user.system import Output, System, failed

MISSING_EXPORT = 0xFFFF_FF01
"""What `Link.load` returns when the library lacks an export; no system call returns it."""


class Library(Component):
    """A library; its subclass's public methods are what it exports, its static structs are each process's own.

    They take and return integers, bools and structs, and raise nothing.
    """

    name: str
    image_size = 0
    """Bytes of the image behind the link page; 0: as many as it takes."""

    def __init__(self, records: Region, kernel: Kernel | None) -> None:
        self.system = System(records, kernel)
        self.output = Output(self.system)


L = TypeVar("L", bound=Library)


class Link(Component, Generic[L]):
    """A program's use of a library: `load` it, then call its exports through `calls`."""

    def __init__(self, ram: Ram, records: Region, system: System, library: type[L]) -> None:
        self.ram = ram
        self.system = system
        self.library = library.name
        self.text = records.struct(ArgumentText)
        self.names = tuple(exports_of(library))
        stubs: Any = records.struct(_make_stubs(library, ram.word_bits))
        self.addresses: Array[word] = stubs.addresses
        self.calls: L = stubs

    def load(self) -> word:
        """Load the library and find its exports; return its address, or an error.

        When an export is not there that is MISSING_EXPORT, and the library is not loaded.
        """
        self.text.text.set_text(self.library)
        address: word = self.system.load_library(self.text)
        if failed(address):
            return address
        page = view(self.ram, LinkPage, address)
        for index, name in enumerate(self.names):
            found: word = self.find(page, name)
            if found == 0:
                self.system.unload_library(address)
                return MISSING_EXPORT
            self.addresses[index] = found
        return address

    def find(self, page: LinkPage, name: str) -> word:
        """Return the address of an export by its name, 0 when there is none."""
        for index in range(page.count):
            export = page.exports[index]
            if export.name == name:
                return address_of(page) + export.offset
        return 0


def exports_of(library: type[Library]) -> dict[str, Callable[..., Any]]:
    """Return what a library exports, its public methods, by name in their order."""
    own = library.__mro__[: library.__mro__.index(Library)]
    methods = {name: each for part in reversed(own) for name, each in vars(part).items()}
    public = {name: each for name, each in methods.items() if isinstance(each, FunctionType) and name[0] != "_"}
    return dict(sorted(public.items()))


def make_library(library: type[L], kernel: Kernel | None = None, *, word_bits: int = 32) -> tuple[L, Ram]:
    """Return a library and the RAM of its state.  Without a kernel it can only be compiled."""
    ram = Ram(RECORDS_END, word_bits=word_bits)
    return library(Region(ram, RECORDS, RECORDS_END), kernel), ram


# The stubs are methods of a struct that has the addresses, so compiled code passes it to them.


def _make_stubs(library: type[Library], word_bits: int) -> type[Struct]:
    """Return a struct with a method for each export, which calls it at the address in the struct."""
    exports = exports_of(library)
    body: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": f"Where the exports of {library.name} are.",
        "__annotations__": {"addresses": Array[word]},
        "addresses": inline(max(len(exports), 1)),
    }
    body |= {name: _make_stub(index, method, word_bits) for index, (name, method) in enumerate(exports.items())}
    kind: Any = type(Struct)
    made: type[Struct] = kind(f"{library.__name__}Calls", (Struct,), body)
    return made


def _make_stub(index: int, method: Callable[..., Any], word_bits: int) -> Callable[..., Any]:
    """Return a method with another's signature that calls what is at the address with an index."""
    hints = get_type_hints(method, include_extras=True)
    result = hints.pop("return", type(None))
    types = ", ".join(_c_type(each, word_bits) for each in hints.values())
    call = f"(({_c_type(result, word_bits)} (*)({types or 'void'}))self->addresses[{index}])({', '.join(hints)});"

    def stub(self: Any, *arguments: Any) -> Any:
        raise TypeError("a library's export is called by compiled programs only")

    # The compiler takes the parameters from where the method was written.
    written = method.__code__
    stub.__code__ = stub.__code__.replace(
        co_filename=written.co_filename, co_firstlineno=written.co_firstlineno, co_name=written.co_name
    )
    stub.__name__, stub.__qualname__ = method.__name__, method.__qualname__
    stub.__annotations__ = {**hints, "return": result}
    stub.__defaults__ = method.__defaults__
    return native(call if result is type(None) else f"return {call}")(stub)


def _c_type(annotation: Any, word_bits: int) -> str:
    """Return the C type that a parameter or result of compiled Kernel Python has."""
    if annotation is type(None):
        return "void"
    if annotation is bool:
        return "bool"
    if (number := integer_type(annotation)) is not None:
        exact = number.resolved(word_bits)
        return "i32" if exact.bits < 32 else exact.name
    return "void *" if isinstance(annotation, type) and issubclass(annotation, Struct) else "i32"
