# ruff: noqa: E501
"""The verifier stops the compiler at a tree that breaks a rule: each rule, and random mistakes in good trees."""

import random
import re
from pathlib import Path

import pytest

from compiler.broken_trees import MISTAKES, broken, trees_of
from compiler.compare_lives import Lives
from keelback.compiler import ir
from keelback.compiler.intervals import Interval
from keelback.compiler.types import BOOLEAN, TEXT, VOID, ArrayPointer, Integer, Pointer, exactly, integer
from keelback.compiler.verify import EVALUATED, LOWERED, TYPED, TreeError, verify
from keelback.lang import Array, Struct, inline, u8, u32
from keelback.lang.integers import INTEGER_TYPES
from keelback.lang.layout import layout_of

FOUND = sorted((Path(__file__).parent / "found").glob("*.py"))
PLACE = ("f.py", 3)
U8, U32 = (integer(INTEGER_TYPES[name]) for name in ("u8", "u32"))
TRUE = ir.Constant(BOOLEAN, True)
HELLO = ir.TextConstant(TEXT, "hello")


class Item(Struct):
    value: u8
    words: Array[u32] = inline(4)


class Other(Struct):
    value: u8


VALUE, WORDS = layout_of(Item, 32).fields
ITEM = ir.StaticPlace(Pointer(Item), 0x1000)
OTHER = ir.StaticPlace(Pointer(Other), 0x2000)
ITEMS = ir.StaticPlace(ArrayPointer(Item, 3), 0x3000)
BYTES = ir.StaticPlace(ArrayPointer(INTEGER_TYPES["u8"], 5), 0x4000)
ARRAY = ir.FieldPlace(ArrayPointer(INTEGER_TYPES["u32"], 4), ITEM, WORDS)
X, B = ir.Local(U8, "x"), ir.Local(BOOLEAN, "b")
C = INTEGER_TYPES
C_X, C_WORD = ir.Local(C["i32"], "x"), ir.Local(C["u32"], "w")


def number(value):
    return ir.Constant(exactly(value), value)


def byte(low, high):
    return Integer(Interval(low, high))


def key(name, result=VOID):
    return ir.FunctionKey(name, result)


def functions():
    """Return what is there to be called."""
    made = [
        ir.Function(key("takes"), PLACE, {"p": U8}),
        ir.Function(key("gives", U8), PLACE, {}),
        ir.Function(key("fails"), PLACE, {}, raises=frozenset({-4})),
    ]
    return {each.key.name: each for each in made}


def verified(*body, nodes=LOWERED, result=VOID, raises=frozenset()):
    locals = {"x": U8, "b": BOOLEAN, "e": ir.ERROR, "w": U32, "i": Pointer(Item), "n": Pointer(Item, True)}
    function = ir.Function(key("f", result), PLACE, dict(locals), {"y": U8}, tuple(body), raises=raises)
    verify(function, functions(), 32, nodes)


def stored(value, name="x"):
    return ir.SetLocal(PLACE, name, value)


