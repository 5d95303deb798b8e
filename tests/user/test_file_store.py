"""The files server's files in memory, against a dictionary."""

import ctypes

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from on_host import library

EXTRA = """
#include "store.h"
#include <stdlib.h>
size_t size_of(const struct file *file) { return file->size; }
uint32_t number_of(const struct file *file) { return file->number; }
const char *name_of(const struct file *file) { return file->name; }
struct store *make_store(void) { return calloc(1, sizeof(struct store)); }
"""
POINTERS = ("file_named", "file_numbered", "make_file", "file_behind", "make_store")
SIZE = ctypes.c_size_t


def store_library():
    loaded = library("files/store.c", extra=EXTRA)
    for each in POINTERS:
        getattr(loaded, each).restype = ctypes.c_void_p
    loaded.name_of.restype = ctypes.c_char_p
    loaded.size_of.restype = loaded.read_file.restype = SIZE
    return loaded


class Files(RuleBasedStateMachine):
    """A store, and what is to be in it: name → (number, bytes)."""

    def __init__(self):
        super().__init__()
        self.library, self.expected, self.made = store_library(), {}, 0
        self.store = ctypes.c_void_p(self.library.make_store())

    def named(self, name):
        return ctypes.c_void_p(self.library.file_named(self.store, name))

    @rule(name=st.sampled_from([b"a", b"b", b"ab", b"x" * 31, *(b"%d" % number for number in range(40))]))
    def make(self, name):
        if name not in self.expected:
            self.made += 1
            file = ctypes.c_void_p(self.library.make_file(self.store, name))
            assert self.library.number_of(file) == self.made
            self.expected[name] = self.made, b""

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), bytes_=st.binary(max_size=300))
    def add(self, data, bytes_):
        name = data.draw(st.sampled_from(sorted(self.expected)))
        assert self.library.add_to_file(self.named(name), bytes_, SIZE(len(bytes_))) == 1
        number, before = self.expected[name]
        self.expected[name] = number, before + bytes_

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def empty(self, data):
        name = data.draw(st.sampled_from(sorted(self.expected)))
        self.library.empty_file(self.named(name))
        self.expected[name] = self.expected[name][0], b""

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def remove(self, data):
        name = data.draw(st.sampled_from(sorted(self.expected)))
        self.library.remove_file(self.store, self.named(name))
        number, _ = self.expected.pop(name)
        assert self.library.file_numbered(self.store, number) is None

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), start=st.integers(0, 700), most=st.integers(0, 400))
    def read(self, data, start, most):
        name = data.draw(st.sampled_from(sorted(self.expected)))
        room = ctypes.create_string_buffer(b"?" * (most + 1))
        count = self.library.read_file(self.named(name), SIZE(start), room, SIZE(most))
        expected = self.expected[name][1][start : start + most]
        assert room.raw[:most].startswith(expected)
        assert count == len(expected)
        assert room.raw[count : most + 1] == b"?" * (most + 1 - count)

    @invariant()
    def the_files_are_there_in_the_order_of_their_names(self):
        found = []
        while (address := self.library.file_behind(self.store, SIZE(len(found)))) is not None:
            file = ctypes.c_void_p(address)
            found.append((self.library.name_of(file), self.library.number_of(file), self.library.size_of(file)))
            assert self.library.file_numbered(self.store, found[-1][1]) == address
        assert found == [(name, number, len(bytes_)) for name, (number, bytes_) in sorted(self.expected.items())]


TestFiles = Files.TestCase
TestFiles.settings = settings(max_examples=30, stateful_step_count=30)


def test_a_thousand_files_are_found_by_name_and_by_number():
    loaded = store_library()
    store = ctypes.c_void_p(loaded.make_store())
    names = [b"file%d" % (number * 7 % 1000) for number in range(1000)]
    made = [loaded.make_file(store, name) for name in names]
    assert [loaded.file_named(store, name) for name in names] == made
    assert [loaded.file_numbered(store, number) for number in range(1, 1001)] == made
    for address in made[::2]:
        loaded.remove_file(store, ctypes.c_void_p(address))
    assert [loaded.file_named(store, name) for name in names[1::2]] == made[1::2]
    assert loaded.file_behind(store, SIZE(499)) is not None and loaded.file_behind(store, SIZE(500)) is None
