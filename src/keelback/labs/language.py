"""What a submission may be: methods in Kernel Python, and nothing that does anything when it is read.

1. At the top stand a docstring, imports of names of the kernel, its ABI and its language, constants, functions, and
   classes with `@replaces`; none of them runs code of the submission's when it is imported.  A name is bound once, so
   that it means the same to whoever reads the text and to Python.
2. All methods of the lab are replaced, and no others; a method that is left out would be the kernel's own, and right.
   Others may be added beside them.
3. No name or attribute leads out of Kernel Python: no name but those imported, defined, or of a few builtins, and no
   attribute that Python itself uses.

So importing a submission is harmless, and so is running what the compiler took of it.  This is checked on the text,
before any of it is imported.
"""

import ast
import importlib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cache
from types import ModuleType
from typing import Any

from keelback import lang
from keelback.inspect.methods import SOURCES
from keelback.labs.constants import NoConstant, value_of
from keelback.labs.lab import Lab
from keelback.labs.skeleton import Module
from keelback.labs.submitted import Refused, tree_of

LANGUAGE = "keelback.lang"
ALONE = f"a submission imports from keelback.kernel, keelback.abi and {LANGUAGE} alone"
PACKAGES = ("keelback.kernel.", "keelback.abi.")
OF_THE_LANGUAGE = {
    *("PAGE_SHIFT", "PAGE_SIZE", "Array", "Page", "Ref", "Table", "replaces", "round_up", "lowest_bit", "size_of"),
    *("address_of", "KernelError", "ProcessFault", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "word"),
}
BUILTINS = {
    *("abs", "all", "any", "bool", "bytes", "dict", "divmod", "enumerate", "float", "int", "isinstance", "iter", "len"),
    *("list", "max", "min", "next", "pow", "print", "range", "reversed", "set", "sorted", "str", "sum", "tuple", "zip"),
    *("AssertionError", "IndexError", "KeyError", "TypeError", "ValueError", "ZeroDivisionError", "StopIteration"),
}
"""Names that Python has: harmless ones, of which the compiler takes fewer."""
OF_PYTHON = ("__", "ag_", "co_", "cr_", "f_", "func_", "gi_", "tb_")
"""How attributes begin that lead to Python itself."""
FORMATS = ("format", "format_map")
"""Methods of texts that follow attributes which their text names."""


def check_submission(lab: Lab, name: str, data: bytes) -> "_Submission":
    """Check that a file is what a submission may be, as far as one file can say.  Raises: Refused."""
    submission = _Submission(lab, name)
    submission.check(tree_of(name, data))
    return submission