GOOD = {
    "loop": [ir.Loop(PLACE, "l", B, (ir.If(PLACE, B, (ir.Break(PLACE, "l"),), (ir.Continue(PLACE, "l"),)),), (stored(X),))],
    "block": [ir.Block(PLACE, "l", (ir.Break(PLACE, "l"),)), ir.Return(PLACE)],
    "store": [ir.StoreField(PLACE, ITEM, VALUE, number(255)), ir.StoreElement(PLACE, ARRAY, number(3), number(7))],
    "element": [stored(ir.ElementPlace(Pointer(Item), ITEMS, ir.Binary(byte(0, 2), "%", X, number(3))), "i")],
    "copy": [ir.CopyElements(PLACE, BYTES, number(0), BYTES, number(5), number(0)), ir.CopyStruct(PLACE, ITEM, ITEM)],
    "fill": [ir.FillBytes(PLACE, ITEM, number(20), number(0)), ir.FillElements(PLACE, ARRAY, number(1), number(3), number(9))],
    "text": [ir.SetText(PLACE, BYTES, "hello"), ir.WriteText(PLACE, key("takes"), HELLO), ir.WriteNumber(PLACE, key("takes"), X, 16, True, 8)],
    "call": [ir.Call(PLACE, key("takes"), (X,)), ir.Call(PLACE, key("gives", U8), (), "x"), ir.Call(PLACE, key("fails"), (), None, "e")],
    "none": [stored(ir.Constant(Pointer(Item, True), None), "n"), ir.Check(PLACE, ir.Binary(BOOLEAN, "==", ir.Local(Pointer(Item, True), "n"), ITEM), "m")],
    "choice": [stored(ir.Choice(U8, B, X, number(3))), ir.Switch(PLACE, ir.Binary(byte(0, 1), "&", X, number(1)), ((), ()))],
    "compared": [stored(ir.SameBytes(BOOLEAN, BYTES, HELLO, 5), "b"), stored(ir.Unary(BOOLEAN, "not", B), "b")],
}  # fmt: skip
BROKEN = {
    # Values.
    "a u8 that is given 300": ([stored(number(300))], "A local is declared, and gets what fits it."),
    "a local that is not declared is set": ([stored(number(1), "z")], "A local is declared, and gets what fits it."),
    "a local that is not declared is read": ([stored(ir.Local(U8, "z"))], "A local is declared, and read as what it holds."),
    "a local that is read as more than it holds": ([stored(ir.Local(U32, "x"), "w")], "A local is declared, and read as what it holds."),
    "a local that is read before it is set": ([stored(ir.Local(U8, "y"))], "The local y has a value where it is read."),
    "a local that is set on one way only": ([ir.If(PLACE, B, (stored(number(1), "y"),)), stored(ir.Local(U8, "y"))], "The local y has a value where it is read."),
    "None where a struct is wanted": ([stored(ir.Constant(Pointer(Item, True), None), "i")], "A local is declared, and gets what fits it."),
    "a constant of another type": ([stored(ir.Constant(BOOLEAN, 1), "b")], "A constant is a value of its type."),
    "a constant beyond its bounds": ([stored(ir.Constant(byte(0, 3), 4))], "A constant is a value of its type."),
    "a constant as a bool": ([stored(ir.Constant(byte(0, 1), True))], "A constant is a value of its type."),
    "a text beyond ASCII": ([ir.WriteText(PLACE, key("takes"), ir.TextConstant(TEXT, "é"))], "A text is ASCII."),
    "an index beyond a constant tuple": ([stored(ir.ConstantElement(byte(1, 2), (1, 2), X))], "An element is picked from a constant tuple"),
    "a constant tuple of both kinds": ([stored(ir.ConstantElement(byte(1, 2), (1, "a"), number(0)))], "An element is picked from a constant tuple"),
    "the sentence of no error": ([ir.WriteText(PLACE, key("takes"), ir.ErrorText(TEXT, number(4)))], "A sentence is that of an error's number."),
    # Places.
    "a static place that is an integer": ([stored(ir.StaticPlace(U8, 0x1000))], "A static place is a struct or an array at an address."),
    "a field of an integer": ([stored(ir.FieldValue(U8, X, VALUE))], "A field is one of the struct's,"),
    "a field of another struct": ([stored(ir.FieldValue(U8, OTHER, VALUE))], "A field is one of the struct's,"),
    "a field as another type": ([stored(ir.FieldValue(U32, ITEM, VALUE), "w")], "A field is one of the struct's,"),
    "the value of what lies inside": ([stored(ir.FieldValue(U8, ITEM, WORDS))], "A field is one of the struct's,"),
    "the place of an integer field": ([stored(ir.FieldPlace(Pointer(Item), ITEM, VALUE), "i")], "What lies inside a struct is a struct or an array"),
    "an element of an integer": ([stored(ir.ElementValue(U8, X, number(0)))], "An integer element lies in an array of such"),
    "an element beyond an array": ([stored(ir.ElementValue(U8, BYTES, number(5)))], "An integer element lies in an array of such"),
    "an element before an array": ([stored(ir.ElementValue(U8, BYTES, number(-1)))], "An integer element lies in an array of such"),
    "an integer element of an array of structs": ([stored(ir.ElementValue(U8, ITEMS, number(0)))], "An integer element lies in an array of such"),
    "a struct element of an array of integers": ([stored(ir.ElementPlace(Pointer(Item), BYTES, number(0)), "i")], "A struct element lies in an array of such"),
    "the address of an integer": ([stored(ir.AddressOf(U32, X), "w")], "An address is that of a struct, and a word."),
    "a view of a non-struct": ([stored(ir.StructAt(U8, number(0x1000)))], "A struct or an array lies at an address that is a word."),
    "a view of None": ([stored(ir.StructAt(Pointer(type(None)), number(0x1000)), "i")], "A struct or an array lies at an address that is a word."),
    "a view at more than a word": ([stored(ir.StructAt(Pointer(Item), number(1 << 32)), "i")], "A struct or an array lies at an address that is a word."),
    # Operators.
    "a minus of a bool": ([stored(ir.Unary(U8, "-", B))], "`-` and `~` take an integer"),
    "a not of an integer": ([stored(ir.Unary(BOOLEAN, "not", X), "b")], "`-` and `~` take an integer"),
    "an operator that there is not": ([stored(ir.Binary(U8, "**", X, X))], "An operator takes two values"),
    "a sum of a bool": ([stored(ir.Binary(byte(0, 256), "+", X, B), "w")], "An operator takes two values"),
    "a sum that says less than it may be": ([stored(ir.Binary(byte(0, 255), "+", X, number(1)))], "An operator takes two values"),
    "a division by 0": ([stored(ir.Binary(U8, "//", X, number(0)))], "An operator takes two values"),
    "a division by what may be 0": ([stored(ir.Binary(U8, "//", X, X))], "An operator takes two values"),
    "a shift by 64": ([stored(ir.Binary(U8, ">>", X, number(64)))], "An operator takes two values"),
    "a comparison of a struct with an integer": ([stored(ir.Binary(BOOLEAN, "==", ITEM, X), "b")], "An operator takes two values"),
    "a comparison of two structs": ([stored(ir.Binary(BOOLEAN, "==", ITEM, OTHER), "b")], "An operator takes two values"),
    "an order of structs": ([stored(ir.Binary(BOOLEAN, "<", ITEM, ITEM), "b")], "An operator takes two values"),
    "a comparison that no C type holds": ([stored(ir.Binary(BOOLEAN, "<", number(-1), number((1 << 64) - 1)), "b")], "An operator takes two values"),
    "a comparison as an integer": ([stored(ir.Binary(U8, "==", X, X))], "An operator takes two values"),
    "an and of integers": ([stored(ir.Binary(BOOLEAN, "and", X, X), "b")], "An operator takes two values"),
    "an array with a shorter text": ([stored(ir.SameBytes(BOOLEAN, BYTES, ir.TextConstant(TEXT, "hi"), 5), "b")], "An array of integers is compared"),
    "an array with another": ([stored(ir.SameBytes(BOOLEAN, BYTES, ARRAY, 5), "b")], "An array of integers is compared"),
    "an array of structs with itself": ([stored(ir.SameBytes(BOOLEAN, ITEMS, ITEMS, 60), "b")], "An array of integers is compared"),
    "a choice by an integer": ([stored(ir.Choice(U8, X, X, X))], "A choice asks a bool"),
    "a choice that does not hold both": ([stored(ir.Choice(U8, B, X, number(300)))], "A choice asks a bool"),
    # Stores.
    "a store in a field of an integer": ([ir.StoreField(PLACE, X, VALUE, number(1))], "A field that is stored is one of the struct's"),
    "a store in a field of what does not fit": ([ir.StoreField(PLACE, ITEM, VALUE, number(256))], "A field that is stored is one of the struct's"),
    "a store over an array": ([ir.StoreField(PLACE, ITEM, WORDS, number(1))], "A field that is stored is one of the struct's"),
    "a store into a non-array": ([ir.StoreElement(PLACE, X, number(0), number(1))], "An element that is stored is one of an array"),
    "a store into an array of structs": ([ir.StoreElement(PLACE, ITEMS, number(0), number(1))], "An element that is stored is one of an array"),
    "a store of what does not fit": ([ir.StoreElement(PLACE, BYTES, number(0), number(256))], "An element that is stored is one of an array"),
    "a store beyond an array": ([ir.StoreElement(PLACE, BYTES, number(5), number(1))], "An element that is stored is one of an array"),
    "a copy between arrays of two types": ([ir.CopyElements(PLACE, BYTES, number(0), ARRAY, number(0), number(1))], "Elements are copied between ranges"),
    "a copy of less than nothing": ([ir.CopyElements(PLACE, BYTES, number(0), BYTES, number(0), number(-1))], "Elements are copied between ranges"),
    "a copy between structs of two classes": ([ir.CopyStruct(PLACE, ITEM, OTHER)], "A struct is copied over one of its own class."),
    "a copy over None": ([ir.CopyStruct(PLACE, *[ir.Local(Pointer(Item, True), "n")] * 2)], "A struct is copied over one of its own class."),
    "an integer that is cleared": ([ir.FillBytes(PLACE, X, number(1), number(0))], "An array, or a whole struct, is filled"),
    "a part of a struct that is cleared": ([ir.FillBytes(PLACE, ITEM, number(1), number(0))], "An array, or a whole struct, is filled"),
    "a fill with more than a byte": ([ir.FillBytes(PLACE, ITEM, number(20), number(256))], "An array, or a whole struct, is filled"),
    "a fill of structs": ([ir.FillElements(PLACE, ITEMS, number(0), number(1), number(0))], "Elements of an array of integers are filled"),
    "a text of another length": ([ir.SetText(PLACE, BYTES, "hi")], "A text fills an array of bytes of its length."),
    # Calls.
    "a call of what is not there": ([ir.Call(PLACE, key("nothing"), ())], "A function that is there is called"),
    "a call with too many arguments": ([ir.Call(PLACE, key("takes"), (X, X))], "A function that is there is called"),
    "a call with an argument that does not fit": ([ir.Call(PLACE, key("takes"), (number(300),))], "A function that is there is called"),
    "a call with an argument of another type": ([ir.Call(PLACE, key("takes"), (B,))], "A function that is there is called"),
    "a call with a result that there is not": ([ir.Call(PLACE, key("takes"), (X,), "x")], "A function that is there is called"),
    "a call whose result has no place": ([ir.Call(PLACE, key("gives", U8), ())], "A function that is there is called"),
    "a call whose result has another place": ([ir.Call(PLACE, key("gives", U8), (), "b")], "A function that is there is called"),
    "a call whose error nobody sees": ([ir.Call(PLACE, key("fails"), ())], "A function that is there is called"),
    "a call with an error that there is not": ([ir.Call(PLACE, key("takes"), (X,), None, "e")], "A function that is there is called"),
    "a text to what takes no byte": ([ir.WriteText(PLACE, key("fails"), HELLO)], "A text is written to a function"),
    "an integer as a text": ([ir.WriteText(PLACE, key("takes"), X)], "A text is written to a function"),
    "a number of more than 64 bits": ([ir.WriteNumber(PLACE, key("takes"), number(1 << 64), 10, False, 0)], "An integer of 64 bits is written"),
    "a negative number in hexadecimal": ([ir.WriteNumber(PLACE, key("takes"), number(-1), 16, False, 0)], "An integer of 64 bits is written"),
    # Control.
    "a condition that is no bool": ([ir.If(PLACE, X, ())], "A condition is a bool."),
    "a check of an integer": ([ir.Check(PLACE, X, "m")], "A check asks a bool"),
    "a loop on an integer": ([ir.Loop(PLACE, "l", X, ())], "A loop asks a bool"),
    "a step that leaves": ([ir.Loop(PLACE, "l", B, (), (ir.Break(PLACE, "l"),))], "A loop asks a bool"),
    "a switch without a case": ([ir.Switch(PLACE, X, ((), ()))], "A switch has a case for each value"),
    "two blocks of one label": ([ir.Block(PLACE, "l", ()), ir.Block(PLACE, "l", ())], "A block has a label that no other has."),
    "two loops of one label": ([ir.Loop(PLACE, "l", B, (ir.Loop(PLACE, "l", B, ()),))], "A loop asks a bool"),
    "a break outside": ([ir.Break(PLACE, "l")], "A break names a loop or a block that it is in."),
    "a break after its loop": ([ir.Loop(PLACE, "l", B, ()), ir.Break(PLACE, "l")], "A break names a loop or a block that it is in."),
    "a continue outside": ([ir.Continue(PLACE, "l")], "A continue names a loop that it is in."),
    "a continue of a block": ([ir.Block(PLACE, "l", (ir.Continue(PLACE, "l"),))], "A continue names a loop that it is in."),
    "a return of a value where there is none": ([ir.Return(PLACE, X)], "A return has a value that fits"),
    # What other passes have.
    "a raise after lowering": ([ir.Raise(PLACE, number(-4))], "There is no Raise here."),
    "a try after lowering": ([ir.Try(PLACE, (), (), (), ())], "There is no Try here."),
    "a cast before C types are decided": ([stored(ir.Cast(U8, X))], "There is no Cast here."),
    "digits before C types are decided": ([ir.WriteDigits(PLACE, key("takes"), X, B, 10, False, 0)], "There is no WriteDigits here."),
    "a node that no pass knows": ([ir.Statement(PLACE)], "There is no Statement here."),
    "a failure of what does not fail": ([ir.Fail(PLACE, number(-4))], "A function fails that raises"),
}  # fmt: skip
BROKEN_BEFORE = {
    "a failure before lowering": ([ir.Fail(PLACE, number(-4))], "There is no Fail here."),
    "an error before lowering": ([ir.Call(PLACE, key("fails"), (), None, "e")], "A function that is there is called"),
    "a raise of no error": ([ir.Raise(PLACE, number(4))], "What is raised is the number of an error"),
    "a raise of a bool": ([ir.Raise(PLACE, B)], "What is raised is the number of an error"),
    "a return out of a finally": ([ir.Try(PLACE, (), (), (), (ir.Return(PLACE),))], "A return has a value that fits"),
    "a break out of a finally": ([ir.Block(PLACE, "l", (ir.Try(PLACE, (), (), (), (ir.Break(PLACE, "l"),)),))], "A break names a loop or a block"),
    "a handler of no error": ([ir.Try(PLACE, (), (ir.Handler(frozenset({4}), "e", ()),), (), ())], "A handler takes errors"),
    "a handler without a local": ([ir.Try(PLACE, (), (ir.Handler(frozenset({-4}), "x", ()),), (), ())], "A handler takes errors"),
    "what is wrong in a handler": ([ir.Try(PLACE, (), (ir.Handler(frozenset({-4}), "e", (stored(number(300)),)),), (), ())], "A local is declared"),
}  # fmt: skip
BROKEN_TYPED = {
    "a bound in place of a C type": ([ir.SetLocal(PLACE, "x", ir.Constant(byte(0, 3), 3))], "A local is declared, and gets what fits it."),
    "a value of another C type": ([ir.SetLocal(PLACE, "x", C_WORD)], "A local is declared, and gets what fits it."),
    "a constant beyond its C type": ([ir.SetLocal(PLACE, "x", ir.Constant(C["i32"], 1 << 31))], "A constant is a value of its type."),
    "an element of a tuple beyond its C type": ([ir.SetLocal(PLACE, "x", ir.ConstantElement(C["i32"], (1, 1 << 31), C_X))], "An element is picked from a constant tuple"),
    "a cast of a bool": ([ir.SetLocal(PLACE, "x", ir.Cast(C["i32"], B))], "A cast makes an integer of an integer."),
    "a sum of two C types": ([ir.SetLocal(PLACE, "x", ir.Binary(C["i32"], "+", C_X, C_WORD))], "An operator takes two values of one type"),
    "a sum as another C type": ([ir.SetLocal(PLACE, "w", ir.Binary(C["u32"], "+", C_X, C_X))], "An operator takes two values of one type"),
    "a comparison of two C types": ([ir.SetLocal(PLACE, "b", ir.Binary(BOOLEAN, "<", C_X, C_WORD))], "An operator takes two values of one type"),
    "a shift by a word": ([ir.SetLocal(PLACE, "x", ir.Binary(C["i32"], "<<", C_X, C_WORD))], "An operator takes two values of one type"),
    "a division of another width": ([ir.SetLocal(PLACE, "x", ir.Binary(C["i32"], "floor_div", C_X, C_X))], "An operator takes two values of one type"),
    "an operator of Python's": ([ir.SetLocal(PLACE, "x", ir.Binary(C["i32"], "//", C_X, C_X))], "An operator takes two values of one type"),
    "a minus of another C type": ([ir.SetLocal(PLACE, "x", ir.Unary(C["i32"], "-", C_WORD))], "`-` and `~` take an integer of their type"),
    "a field of another C type": ([ir.StoreField(PLACE, ITEM, VALUE, C_X)], "A field that is stored is one of the struct's"),
    "a number that is not of 64 bits": ([ir.WriteDigits(PLACE, key("takes"), C_X, B, 10, False, 0)], "A magnitude of 64 bits is written"),
    "a number before its digits": ([ir.WriteNumber(PLACE, key("takes"), C_X, 10, False, 0)], "There is no WriteNumber here."),
    "an argument of another C type": ([ir.Call(PLACE, key("takes"), (C_WORD,))], "A function that is there is called"),
}  # fmt: skip
BROKEN_WITH_RESULT = {
    "a return without a value": ([ir.Return(PLACE)], "A return has a value that fits"),
    "a return of another type": ([ir.Return(PLACE, B)], "A return has a value that fits"),
    "a return of what does not fit": ([ir.Return(PLACE, number(300))], "A return has a value that fits"),
    "an end without a return": ([ir.If(PLACE, B, (ir.Return(PLACE, X),))], "A function with a result ends by what leaves it."),
    "a loop that may end": ([ir.Loop(PLACE, "l", TRUE, (ir.Break(PLACE, "l"),))], "A function with a result ends by what leaves it."),
    "a failure with no error": ([ir.Fail(PLACE, number(0))], "A function fails that raises"),
}  # fmt: skip


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_good_tree_passes(body):
    verified(*body)


