"""Parts of the kernel that a user has written: `--with FILE.py`, and layouts, `--layout FILE.py:NAME`."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location, spec_from_loader
from pathlib import Path
from types import ModuleType

from keelback.cli.options import KernelChoice
from keelback.cli.users_files import check_readable, run_module, users_python
from keelback.errors import UserError
from keelback.image.live_kernels import kernel_of
from keelback.inspect.methods import SOURCES
from keelback.kernel.layout import LAYOUTS, PUBLISHED, Layout, WrongLayout, with_paging
from keelback.lang import Panic, strict
from keelback.lang.errors import MISTAKES
from keelback.lang.records import NoRoom
from keelback.lang.replacing import REPLACED
from keelback.near import did_you_mean, near_names

PACKAGE = "keelback.kernel"
BROKEN: tuple[type[BaseException], ...] = (Panic, *MISTAKES)


def chosen_layout(choice: KernelChoice) -> Layout:
    """Return the layout that a command's words choose, and put a user's parts in place.

    They are strict in any case: what does not fit is told at their lines, as when they are compiled.

    Raises: UserError, with the file's line.
    """
    parts = list(dict.fromkeys(choice.parts))  # one that is named twice is one
    _load_parts(parts)
    layout = layout_of_word(choice.layout, choice.paging)
    if parts:
        _check_kernel(" and ".join(parts), layout)
    return layout


def _load_parts(files: Sequence[str]) -> None:
    for file in files:
        before = len(REPLACED)
        _module(Path(file))
        if len(REPLACED) == before:
            raise UserError(
                f"{file}: it replaces nothing of the kernel: no function in it has @replaces or @system_call"
            )


def layout_of_word(word: str, paging: str | None = None) -> Layout:
    """Return the layout of a published name, or of `FILE.py:NAME`, with some page tables, or its own.

    Raises: UserError.
    """
    layout = _layout_of_word(word)
    if paging is None or paging == layout.paging.name:
        return layout
    try:
        return with_paging(layout, paging)
    except KeyError:
        raise UserError(f"the {layout.name} layout has no {paging} page tables; {_pagings(layout)}") from None
    except WrongLayout as error:
        raise UserError(f"{word} with {paging} page tables: {error}") from None


def published(paging: str | None) -> list[Layout]:
    """Return the published layouts that can have some page tables, None: each with its own."""
    if paging is None:
        return [*LAYOUTS]
    return [each for layout in LAYOUTS for each in _variants(layout) if each.paging.name == paging]


def _variants(layout: Layout) -> list[Layout]:
    """Return a published layout with each kind of page tables that it can have."""
    return [each for each in PUBLISHED if each.name == layout.name]


def _pagings(layout: Layout) -> str:
    """Say which page tables a published layout has."""
    names = [each.paging.name for each in _variants(layout)]
    return f"it has {' and '.join(names)}"


def _layout_of_word(word: str) -> Layout:
    """Return the layout of a published name, or of `FILE.py:NAME`.  Raises: UserError."""
    published = {layout.name: layout for layout in LAYOUTS}
    if word in published:
        return published[word]
    file, separator, name = word.rpartition(":")
    if not separator:
        known = f"; there are {', '.join(published)}, or your own, FILE.py:NAME"
        raise UserError(f"there is no layout {word}{did_you_mean(near_names(word, published)[:1]) or known}")
    module = _module(Path(file))
    own = getattr(module, name, None)
    if not isinstance(own, Layout):
        there = [each for each, value in vars(module).items() if isinstance(value, Layout) and value not in LAYOUTS]
        meant = did_you_mean(near_names(name, there)) or f"; it has {', '.join(there)}" * bool(there)
        raise UserError(f"{file}: {f'{name} is no Layout in it' if name else 'a Layout in it is to be named'}{meant}")
    if own.name in published:
        raise UserError(f"{file}: {name} is called {own.name}, as a published layout is; give it another name")
    if own.number in (layout.number for layout in LAYOUTS):
        raise UserError(f"{file}: {name} has number {own.number}, which is a published layout's; give it another")
    _check_kernel(f"{file}: {name}", own)
    return own


def _check_kernel(own: str, layout: Layout) -> None:
    """Check that a kernel can be made with what is a user's own.  Raises: UserError."""
    try:
        kernel_of(layout)
    except BROKEN as error:
        why = f" (text_end … records_end - entry_stack; {_tables(layout)})" if isinstance(error, NoRoom) else ""
        raise UserError(f"{own}: no kernel can be made with it: {error}{why}") from None


def _tables(layout: Layout) -> str:
    """Say which fields the size of a kernel's largest records comes from."""
    return ", ".join(f"{name}={getattr(layout, name):,}" for name in ("processes", "threads"))


def _module(source: Path) -> ModuleType:
    """Return the module of a user's file, as a source of the kernel.  Raises: UserError."""
    check_readable(source)
    path = source.absolute()
    name = f"{PACKAGE}.with.{path.stem}"
    if path.suffix != ".py":
        raise UserError(f"{source}: a part of the kernel is a Python file, .py")
    if SOURCES.setdefault(path.name, path) != path:
        raise UserError(f"{source}: a source of the kernel is called {path.name} too; give yours another name")
    if name in sys.modules:
        return sys.modules[name]
    with users_python(source), _modules_beside(source.parent):
        spec = spec_from_file_location(name, path, loader=strict.loader_of(name, str(path)))
        assert spec is not None
        return run_module(source, spec)


@contextmanager
def _modules_beside(folder: Path) -> Iterator[None]:
    """Find modules of a folder for its part meanwhile, after Python's own and before all others."""
    beside = _Beside(folder)
    sys.meta_path.insert(0, beside)
    try:
        yield
    finally:
        sys.meta_path.remove(beside)
        for name in beside.names:
            sys.modules.pop(name, None)


class _Beside(MetaPathFinder, Loader):
    """Finds modules of a folder, as sources of the kernel under another name; `names` are those that were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if path is not None or name in sys.stdlib_module_names or not (self.folder / f"{name}.py").is_file():
            return None
        return spec_from_loader(name, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.names.append(spec.name)
        return _module(self.folder / f"{spec.name}.py")

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: it has run."""