class _Submission:
    def __init__(self, lab: Lab, file: str) -> None:
        self.file = file
        self.names: dict[str, Any] = {}
        self.lines: dict[str, int] = {}
        """The line on which each name is bound."""
        self.constants: dict[str, Any] = {}
        """The values of constants, as far as the file is read, and of whatever is imported."""
        self.methods = {(module, *name.split(".")) for module, methods in lab.methods.items() for name in methods}
        self.lab = lab
        self.replaced: set[str] = set()
        """The methods of the kernel that it replaces, such as `VirtualMemory.duplicate`."""
        self.added: dict[str, int] = {}
        """The line of each method that a class adds to a class of the kernel, named likewise."""

    def check(self, tree: ast.Module) -> None:
        for node in tree.body:
            self._declare(node)
        for node in tree.body:
            self._check_top(node)

    def _refuse(self, said: str, node: ast.AST) -> Refused:
        return Refused(said, self.file, getattr(node, "lineno", 0))

    # What stands at the top.

    def _declare(self, node: ast.stmt) -> None:
        match node:
            case ast.ImportFrom():
                self._import(node)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                self._bind(name, node, node)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                self._bind(name, node, node)
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.Import(names=[alias, *_]):
                raise self._refuse(f"import {alias.name}: {ALONE}, by from … import …", node)
            case _:
                raise self._refuse(
                    "a submission has imports, constants, functions and classes with @replaces at its top", node
                )

    def _import(self, node: ast.ImportFrom) -> None:
        origin = node.module or ""
        if node.level or not (origin == LANGUAGE or origin.startswith(PACKAGES)):
            raise self._refuse(f"{'.' * node.level}{origin}: {ALONE}", node)
        for alias in node.names:
            if alias.name == "*":
                raise self._refuse("a submission names what it imports, instead of *", node)
            name, value = alias.asname or alias.name, self._imported(origin, alias.name, node)
            self._bind(name, node, value)
            self.constants[name] = value

    def _imported(self, origin: str, name: str, node: ast.AST) -> Any:
        for each in (*origin.split("."), name):
            self._name(each, node)
        try:
            value = getattr(importlib.import_module(origin), name)
        except (ImportError, AttributeError):
            raise self._refuse(f"{origin} has no {name}", node) from None
        if isinstance(value, ModuleType) or name not in _public(origin):
            raise self._refuse(f"a submission can't import {name} from {origin}", node)
        return value

    def _bind(self, name: str, node: ast.stmt, value: Any) -> None:
        """Give a name its one meaning."""
        self._name(name, node)
        if name in self.names:
            raise self._refuse(f"{name} is bound already, on line {self.lines[name]}; a name is bound once", node)
        if name in OF_THE_LANGUAGE and value is not getattr(lang, name):
            raise self._refuse(f"{name} is a name of {LANGUAGE}; give yours another", node)
        self.names[name], self.lines[name] = value, node.lineno

    def _check_top(self, node: ast.stmt) -> None:
        match node:
            case ast.FunctionDef():
                if node.decorator_list:
                    self._check_target(self._target_of(node), node.name, node)
                self._check_function(node)
            case ast.ClassDef():
                self._check_class(node)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self.constants[name] = self._check_constant(value)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                self._check_annotation(annotation)
                if value is not None:
                    self.constants[name] = self._check_constant(value)
            case _:
                pass

    def _check_constant(self, value: ast.expr) -> Any:
        """Return the value of a constant."""
        try:
            return value_of(value, self.constants)
        except NoConstant as error:
            raise self._refuse(str(error), value) from None

    def _target_of(self, node: ast.FunctionDef | ast.ClassDef) -> Any:
        """Return what the one decorator of a definition replaces: a class, or a class and the name of its method."""
        match node.decorator_list:
            case [ast.Call(func=ast.Name(id="replaces") as called, args=[target], keywords=[])]:
                self._check_name(called, set())
                match target:
                    case ast.Name(id=owner):
                        return self.names.get(owner), None
                    case ast.Attribute(ast.Name(id=owner), method):
                        return self.names.get(owner), method
        has = "another decorator than one" if node.decorator_list else "no"
        raise self._refuse(f"{node.name} has {has} @replaces(…)", node)

    def _check_target(self, target: Any, own: str, node: ast.AST) -> None:
        """Check that a method may be replaced."""
        owner, method = target
        if not isinstance(owner, type) or method is None:
            raise self._refuse(f"@replaces of {own} names no method of the kernel", node)
        if (owner.__module__, owner.__name__, method) not in self.methods:
            ours = ", ".join(name for methods in self.lab.methods.values() for name in methods)
            raise self._refuse(f"{owner.__name__}.{method} is not of this lab, which is about {ours}", node)
        self.replaced.add(f"{owner.__name__}.{method}")

    def _check_class(self, node: ast.ClassDef) -> None:
        owner, method = self._target_of(node)
        if method is not None or not isinstance(owner, type):
            raise self._refuse(f"@replaces of {node.name} names no class of the kernel", node)
        if node.bases or node.keywords:
            raise self._refuse(f"{node.name} can't extend a class", node)
        for each in node.body:
            match each:
                case ast.FunctionDef(decorator_list=[]):
                    if hasattr(owner, each.name):
                        self._check_target((owner, each.name), each.name, each)
                    else:
                        self.added[f"{owner.__name__}.{each.name}"] = each.lineno
                    self._check_function(each)
                case ast.Expr(value=ast.Constant()) | ast.Pass():
                    pass
                case _:
                    raise self._refuse(f"{node.name} has methods without decorators, and nothing else", each)

    # Functions.

    def _check_function(self, node: ast.FunctionDef) -> None:
        self._name(node.name, node)
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for default in (*arguments.defaults, *(value for value in arguments.kw_defaults if value)):
            self._check_constant(default)
        annotations = [each.annotation for each in every if each.annotation]
        for annotation in (*annotations, *([node.returns] if node.returns else [])):
            self._check_annotation(annotation)
        if arguments.vararg or arguments.kwarg:
            raise self._refuse(f"{node.name} has as many parameters as are named", node)
        local = {each.arg for each in every} | set(_stored(node))
        for statement in node.body:
            for each in ast.walk(statement):
                self._check_node(each, local)

    def _check_annotation(self, annotation: ast.expr) -> None:
        allowed = (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.BitOr, ast.Tuple, ast.expr_context)
        for node in ast.walk(annotation):
            if isinstance(node, ast.Constant) and node.value is None:
                continue
            if not isinstance(node, allowed):
                raise self._refuse("a type is a name, one of None, or made of these", annotation)
            self._check_node(node, set())

    def _check_node(self, node: ast.AST, local: set[str]) -> None:
        match node:
            case ast.Name():
                self._check_name(node, local)
            case ast.Attribute(attr=name):
                if name.startswith(OF_PYTHON) or name in FORMATS:
                    raise self._refuse(f"{name}: Kernel Python has no such attribute", node)
            case ast.Import() | ast.ImportFrom():
                raise self._refuse("a submission imports at its top alone", node)
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                raise self._refuse("Kernel Python has no functions or classes within functions", node)
            case ast.Match() | ast.Global() | ast.Nonlocal() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                raise self._refuse("Kernel Python has no such statement", node)
            case ast.AnnAssign(annotation=annotation):
                self._check_annotation(annotation)

    def _check_name(self, node: ast.Name, local: set[str]) -> None:
        if node.id not in local and node.id not in self.names and node.id not in BUILTINS:
            raise self._refuse(f"{node.id} is neither imported nor defined", node)

    def _name(self, name: str, node: ast.AST) -> None:
        """Check a name that the submission gives to something."""
        if name.startswith("__"):
            raise self._refuse(f"{name}: such names are Python's own", node)


