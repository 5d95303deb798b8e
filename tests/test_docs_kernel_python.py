"""docs/kernel-python.md: every example runs, compiled too; the C, the messages and the refusals are what comes out."""

import ast
import builtins
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MethodType, ModuleType
from typing import Any

import pytest

import keelback.kernel
from compiler.native import RETURNED, TEXT, Failed, Native
from keelback.compiler import compile_program
from keelback.compiler.errors import CompileError
from keelback.lang import Component, KernelError, Panic, Ram, Struct, address_of, freeze, strict
from keelback.lang.component import static_parts
from keelback.lang.errors import MISTAKES

DOCUMENT = Path(__file__).parents[1] / "docs" / "kernel-python.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCK_OF_C = re.compile(r"^([^\n]*):\n\n```c\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REFUSAL = re.compile(r"^\| `(.*)` \| (.*) \|$", re.MULTILINE)
PLACE = re.compile(rf"docs/{DOCUMENT.name}:\d+:\d+: ")
NOT_COMPILED = {"Objects are static, RAM is dynamic", "Modules and types", "Strict mode"}
NOT_CALLED = {"Layout of a struct"}  # its C is static asserts, and the bytes of RAM are compared everywhere


def plain(value: Any) -> Any:
    """Return a value as a register has it: the address of a struct, or the value itself."""
    return address_of(value) if isinstance(value, Struct) else value


@dataclass
class Example:
    """One block of Python, the line it starts on, and the failure it ends in."""

    text: str
    line: int
    failure: str = ""


@dataclass
class Call:
    """A call of a component's method that the page makes, and what came of it in CPython."""

    method: MethodType
    arguments: tuple[Any, ...]
    line: int
    before: bytes
    outcome: tuple[str, Any] = ("", None)
    after: bytes = b""


def line_at(place: int) -> int:
    return DOCUMENT.read_text().count("\n", 0, place) + 1


def examples() -> list[Example]:
    found: list[Example] = []
    for fence in FENCE.finditer(DOCUMENT.read_text()):
        kind, text = fence.groups()
        if kind == "python":
            found.append(Example(text, line_at(fence.start(2))))
        elif kind != "c":
            assert kind == "text" and not found[-1].failure, f"a block of {kind!r} after {found[-1]}"
            found[-1].failure = text.rstrip()
    return found


def section_of(line: int) -> str:
    """Return the heading of the section that a line stands in."""
    return [each[3:] for each in DOCUMENT.read_text().splitlines()[:line] if each.startswith("## ")][-1]


def with_calls_noticed(text: str) -> str:
    """Return a block in which `f(x)` is `noticed(f)(x)` wherever it stands outside functions; lines stay."""
    lines = text.splitlines()
    for node in sorted(calls_outside_functions(ast.parse(text)), key=lambda each: -each.col_offset):
        assert node.lineno == node.func.end_lineno
        start, end = node.func.col_offset, node.func.end_col_offset
        line = lines[node.lineno - 1]
        lines[node.lineno - 1] = f"{line[:start]}noticed({line[start:end]}){line[end:]}"
    return "\n".join(lines) + "\n"


def calls_outside_functions(node: ast.AST) -> Iterator[ast.Call]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield node
    for inner in ast.iter_child_nodes(node):
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield from calls_outside_functions(inner)


class Page:
    """The page as a module: a file of its Python alone, at the same lines, which the compiler can read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "docs" / DOCUMENT.name
        self.path.parent.mkdir()
        lines = [""] * len(DOCUMENT.read_text().splitlines())
        for each in examples():
            lines[each.line - 1 : each.line - 1 + each.text.count("\n")] = each.text.splitlines()
        self.path.write_text("\n".join(lines) + "\n")
        self.module = ModuleType("kernel_python_examples")  # string annotations are looked up there
        self.namespace = vars(self.module)
        self.namespace.update({strict.CHECK: strict.check, strict.PANIC: Panic, "noticed": self.noticed})
        self.calls: list[Call] = []
        self.failures: list[str] = []

    def run(self) -> None:
        """Run every example, in order."""
        self.failures = [self.failure_of(each) for each in examples()]

    def failure_of(self, example: Example) -> str:
        """Run a block, strictly; return its failure as the document writes it."""
        source = "\n" * (example.line - 1) + with_calls_noticed(example.text)
        known = set(self.namespace)
        try:
            exec(strict.strict_code(source, str(self.path)), self.namespace)
        except Panic as panic:
            assert panic.file == str(self.path) and panic.line < example.line + example.text.count("\n"), panic
            return f"Panic: {panic.message}"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return self.refusal_of(set(self.namespace) - known) if PLACE.match(example.failure) else ""

    def refusal_of(self, names: set[str]) -> str:
        """Return why the compiler refuses what a block has made: the methods of its component."""
        [component] = [self.namespace.pop(name) for name in names if isinstance(self.namespace[name], Component)]
        methods = {name: getattr(component, name) for name in vars(type(component)) if not name.startswith("_")}
        with pytest.raises(CompileError) as caught:
            compile_program(component, self.ram, methods)
        return str(caught.value).replace(f"{self.directory}/", "")

    def noticed(self, callee: Callable[..., Any]) -> Callable[..., Any]:
        """Return what is called; a method that the page defines for a component is watched meanwhile."""
        ours = isinstance(callee, MethodType) and callee.__func__.__code__.co_filename == str(self.path)
        if not ours or not isinstance(callee.__self__, Component):
            return callee

        def watched(*arguments: Any) -> Any:
            call = Call(callee, arguments, sys._getframe(1).f_lineno, bytes(self.ram.bytes))
            self.calls.append(call)
            try:
                result = callee(*arguments)
                call.outcome = ("result", plain(result))
                return result
            except KernelError as error:
                call.outcome = ("error", error.number)
                raise
            except Panic as panic:
                call.outcome = ("panic", panic.line)
                raise
            except MISTAKES as error:
                call.outcome = ("panic", Panic.of(error).line)
                raise
            finally:
                call.after = bytes(self.ram.bytes)

        return watched

    @property
    def ram(self) -> Ram:
        ram = self.namespace["ram"]
        assert isinstance(ram, Ram)
        return ram

    def root(self) -> Component:
        """Return one component that has all of the page's, frozen."""
        root = Component()
        for name, value in list(self.namespace.items()):
            if isinstance(value, Component):
                setattr(root, name, value)
        freeze(root)
        return root


class Compiled:
    """The page's components as one program, and a CPU to run it."""

    def __init__(self, page: Page) -> None:
        root = page.root()
        paths = {id(part): path for path, part in static_parts(root)}
        self.entries: dict[str, MethodType] = {}
        for call in page.calls:
            self.entries[self.name(call, paths)] = call.method
        self.names = [self.name(call, paths) for call in page.calls]
        self.c = compile_program(root, page.ram, self.entries, lines=False).c
        self.native = Native(root, page.ram, self.entries)
        self.page = page
        self.spans = ((0x1000, RETURNED), (TEXT * 2, page.ram.size))  # all of RAM but the test's own part
        assert max(each for each in self.native.symbols.values() if each < page.ram.size) < TEXT * 2 - 0x1000

    @staticmethod
    def name(call: Call, paths: dict[int, str]) -> str:
        return re.sub(r"\W+", "_", f"{paths[id(call.method.__self__)]}_{call.method.__name__}")

    def definition(self, name: str) -> str:
        """Return the text of a function or struct."""
        function = rf"^\w[^\n]*\b{name}\([^\n]*\)\n{{\n.*?^}}$"
        struct = rf"^typedef struct[^\n]*{{\n[^}}]*^}} {name};(?:\n_Static_assert[^\n]*)+"
        [found] = re.findall(f"{function}|{struct}", self.c, re.MULTILINE | re.DOTALL)
        return str(found)

    def repeat(self, name: str, call: Call) -> tuple[tuple[str, Any], bytes, str]:
        """Make a call of the page's here; return what came of it, RAM then, and a panic's message."""
        message = ""
        for start, end in self.spans:
            self.native.uc.mem_write(start, call.before[start:end])
        try:
            outcome: tuple[str, Any] = ("result", self.native.call(name, *map(plain, call.arguments)))
        except Failed as failed:
            outcome = ("error", failed.code)
        except Panic as panic:
            assert Path(panic.file).name == DOCUMENT.name
            outcome, message = ("panic", panic.line), panic.message
        return outcome, self.content(), message

    def content(self) -> bytes:
        return b"".join(bytes(self.native.uc.mem_read(start, end - start)) for start, end in self.spans)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Page]:
    page = Page(tmp_path_factory.mktemp("page"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, page.module.__name__, page.module)
        patch.setattr(KernelError, "known", dict(KernelError.known))
        page.run()
        yield page


@pytest.fixture(scope="module")
def compiled(page) -> Compiled:
    return Compiled(page)


def test_every_example_does_what_the_document_says(page):
    assert len(examples()) > 20
    for example, failure in zip(examples(), page.failures, strict=True):
        where = f"{DOCUMENT.name}:{example.line}"
        assert (where, failure) == (where, example.failure)


def test_every_block_of_c_is_what_the_compiler_prints(compiled):
    for block in BLOCK_OF_C.finditer(DOCUMENT.read_text()):
        names = re.findall(r"`(\w+)`", block[1])
        assert "\n\n".join(compiled.definition(name) for name in names) == block[2].rstrip()


def test_every_call_ends_alike_in_both_lives(compiled):
    shown = "".join(block[2] for block in BLOCK_OF_C.finditer(DOCUMENT.read_text()))
    for name, call in zip(compiled.names, compiled.page.calls, strict=True):
        outcome, content, message = compiled.repeat(name, call)
        assert outcome == call.outcome, f"{name}{call.arguments}"
        assert content == b"".join(call.after[start:end] for start, end in compiled.spans), f"{name}{call.arguments}"
        assert f'"{message}"' in shown or not message


def method(number: int, line: str) -> str:
    return f"    def row_{number}(self, n: u32) -> u32:\n        {line}\n        return n\n"


def test_every_line_of_the_table_is_refused_as_it_says(page, tmp_path):
    rows = REFUSAL.findall(DOCUMENT.read_text())
    assert len(rows) > 10
    path = tmp_path / "refused.py"
    path.write_text("class Refused(Calls):\n" + "".join(method(n, row[0]) for n, row in enumerate(rows)))
    namespace = dict(page.namespace)
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    refused = namespace["Refused"]()
    for number, (line, reason) in enumerate(rows):
        with pytest.raises(CompileError) as caught:
            compile_program(refused, page.ram, {"row": getattr(refused, f"row_{number}")})
        assert (line, f"{caught.value.message} [{caught.value.rule}]") == (line, reason)


def test_every_section_shows_its_c_and_is_executed(page):
    text = DOCUMENT.read_text()
    sections = set(re.findall("^## (.*)$", text, re.MULTILINE))
    assert {section_of(line_at(each.start())) for each in BLOCK_OF_C.finditer(text)} == sections - NOT_COMPILED
    assert {section_of(call.line) for call in page.calls} == sections - NOT_COMPILED - NOT_CALLED
    assert len(FENCE.findall(text)) == len(BLOCK_OF_C.findall(text)) + sum(1 + bool(e.failure) for e in examples())


def test_every_builtin_that_the_kernel_calls_is_named():
    """The list of builtin functions in the document is what the kernel really uses, outside construction."""
    called = set()
    built_with = {
        "layout.py",
        "layout_fields.py",
        "layout_rules.py",
        "own_calls.py",
    }  # which no kernel calls once it is built
    builders = {"__init__", "_server", "_windows", "levels_above"}
    for path in (each for each in Path(keelback.kernel.__path__[0]).rglob("*.py") if each.name not in built_with):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and function.name not in builders:
                calls = [each.func for each in ast.walk(function) if isinstance(each, ast.Call)]
                called |= {each.id for each in calls if isinstance(each, ast.Name) and hasattr(builtins, each.id)}
    sentence = re.search(r"^Builtin functions: (.*)$", DOCUMENT.read_text(), re.MULTILINE)
    assert sentence is not None
    assert called <= set(re.findall(r"`(\w+)`", sentence.group(1)))
