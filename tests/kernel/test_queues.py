"""Queues of threads against lists of Python's, in both lives."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.native import RECORDS, RECORDS_END, SIZE, Native
from keelback.kernel.processes.queues import Link, Queue, Queues
from keelback.kernel.processes.threads import Thread
from keelback.lang import Array, Component, Ram, Region, Struct, freeze, inline, u16

QUEUES, THREADS = 3, 6


class Heads(Struct):
    """Some queues of either kind."""

    waits: Array[Queue] = inline(QUEUES)
    ends: Array[Queue] = inline(QUEUES)


class Root(Component):
    """What is done to queues, by numbers."""

    def __init__(self, records: Region) -> None:
        self.table = records.array(Thread, THREADS + 1)
        self.heads = records.struct(Heads)
        self.waits = Queues(self._wait)
        self.ends = Queues(self._end)

    def _wait(self, number: u16) -> Link:
        return self.table[number].waits

    def _end(self, number: u16) -> Link:
        return self.table[number].deadline

    def push_wait(self, queue: u16, number: u16) -> None:
        self.waits.push(self.heads.waits[queue], number)

    def push_end(self, queue: u16, number: u16) -> None:
        self.ends.push(self.heads.ends[queue], number)

    def remove_wait(self, queue: u16, number: u16) -> None:
        self.waits.remove(self.heads.waits[queue], number)

    def remove_end(self, queue: u16, number: u16) -> None:
        self.ends.remove(self.heads.ends[queue], number)

    def pop_wait(self, queue: u16) -> u16:
        return self.waits.pop(self.heads.waits[queue])

    def pop_end(self, queue: u16) -> u16:
        return self.ends.pop(self.heads.ends[queue])


class Lives:
    """The same queues interpreted, compiled and as lists, one a kind and queue."""

    def __init__(self) -> None:
        self.ram = Ram(SIZE)
        self.root = Root(Region(self.ram, RECORDS, RECORDS_END))
        freeze(self.root)
        entries = [name for name in vars(Root) if not name.startswith("_")]
        self.native = Native(self.root, self.ram, {name: getattr(self.root, name) for name in entries})
        self.reset()

    def reset(self) -> None:
        zeros = bytes(RECORDS_END - RECORDS)
        self.ram.bytes[RECORDS:RECORDS_END] = zeros
        self.native.uc.mem_write(RECORDS, zeros)
        self.model = {kind: [[] for _ in range(QUEUES)] for kind in ("wait", "end")}

    def call(self, name: str, *arguments: int) -> int | None:
        result = getattr(self.root, name)(*arguments)
        assert self.native.call(name, *arguments) == result
        assert self.native.records() == bytes(self.ram.bytes[RECORDS:RECORDS_END])
        return result

    def expected(self) -> bytes:
        """Return what the lists make of RAM, each field from its definition."""
        ram = Ram(SIZE)
        root = Root(Region(ram, RECORDS, RECORDS_END))
        for kind, heads, field in (("wait", root.heads.waits, "waits"), ("end", root.heads.ends, "deadline")):
            for head, numbers in zip(heads, self.model[kind], strict=True):
                head.first, head.last = (numbers[0], numbers[-1]) if numbers else (0, 0)
                for before, number, after in zip([0, *numbers], numbers, [*numbers[1:], 0], strict=False):
                    link: Link = getattr(root.table[number], field)
                    link.previous, link.next = before, after
        return bytes(ram.bytes[RECORDS:RECORDS_END])


@pytest.fixture(scope="module")
def lives():
    return Lives()


steps = st.lists(
    st.tuples(st.sampled_from(["wait", "end"]), st.booleans(), st.integers(0, QUEUES - 1), st.integers(1, THREADS)),
    max_size=40,
)


@settings(max_examples=150)
@given(steps)
def test_queues_are_what_lists_are(lives, steps):
    """A thread goes to a queue, or leaves the one that it is in: as the first, or from anywhere."""
    lives.reset()
    for kind, pops, queue, number in steps:
        lists = lives.model[kind]
        found = next((index for index, each in enumerate(lists) if number in each), None)
        if pops and lists[queue]:
            assert lives.call(f"pop_{kind}", queue) == lists[queue].pop(0)
        elif found is None:
            lives.call(f"push_{kind}", queue, number)
            lists[queue].append(number)
        else:
            lives.call(f"remove_{kind}", found, number)
            lists[found].remove(number)
        assert bytes(lives.ram.bytes[RECORDS:RECORDS_END]) == lives.expected()


@pytest.mark.parametrize("kind", ["wait", "end"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_element_leaves_from_each_place(lives, kind, count):
    for leaving in range(1, count + 1):
        lives.reset()
        for number in range(1, count + 1):
            lives.call(f"push_{kind}", 0, number)
        lives.call(f"remove_{kind}", 0, leaving)
        lives.model[kind][0] = [number for number in range(1, count + 1) if number != leaving]
        assert bytes(lives.ram.bytes[RECORDS:RECORDS_END]) == lives.expected()
