"""Strict mode: an import hook that makes interpreted Kernel Python check what compiled code checks.

Installed before a kernel module is imported, it compiles the module with three changes and the same line numbers:

1. An integer parameter, result, yielded value or annotated local is checked against its type wherever it gets a value.
2. Nothing runs after a panic: a failed `assert` raises it at once, and no `finally` runs on its way out.  Asserts
   stay under `python -O`.
3. Nothing else: the kernel reads, debugs and measures as written.

The methods of `Cpu`, which come with the language, then check their parameters and results too.

What it compiles of an installed package is kept where Python keeps such files, since it takes longer than all else of
a short run; a user's own file is compiled each time.
"""

import ast
import marshal
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import cache_from_source
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeVar

from keelback.lang import cpu, integers
from keelback.lang.deep import deep_walks
from keelback.lang.errors import Panic
from keelback.lang.integers import INTEGER_TYPES
from keelback.lang.source_text import text_of_source

CHECK = "__strict_check__"
PANIC = "__strict_panic__"


def install(*packages: str) -> None:
    """Import every module of the given packages strictly from now on.

    Raises: RuntimeError when one of their modules is imported already, naming it.
    """
    for name in sys.modules:
        if any(name.startswith(package + ".") for package in packages):
            raise RuntimeError(f"strict mode comes too late: {name} is imported already")
    sys.meta_path.insert(0, _StrictFinder(packages))
    _check_cpu()


def _check_cpu() -> None:
    checked: dict[str, Any] = {"__name__": cpu.__name__}
    file = str(cpu.__file__)
    exec(strict_code(Path(file).read_text(), file), checked)
    vars(cpu).update(_NAMES)
    for name, function in vars(cpu.Cpu).items():
        if isinstance(function, FunctionType):
            function.__code__ = vars(checked["Cpu"])[name].__code__


def is_installed(package: str) -> bool:
    """Say whether modules of a package are imported strictly."""
    return any(isinstance(each, _StrictFinder) and package in each.packages for each in sys.meta_path)


def is_strict(module: ModuleType) -> bool:
    """Say whether a module was imported strictly."""
    return isinstance(module.__loader__, _StrictLoader)


def loader_of(name: str, path: str) -> SourceFileLoader:
    """Return what loads a module from a file strictly."""
    return _StrictLoader(name, path)


class _StrictFinder(MetaPathFinder):
    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = packages

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not any(name.startswith(package + ".") for package in self.packages):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _KeepingLoader(spec.loader.name, spec.loader.path)
        return spec


class _StrictLoader(SourceFileLoader):
    def get_code(self, name: str) -> CodeType:
        path = self.get_filename(name)
        return strict_code(text_of_source(self.get_data(path), path), path)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(_NAMES)
        super().exec_module(module)


class _KeepingLoader(_StrictLoader):
    """Keeps what it has compiled, beside what Python compiles of the same file."""

    def get_code(self, name: str) -> CodeType:
        path = self.get_filename(name)
        kept, stamp = cache_from_source(path, optimization="strict"), _stamp(path)
        if (code := _kept_code(kept, stamp)) is None:
            code = super().get_code(name)
            if not sys.dont_write_bytecode:
                _keep(kept, marshal.dumps((stamp, code)))
        return code


def _stamp(path: str) -> tuple[str | int, ...]:
    """Return what changes when a source or its place does, or what decides what becomes of it."""
    states = [os.stat(each) for each in (path, __file__, str(integers.__file__))]
    return path, *(number for each in states for number in (each.st_mtime_ns, each.st_size))


def _kept_code(place: str, stamp: object) -> CodeType | None:
    """Return the code of a file that was written for this stamp, None where there is none or it is damaged."""
    with suppress(OSError, EOFError, ValueError, TypeError):
        made_for, code = marshal.loads(Path(place).read_bytes())
        if made_for == stamp and isinstance(code, CodeType):
            return code
    return None


def _keep(place: str, data: bytes) -> None:
    """Write a file, whole or not at all; where that can't be done the next process compiles again."""
    written = f"{place}.{os.getpid()}"
    with suppress(OSError):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        try:
            Path(written).write_bytes(data)
            os.replace(written, place)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(written)


_types = INTEGER_TYPES | {"word": INTEGER_TYPES["u32"]}
"""The integer types on the machine whose code runs."""


@contextmanager
def words_of(word_bits: int) -> Iterator[None]:
    """Check by the words of a machine, of so many bits, what code of its runs meanwhile; else they have 32."""
    before = _types["word"]
    _types["word"] = INTEGER_TYPES["word"].resolved(word_bits)
    try:
        yield
    finally:
        _types["word"] = before


def check(value: Any, type_name: str, what: str) -> Any:
    """Return `value`.  Raises: Panic when it does not fit the integer type."""
    wanted = _types[type_name]
    if type(value) is int and wanted.minimum <= value <= wanted.maximum:  # nearly always
        return value
    return wanted.checked(value, what)


_NAMES = {CHECK: check, PANIC: Panic}


def strict_code(source: str, path: str) -> CodeType:
    """Compile the source of a module with its checks; its namespace needs `CHECK` and `PANIC`.

    Raises: SyntaxError, also for what is nested too deep for Python to show its tree.
    """
    try:
        tree = ast.parse(source, path)
        with deep_walks():
            tree = _Checks().visit(tree)
        return compile(tree, path, "exec", dont_inherit=True, optimize=0)
    except RecursionError:
        raise SyntaxError("nested too deep", (path, 1, 1, source.partition("\n")[0])) from None


