"""The verifier stops the compiler at a tree that breaks the printer's rules."""

import pytest

from keelback.compiler import ir
from keelback.compiler.types import BOOLEAN, VOID, Pointer, exactly, integer
from keelback.compiler.verify import TreeError, verify
from keelback.lang import Struct, u8
from keelback.lang.integers import INTEGER_TYPES

PLACE = ("f.py", 3)
U8 = integer(INTEGER_TYPES["u8"])
TRUE = ir.Constant(BOOLEAN, True)


class Item(Struct):
    value: u8


def verified(*body, parameters=None):
    key = ir.FunctionKey("f", VOID)
    function = ir.Function(key, PLACE, dict(parameters or {}), {"x": U8}, tuple(body))
    verify(function, {"f": function})


def one():
    return ir.Constant(exactly(1), 1)


def test_good_tree_passes():
    verified(ir.SetLocal(PLACE, "x", one()), ir.Loop(PLACE, "l", TRUE, (ir.Break(PLACE, "l"),)), ir.Return(PLACE))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (ir.SetLocal(PLACE, "y", one()), "y is no local"),
        (ir.SetLocal(PLACE, "x", ir.Local(U8, "y")), "y is no local"),
        (ir.Break(PLACE, "l"), "leaves what it is not in"),
        (ir.Continue(PLACE, "l"), "leaves what it is not in"),
        (ir.If(PLACE, one(), ()), "a condition is a bool"),
        (ir.Check(PLACE, one(), "m"), "a condition is a bool"),
        (ir.StoreField(PLACE, one(), None, one()), "a field is in a struct"),
        (ir.Call(PLACE, ir.FunctionKey("g", VOID), ()), "calls what is not there"),
        (ir.Call(PLACE, ir.FunctionKey("f", VOID), (one(),)), "0 arguments are wanted"),
        (ir.SetLocal(PLACE, "x", ir.ElementValue(U8, ir.Local(U8, "x"), one())), "an element is in an array"),
    ],
)
def test_broken_tree_is_refused(statement, message):
    with pytest.raises(TreeError, match=f"^f: {message}: .*f.py:3"):
        verified(statement)


def test_argument_fits_its_parameter():
    big = ir.Constant(exactly(300), 300)
    with pytest.raises(TreeError, match="does not fit"):
        verified(ir.Call(PLACE, ir.FunctionKey("f", VOID), (big,)), parameters={"p": U8})


def test_tree_inside_a_loop_is_verified_too():
    with pytest.raises(TreeError, match="y is no local"):
        verified(ir.Loop(PLACE, "l", TRUE, (ir.SetLocal(PLACE, "y", one()),)))


def test_place_of_a_struct_is_a_pointer():
    verified(ir.StoreField(PLACE, ir.StaticPlace(Pointer(Item), 0x1000), None, one()))
