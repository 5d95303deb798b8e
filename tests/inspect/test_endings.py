"""How endings are told, and where in a program an address is."""

import random
import struct

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


def test_the_function_is_the_innermost_that_the_first_table_of_symbols_has():
    symbols = [
        (1, 0x0804_8000, 16, 2),
        (6, 0x0804_8000 + 4, 4, 2),
        (11, 0x0804_8000 + 4, 4, 1),
        (16, 0x0804_8000 + 5, 0, 2),
    ]
    file = with_symbols(symbols, b"\0main\0loop\0data\0end\0")
    assert place_in(file, 0x0804_8000) == "0x08048000 in main+0x0: ud2"
    assert place_in(file, 0x0804_8004).startswith("0x08048004 in loop+0x0")
    assert place_in(file, 0x0804_8005).startswith("0x08048005 in end+0x0")
    assert place_in(file, 0x0804_8006).startswith("0x08048006 in loop+0x2")
    assert place_in(file, 0x0804_8008).startswith("0x08048008 in main+0x8")
    assert " in " not in place_in(file, 0x0804_8010)


def with_symbols(symbols: list[tuple[int, int, int, int]], names: bytes, tables: int = 1) -> bytes:
    """Return a program of 16 bytes with symbols (name, start, size, kind), listed by so many sections."""
    file = bytearray(code_program(bytes.fromhex("0f0b").ljust(16, b"\x90")))
    content = b"".join(struct.pack("<3IBBH", *symbol, 0, 1) for symbol in symbols)
    place = len(file)
    table = struct.pack("<10I", 0, 2, 0, 0, place, len(content), tables, 0, 4, 16) * tables
    table += struct.pack("<10I", 0, 3, 0, 0, place + len(content), len(names), 0, 0, 1, 0)
    struct.pack_into("<I", file, 32, place + len(content) + len(names))
    struct.pack_into("<HH", file, 46, 40, tables + 1)
    return bytes(file) + content + names + table


def test_a_file_that_lists_its_symbols_again_and_again_takes_no_longer():
    """Read as often as they are listed, these would take an hour."""
    symbols = [(number, 0x0804_8000, 16, 2) for number in range(20_000)]
    file = with_symbols(symbols, b"n" * 1_000_000, tables=20_000)
    assert place_in(file, 0x0804_8000) == f"0x08048000 in {'n' * 200}+0x0: ud2"