@cache
def _public(origin: str) -> frozenset[str]:
    """Return the names that a submission may import from a module: those that are defined there."""
    if origin == LANGUAGE:
        return frozenset(OF_THE_LANGUAGE)
    return frozenset(name for name, where in Module(origin).origins.items() if where == origin)


def _stored(node: ast.FunctionDef) -> Iterator[str]:
    """Yield the names that a function gives values to."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id
        elif isinstance(each, ast.ExceptHandler) and each.name:
            yield each.name


def check_all(lab: Lab, files: Sequence[tuple[str, bytes]]) -> None:
    """Check all files of a submission, which have all methods of the lab.  Raises: Refused."""
    if not files:
        raise Refused("a submission has at least one file", "-")
    names = [name for name, _ in files]
    if len({*names}) < len(names):
        raise Refused("two files of the submission have one name", max(names, key=names.count))
    for name in names:
        if not name.isprintable():  # nor are bytes that are no character
            shown = ascii(name)[1:-1]
            raise Refused("a file's name is made of characters that can be read; give it another name", shown)
        if name in SOURCES:
            raise Refused("a source of the kernel is called so, too; give yours another name", name)
    submissions = [check_submission(lab, name, data) for name, data in files]
    replaced = {method for each in submissions for method in each.replaced}
    for method in (method for methods in lab.methods.values() for method in methods):
        if method not in replaced:
            raise _left_out(method, submissions)


def _left_out(method: str, submissions: "Sequence[_Submission]") -> Refused:
    """Return why a method that no file has is missing, with the place of one whose name is like its own."""
    for each in submissions:
        names = {name.partition(".")[2]: name for name in each.added}
        for alike in get_close_matches(method.partition(".")[2], names, 1):
            owner = names[alike].partition(".")[0]
            said = f"{owner} has no method {alike} to replace; is it {method}, which is left out?"
            return Refused(said, each.file, each.added[names[alike]])
    return Refused(f"{method} is left out: a submission has all methods of its lab", submissions[0].file)
