"""Names: what a program calls anything by means the same in C, and never meets a word of C's or the compiler's."""

import keyword
import re
from unicodedata import normalize

import pytest

from compiler.compare_lives import Lives
from keelback.compiler import prelude
from keelback.compiler.names import C_WORDS, Names, field_name

GNU = "asm typeof i386 linux unix near far main memcmp strlen puts printf abs exit errno NULL EOF offsetof alignas"
COMPILERS = "t t_1 x_1 x_1_ int_ int__ result both index count error_sentence padding_0 _Bool _x STOP_ Größe é µ"
PRELUDES = re.findall(r"(?:u32|i64|char|text|bool) \*?(\w+)\b", prelude.PRELUDE + prelude.SINK)
WORDS = sorted({*C_WORDS, *PRELUDES, *GNU.split(), *COMPILERS.split()} - {*keyword.kwlist})
HEAD = '''\
"""A program whose names are words of C's."""

from collections.abc import Iterator

from keelback.lang import *


class Low(KernelError):
    """Something is low."""

    number = -230


class Holder(Component):
    def __init__(self, item: Struct) -> None:
        self.item = item


class Log(TextSink):
    def __init__(self, records: Region) -> None:
        self.bytes = records.array(Byte, 8)

    def put(self, byte: u8) -> None:
        self.bytes[0].value = byte


class Byte(Struct):
    value: u8
'''


def structs(word):
    """Return two structs of one name, a word, which is a field of both."""
    field = word.lstrip("_")
    return f"""
class One_{word}:
    class {word}(Struct):
        {field}: u8
        next: "Ref[One_{word}.{word}]"


class Two_{word}:
    class {word}(Struct):
        {field}: u32
"""


def records(word, held):
    """Return what builds records of both structs, one of them called by the word itself."""
    place = f"self.{word} = Holder(records.struct(One_{word}.{word})); self.{word}_item" if held else f"self.x_{word}"
    return f"""
        self.items_{word} = records.array(One_{word}.{word}, 3)
        {place} = records.struct(Two_{word}.{word})
"""


def methods(word, held):
    """Return an entry and what it calls, where the word is a parameter, a local, a generator's local and a method."""
    field, record = word.lstrip("_"), f"self.{word}_item" if held else f"self.x_{word}"
    return f"""
    def {word}_method(self, {word}: u8) -> u32:
        if {word} == 7:
            raise Low
        {word}_2 = {word} + 1
        return {word}_2 * {word}

    def wide_{word}(self, {word}: u64) -> u64:
        if {word} == 9:
            raise Low
        return {word}

    def each_{word}(self, {word}: u8) -> Iterator[u32]:
        for t in range(3):
            yield {word} + t

    @native("return {normalize("NFKC", word)} + 1u;")
    def native_{word}(self, {word}: u32) -> u32:
        return {word} + 1

    def entry_{word}(self, {word}: u8) -> u32:
        total: u32 = 0
        try:
            total = self.{word}_method({word}) + (self.wide_{word}({word}) & 0xFF)
        except Low as error:
            total = 1 - error.number
        total += self.native_{word}({word})
        log_put_text = {word}
        for {word} in self.each_{word}({word}):
            t_3 = {word}
            total += t_3
        self.items_{word}[1].{field} = {word} & 0xFF
        self.items_{word}[2].next = self.items_{word}[1]
        {word}_of = self.items_{word}[2].next
        if {word}_of is not None:
            total += {word}_of.{field}
        {record}.{field} = {word} + 3
        self.log.write(f"{{{record}.{field}}} {{log_put_text}}?")
        {word} = log_put_text
        return total + {word}
"""


def program(words):
    """Return a module that uses words; every second one is also the name of a record."""
    pairs = [(word, index % 2 == 0) for index, word in enumerate(words)]
    root = """
class Root(Component):
    def __init__(self, records: Region) -> None:
        self.log = Log(records)
        self.Byte_of = records.struct(Byte)
"""
    parts = [structs(word) for word in words] + [root] + [records(*pair) for pair in pairs]
    return HEAD + "".join([*parts, *(methods(*pair) for pair in pairs)])


@pytest.mark.parametrize(("word_bits", "words"), [(32, WORDS[::2]), (64, WORDS[1::2])], ids=["32", "64"])
def test_every_word_of_c_may_be_anything_of_the_programs(word_bits, words, tmp_path):
    path = tmp_path / 'wör"d??=\\s.py'
    path.write_text(program(words), encoding="utf-8")
    lives = Lives(path, word_bits)
    entries = [f"entry_{normalize('NFKC', word)}" for word in words]
    lives.compile(entries)
    for entry in entries:
        for argument in (0, 7, 200):
            assert lives.difference(entry, (argument,)) is None


def test_mark_makes_no_two_names_one():
    names = Names(["int", "take", "take_2"])
    words = ["int", "int_", "take", "take_", "take_2", "t$1", "Take", "_take", "é", "ue9", "memset", "u8", "thread"]
    assert len({names.local(word) for word in words}) == len(words)
    assert names.local("thread") == "thread" and names.local("int") == "int$" and names.local("é") == "$e9_"
    assert [names.take("take"), names.take("take")] == ["take$$2", "take$$3"]
    assert names.take_struct("text") == "Struct$text" and names.take_struct("Thread") == "Thread"
    assert (field_name("int"), field_name("int_"), field_name("STOP"), field_name("u8")) == (
        "int$",
        "int_",
        "STOP$",
        "u8",
    )


def test_words_of_the_prelude_are_known():
    declared = {"word", "bool", "text", "u8", "i128", "panic", "memset", "floor_div", "floor_mod_wide", "CHECK", "STOP"}
    assert declared <= C_WORDS and "__attribute__" not in C_WORDS