def refused(message):
    return pytest.raises(TreeError, match=rf"^f: {re.escape(message)}.*f\.py:3\)$")


@pytest.mark.parametrize(("body", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_tree_is_refused(body, message):
    with refused(message):
        verified(*body)


@pytest.mark.parametrize(("body", "message"), BROKEN_BEFORE.values(), ids=BROKEN_BEFORE)
def test_broken_tree_is_refused_before_exceptions_are_jumps(body, message):
    with refused(message):
        verified(*body, nodes=EVALUATED)


@pytest.mark.parametrize(("body", "message"), BROKEN_TYPED.values(), ids=BROKEN_TYPED)
def test_broken_tree_is_refused_when_c_types_are_decided(body, message):
    locals = {"x": C["i32"], "w": C["u32"], "b": BOOLEAN}
    function = ir.Function(key("f"), PLACE, locals, {}, tuple(body))
    callee = ir.Function(key("takes"), PLACE, {"p": C["i32"]})
    with refused(message):
        verify(function, {"takes": callee}, 32, TYPED)


@pytest.mark.parametrize(("body", "message"), BROKEN_WITH_RESULT.values(), ids=BROKEN_WITH_RESULT)
def test_broken_tree_of_a_function_with_a_result_is_refused(body, message):
    with refused(message):
        verified(*body, result=U8, raises=frozenset({-4}))


def test_every_node_has_a_rule_and_a_pass():
    nodes = {each for base in (ir.Expression, ir.Statement) for each in base.__subclasses__()}
    assert nodes == EVALUATED | LOWERED | TYPED


@pytest.mark.parametrize("word_bits", [32, 64])
def test_random_mistake_in_a_tree_is_refused_or_changes_nothing(word_bits):
    dice, seen = random.Random(f"mistakes {word_bits}"), set()
    for path in FOUND:
        lives = Lives(path, word_bits)
        entries = {name: getattr(lives.root, name) for name in dir(type(lives.root)) if name.startswith("entry_")}
        for tree in trees_of(lives.root, lives.ram, entries):
            verify(tree.function, tree.functions, word_bits, tree.nodes)
            for mistake, function in filter(None, (broken(tree, dice) for _ in range(3))):
                seen.add(mistake)
                if function.body != tree.function.body:
                    with pytest.raises(TreeError):
                        verify(function, tree.functions, word_bits, tree.nodes)
    assert len(seen) == len(MISTAKES)
