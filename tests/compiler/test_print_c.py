"""The C printer: what it prints means in C what the tree means."""

import random

import pytest

from compiler.compare_lives import Lives
from compiler.generate import Scope, Unit, interval
from keelback.compiler import ir
from keelback.compiler.c_types import decide_types
from keelback.compiler.intervals import Interval
from keelback.compiler.print_c import Printer, short_path
from keelback.compiler.types import BOOLEAN, Integer, exactly
from keelback.lang import Ram
from keelback.lang.integers import INTEGER_TYPES

PLACE = ("f.py", 1)
SMALL = Integer(Interval(-100, 100))
HEAD = '"""Random expressions."""\n\nfrom keelback.lang import *\n\n\nclass Root(Component):\n'


def printed(expression, **locals):
    function = ir.Function(
        ir.FunctionKey("f", expression.type), PLACE, {}, dict(locals), (ir.Return(PLACE, expression),)
    )
    functions = decide_types({"f": function}, 32)
    return Printer(Ram(1 << 16), functions).text(functions["f"].body[0].value)


def local(name, type=SMALL):
    return ir.Local(type, name)


def binary(sign, left, right, type=SMALL):
    return ir.Binary(type, sign, left, right)


def text(expression):
    return printed(expression, a=SMALL, b=SMALL, c=SMALL)


def test_parentheses_stand_where_the_tree_needs_them():
    a, b, c = local("a"), local("b"), local("c")
    assert text(binary("-", a, binary("-", b, c))) == "a - (b - c)"
    assert text(binary("-", binary("-", a, b), c)) == "a - b - c"
    assert text(binary("*", binary("+", a, b), c)) == "(a + b) * c"
    assert text(binary("+", binary("*", a, b), c)) == "a * b + c"


def test_two_minus_signs_never_meet():
    a = local("a")
    assert text(ir.Unary(SMALL, "-", ir.Unary(SMALL, "-", a))) == "-(-a)"
    assert text(ir.Unary(SMALL, "-", ir.Constant(exactly(-3), -3))) == "-(-3)"


def test_comparison_within_a_comparison_gets_parentheses():
    inner = binary("<", local("a"), local("b"), BOOLEAN)
    assert text(binary("==", inner, binary("<", local("b"), local("c"), BOOLEAN), BOOLEAN)) == "(a < b) == (b < c)"


def test_constant_is_written_in_its_type():
    assert printed(ir.Constant(exactly(5), 5)) == "5"
    assert printed(ir.Constant(exactly(0xFFFF_FFFF), 0xFFFF_FFFF)) == "0xffffffffu"
    assert printed(ir.Constant(exactly(-(1 << 31)), -(1 << 31))) == "(-0x7fffffff - 1)"
    assert printed(ir.Constant(exactly(-(1 << 63)), -(1 << 63))) == "(-0x7fffffffffffffffll - 1)"
    assert printed(ir.Constant(exactly((1 << 64) - 1), (1 << 64) - 1)) == "0xffffffffffffffffull"


def test_path_is_the_same_on_every_machine():
    assert short_path("/home/someone/src/keelback/kernel/memory/frames.py") == "keelback/kernel/memory/frames.py"
    assert short_path("/tmp/x/program.py") == "program.py"


def expressions(count):
    """Return methods that are one random expression each, of their parameters alone."""
    lines = []
    for number in range(count):
        unit = Unit(number, f"expression {number}")
        unit.calm = True
        kinds = {"a": "u32", "b": "i32", "c": "u64", "d": "i8", "e": "i64"}
        unit.scope = Scope({name: interval(kind) for name, kind in kinds.items()})
        unit.leaf = lambda depth=0, unit=unit: leaf(unit)  # type: ignore[method-assign]
        for name in ("call", "element", "builtin", "picked", "named_bits"):
            setattr(unit, name, unit.binary)
        unit.boolean = lambda depth, unit=unit: f"({unit.integer(depth - 1)[0]} < {unit.integer(depth - 1)[0]})"  # type: ignore[method-assign]
        declared = ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
        lines += [f"    def entry_{number}(self, {declared}) -> u64:"]
        lines += [f"        return {unit.integer(5)[0]} & 0xFFFF_FFFF_FFFF_FFFF", ""]
    return HEAD + "    def __init__(self, records: Region) -> None:\n        pass\n\n" + "\n".join(lines)


def leaf(unit):
    if unit.some(0.3):
        value = unit.random.choice([0, 1, 2, 7, -1, -8, 255, -(1 << 31), 1 << 31, (1 << 63) - 1])
        return (str(value) if value >= 0 else f"({value})"), Interval(value, value)
    return unit.random.choice(list(unit.scope.integers.items()))


@pytest.mark.parametrize("word_bits", [32, 64])
def test_random_expressions_give_what_python_gives(tmp_path, word_bits):
    path = tmp_path / "program.py"
    path.write_text(expressions(60))
    lives = Lives(path, word_bits)
    lives.region.struct(_record())  # RAM to compare
    lives.start = bytes(16)
    lives.compile([f"entry_{number}" for number in range(60)])
    numbers = random.Random(7)
    for number in range(60):
        for _ in range(8):
            arguments = tuple(
                numbers.choice([INTEGER_TYPES[kind].minimum, INTEGER_TYPES[kind].maximum, 0, 1, 3, 77])
                for kind in ("u32", "i32", "u64", "i8", "i64")
            )
            assert lives.difference(f"entry_{number}", arguments) is None


def _record():
    from keelback.lang import Struct, u32

    return type("Nothing", (Struct,), {"__annotations__": {"nothing": u32}})
