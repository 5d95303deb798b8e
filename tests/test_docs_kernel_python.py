"""docs/kernel-python.md: every example runs, and fails with just the message that follows it."""

import ast
import builtins
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

import keelback.kernel
from keelback.lang import KernelError, Panic, strict

DOCUMENT = Path(__file__).parents[1] / "docs" / "kernel-python.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Example:
    """One block of Python, the line it starts on, and the failure it ends in."""

    text: str
    line: int
    failure: str = ""


def examples() -> list[Example]:
    document = DOCUMENT.read_text()
    found: list[Example] = []
    for fence in FENCE.finditer(document):
        kind, text = fence.groups()
        if kind == "python":
            found.append(Example(text, document.count("\n", 0, fence.start(2)) + 1))
        else:
            assert kind == "text" and not found[-1].failure, f"a block of {kind!r} after {found[-1]}"
            found[-1].failure = text.strip()
    return found


@pytest.fixture
def namespace(monkeypatch):
    """Return the globals of a module: string annotations are looked up there."""
    module = ModuleType("kernel_python_examples")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(KernelError, "known", dict(KernelError.known))
    vars(module).update({strict.CHECK: strict.check, strict.PANIC: Panic})
    return vars(module)


def failure_of(example: Example, namespace: dict[str, object]) -> str:
    """Run a block, strictly; return its failure as the document writes it."""
    source = "\n" * (example.line - 1) + example.text
    try:
        exec(strict.strict_code(source, str(DOCUMENT)), namespace)
    except Panic as panic:
        last = example.line + example.text.count("\n")
        assert panic.file == str(DOCUMENT) and example.line <= panic.line < last, panic
        return f"Panic: {panic.message}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def test_every_example_does_what_the_document_says(namespace):
    assert len(examples()) > 20
    for example in examples():
        where = f"{DOCUMENT.name}:{example.line}"
        assert (where, failure_of(example, namespace)) == (where, example.failure)


def test_every_builtin_that_the_kernel_calls_is_named():
    """The list of builtin functions in the document is what the kernel really uses, outside construction."""
    called = set()
    for path in Path(keelback.kernel.__path__[0]).glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and function.name != "__init__":
                calls = [each.func for each in ast.walk(function) if isinstance(each, ast.Call)]
                called |= {each.id for each in calls if isinstance(each, ast.Name) and hasattr(builtins, each.id)}
    sentence = re.search(r"^Builtin functions: (.*)$", DOCUMENT.read_text(), re.MULTILINE)
    assert sentence is not None
    assert called <= set(re.findall(r"`(\w+)`", sentence.group(1)))