def integer_name(annotation: ast.expr | None) -> str | None:
    """Return the integer type that an annotation is checked against, as it is spelled."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return integer_name(ast.parse(annotation.value, mode="eval").body)
        except SyntaxError:  # which Python itself never reads
            return None
    name = getattr(annotation, "id", None) or getattr(annotation, "attr", None)  # `u32` or `lang.u32`
    return name if name in INTEGER_TYPES else None


def yielded_name(annotation: ast.expr | None) -> str | None:
    """Return the integer type that what a generator yields is checked against, as its result's annotation spells it."""
    return integer_name(annotation.slice) if isinstance(annotation, ast.Subscript) else None


def yielded_names(annotation: ast.expr | None) -> list[str | None]:
    """Return `yielded_name` of each value in the tuples that a generator yields; nothing when it yields none."""
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.slice, ast.Subscript):
        return []
    tuple, parts = annotation.slice.value, annotation.slice.slice
    if getattr(tuple, "id", None) != "tuple":
        return []
    return [integer_name(each) for each in (parts.elts if isinstance(parts, ast.Tuple) else [parts])]


N = TypeVar("N", bound=ast.AST)


def _located(node: N, at: ast.AST) -> N:
    """Give a new node, and all new ones in it, the place of another; `ast` would look through the whole tree."""
    ast.copy_location(node, at)
    for each in ast.iter_child_nodes(node):
        if "lineno" in each._attributes and not hasattr(each, "lineno"):
            _located(each, at)
    return node


def _checked(value: ast.expr, type_name: str, what: str) -> ast.expr:
    call = ast.Call(ast.Name(CHECK, ast.Load()), [value, ast.Constant(type_name), ast.Constant(what)], [])
    return _located(call, value)


class _Checks(ast.NodeTransformer):
    """Adds the checks, function by function; `locals` are the annotated integers of the function at hand."""

    def __init__(self) -> None:
        self.result: str | None = None
        self.yielded: str | None = None
        self.parts: list[str | None] = []
        self.name = ""
        self.locals: dict[str, str] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        outer = self.result, self.yielded, self.parts, self.name, self.locals
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        parameters = [(each.arg, integer_name(each.annotation)) for each in arguments]
        self.name, self.result, self.yielded = node.name, integer_name(node.returns), yielded_name(node.returns)
        self.parts = yielded_names(node.returns)
        self.locals = {name: type_name for name, type_name in parameters if type_name}
        entry = [self._check_name(name, node.body[0]) for name in self.locals]
        node.body = self._with_docstring(node.body, entry)
        self.result, self.yielded, self.parts, self.name, self.locals = outer
        return node

    def _with_docstring(self, body: list[ast.stmt], entry: list[ast.stmt]) -> list[ast.stmt]:
        documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        statements: list[ast.stmt] = []
        for each in body[documented:]:
            changed = self.visit(each)
            statements += changed if isinstance(changed, list) else [changed]
        return [*body[:documented], *entry, *statements]

    def _check_name(self, name: str, at: ast.stmt) -> ast.stmt:
        value = ast.copy_location(ast.Name(name, ast.Load()), at)
        assign = ast.Assign([ast.Name(name, ast.Store())], _checked(value, self.locals[name], f"{name} in {self.name}"))
        return _located(assign, at)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        self.generic_visit(node)
        if self.result and node.value is not None:
            node.value = _checked(node.value, self.result, f"the result of {self.name}")
        return node

    def visit_Yield(self, node: ast.Yield) -> ast.AST:
        self.generic_visit(node)
        if self.yielded and node.value is not None:
            node.value = _checked(node.value, self.yielded, f"what {self.name} yields")
        if isinstance(node.value, ast.Tuple) and len(node.value.elts) == len(self.parts):
            pairs = zip(node.value.elts, self.parts, strict=True)
            node.value.elts = [
                _checked(each, name, f"what {self.name} yields") if name else each for each, name in pairs
            ]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        self.generic_visit(node)
        type_name = integer_name(node.annotation)
        if type_name is None or not isinstance(node.target, ast.Name) or not self.name:
            return node
        self.locals[node.target.id] = type_name
        return [node, self._check_name(node.target.id, node)] if node.value is not None else node

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        return self._followed_by_checks(node, node.targets)

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        self.generic_visit(node)
        return self._followed_by_checks(node, [node.target])

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.AST:
        self.generic_visit(node)
        if node.target.id in self.locals:
            node.value = _checked(node.value, self.locals[node.target.id], f"{node.target.id} in {self.name}")
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.body = [*self._checks_of([node.target], node), *node.body]
        return node

    def _followed_by_checks(self, node: ast.stmt, targets: Sequence[ast.expr]) -> list[ast.stmt]:
        return [node, *self._checks_of(targets, node)]

    def _checks_of(self, targets: Sequence[ast.expr], at: ast.stmt) -> list[ast.stmt]:
        """Return a check of each annotated local that an assignment stores to."""
        found = [each for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
        stored = dict.fromkeys(each.id for each in found if isinstance(each.ctx, ast.Store))
        return [self._check_name(name, at) for name in stored if name in self.locals]

    def visit_Try(self, node: ast.Try) -> ast.AST:
        self.generic_visit(node)
        if node.finalbody:
            called = ast.Attribute(ast.Name(PANIC, ast.Load()), Panic.is_coming.__name__, ast.Load())
            alone = ast.If(ast.UnaryOp(ast.Not(), ast.Call(called, [], [])), node.finalbody, [])
            node.finalbody = [_located(alone, node.finalbody[0])]
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        message = node.msg or ast.Constant(ast.unparse(node.test))
        self.generic_visit(node)
        text = ast.JoinedStr([ast.Constant("assertion failed: "), ast.FormattedValue(message, -1)])
        failure = ast.Raise(ast.Call(ast.Name(PANIC, ast.Load()), [text], []), None)
        negated = ast.UnaryOp(ast.Not(), node.test)
        return _located(ast.If(negated, [failure], []), node)
