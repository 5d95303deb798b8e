"""No node of Python's grammar and no field of one is passed over: it is listed and evaluated, or refused."""

import _ast
import ast
import sys
from pathlib import Path

import pytest

from compiler.compare_lives import Lives
from keelback.compiler import compile_program, source
from keelback.compiler.called import CALLED
from keelback.compiler.syntax import DEEPEST, HEAD, READ, SYNTAX, refused_in_body, refused_in_head
from keelback.lang.strict import strict_code

FOUND = Path(__file__).parent / "found"
NODES = [
    each
    for each in vars(_ast).values()
    if isinstance(each, type) and issubclass(each, ast.AST) and not each.__subclasses__()
]
"""What the parser makes, without the groups that these are in."""
NEVER_INSIDE = (ast.mod, ast.type_ignore)
"""What only holds whole files."""


def method(*body: ast.stmt) -> ast.FunctionDef:
    made = ast.parse("def method(self) -> None: pass").body[0]
    assert isinstance(made, ast.FunctionDef)
    made.body = list(body)
    return made


def refusals(definition: ast.FunctionDef) -> list[str]:
    return [each.message for each in (*refused_in_head(definition), *refused_in_body(definition))]


def test_the_list_has_no_field_too_few():
    for kind, fields in {**SYNTAX, **HEAD}.items():
        assert {*kind._fields} <= {*fields}, kind.__name__


@pytest.mark.parametrize("kind", NODES, ids=lambda kind: kind.__name__)
def test_a_node_that_is_not_listed_is_refused(kind):
    if kind in SYNTAX or issubclass(kind, NEVER_INSIDE):
        return
    holder = ast.Expr(ast.Constant(1)) if issubclass(kind, ast.stmt) else ast.Expr(kind())
    found = refusals(method(*([kind()] if issubclass(kind, ast.stmt) else [holder])))
    assert len(found) == 1 and found[0].startswith(f"Kernel Python has no {CALLED.get(kind.__name__, kind.__name__)}")


def test_a_field_that_a_later_python_adds_is_refused(monkeypatch):
    monkeypatch.setattr(ast.Return, "_fields", ("value", "colour"))
    later = ast.parse("def method(self): return 1").body[0].body[0]
    assert refusals(method(later)) == []
    later.colour = "red"
    assert refusals(method(later)) == ["Kernel Python has no colour of Return"]


def test_every_field_that_is_listed_is_read_by_the_evaluator(monkeypatch, tmp_path):
    read = set()

    def recorded(node, name):
        if "/compiler/evaluate/" in sys._getframe(1).f_code.co_filename:
            read.add((type(node), name))
        return object.__getattribute__(node, name)

    for kind in SYNTAX:
        monkeypatch.setattr(kind, "__getattribute__", recorded)
    for name in ("by_hand", "names_on_every_way", "every_field"):
        source._definitions.cache_clear()
        lives = Lives(FOUND / f"{name}.py")
        entries = {each: getattr(lives.root, each) for each in dir(type(lives.root)) if each.startswith("entry_")}
        compile_program(lives.root, lives.ram, entries)
    wanted = {(kind, field) for kind, fields in SYNTAX.items() for field, use in fields.items() if use == READ}
    assert {(kind.__name__, field) for kind, field in wanted - read} == set()


CHAINS = {
    "sum": "return a" + " + a" * 600,
    "and": "return 1 if a" + " and a" * 600 + " else 0",
    "comparisons": "return 1 if a" + " <= a" * 600 + " else 0",
    "choices": "return " + "1 if a == 1 else " * 600 + "0",
    "branches": "if a == 0: return 1\n" + "elif a == 1: return 2\n" * 600 + "return 3",
}


@pytest.mark.parametrize("chain", CHAINS)
def test_a_long_chain_is_refused_at_its_place(chain, tmp_path):
    from compiler.test_refusals import refusal_of_body

    error, first = refusal_of_body(CHAINS[chain], tmp_path)
    assert (error.rule, error.message) == ("nesting", f"nested more than {DEEPEST} deep: name a part of it")
    assert error.line > first


def test_a_chain_that_is_too_long_for_python_is_refused():
    with pytest.raises(SyntaxError, match="nested too deep"):
        strict_code("def chain(a):\n    return a" + " + a" * 2600, "program.py")


@pytest.mark.parametrize("word_bits", [32, 64])
def test_chains_as_long_as_allowed_do_the_same_in_both_lives(word_bits, tmp_path):
    path = tmp_path / "chains.py"
    deep = DEEPEST - 10
    lines = {
        "sum": "return n" + " + n" * deep,
        "calls": "return 1 if self.least(n, 0)" + " <= self.least(n, 9)" * deep + " else 0",
        "and": "return 1 if self.at.a < 9" + " and self.least(n, 9)" * deep + " else 0",
        "choices": "return " + "".join(f"{i} if self.least(n, 99) == {i} else " for i in range(deep)) + "0",
        "branches": "if n == 200: return 1\n" + "".join(f"        elif n == {i}: return {i}\n" for i in range(deep)),
    }
    methods = "".join(
        f"    def entry_{name}(self, n: u8) -> u32:\n        {text}\n        return 0\n" for name, text in lines.items()
    )
    path.write_text(
        "from keelback.lang import *\n\nclass Cell(Struct):\n    a: u8\n\nclass Root(Component):\n"
        "    def __init__(self, records: Region) -> None:\n        self.at = records.struct(Cell)\n"
        "    def least(self, n: u8, m: u8) -> u8:\n        self.at.a = self.at.a + 1 & 0xFF\n        return min(n, m)\n"
        + methods
    )
    lives = Lives(path, word_bits)
    lives.compile([f"entry_{name}" for name in lines])
    for name in lines:
        for n in (0, 5, 200):
            assert lives.difference(f"entry_{name}", (n,)) is None
