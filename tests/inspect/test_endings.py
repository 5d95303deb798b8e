"""How endings are told, and where in a program an address is."""

import random

from keelback.inspect.endings import endings
from keelback.inspect.lens import look
from keelback.inspect.symbols import place_in
from support import code_program, payload_programs, run


def told(pc, programs):
    return list(endings(look(pc.layout, pc.ram.contents), programs))


def test_each_way_to_end_is_told():
    programs = payload_programs() | {"seven": code_program("b803000000bb07000000cd80")}
    pc = run("hello", "seven", "smash", "divide", programs=programs)
    hello, seven, smash, divide = told(pc, programs)
    assert (hello.name, hello.well, hello.how, hello.place) == ("hello", True, "exited with status 0", "")
    assert (seven.well, seven.how) == (False, "exited with status 7")
    assert smash.how == "killed: page fault, write to 0x08048000, protected"
    assert not smash.well and " in main+0x" in smash.place
    assert divide.how == "killed: division error"
    assert divide.place.endswith(": idiv ecx") or "div" in divide.place


def test_an_address_without_a_symbol_has_its_instruction():
    assert place_in(code_program("0f0b"), 0x08048000) == "0x08048000: ud2"


def test_an_address_outside_the_file_is_only_an_address():
    assert place_in(code_program("0f0b"), 0x1000) == "0x00001000"


def test_a_file_that_is_broken_gives_the_address():
    rng = random.Random(1)
    whole = payload_programs()["hello"]
    for _ in range(200):
        broken = bytearray(whole)
        for _ in range(20):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        assert place_in(bytes(broken[: rng.randrange(len(broken))]), 0x08048000).startswith("0x08048000")
