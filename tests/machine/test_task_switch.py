"""Which fault in a delivery makes a double fault, and what a task gate demands, against the manual."""

import struct

import pytest

from keelback.machine.simulated.ring0_memory import DeliveryFault
from keelback.machine.simulated.task_switch import (
    Table,
    Task,
    find_task,
    is_double,
    load_task,
    save_task,
)

GDT, OLD, NEW = 0x100, 0x200, 0x300
SELECTOR = 0x30
NAMES = ("ip", "flags", "ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "es", "cs", "ss", "ds", "fs", "gs")


class Flat:
    """Words at their own addresses."""

    def __init__(self, content):
        self.bytes = content

    def read(self, address):
        return struct.unpack_from("<I", self.bytes, address)[0]

    def write(self, address, value):
        struct.pack_into("<I", self.bytes, address, value)


@pytest.fixture
def memory():
    content = memoryview(bytearray(0x1000))
    struct.pack_into("<II", content, GDT + SELECTOR, NEW << 16 | 103, 0x8900)
    return Flat(content)


@pytest.mark.parametrize(
    ("first", "doubles"),
    [
        (0, {0, 10, 11, 12, 13}),
        (13, {0, 10, 11, 12, 13}),
        (14, {0, 10, 11, 12, 13, 14}),
        (1, set()),
        (6, set()),
        (16, set()),
        (32, set()),
        (0x80, set()),
    ],
)
def test_two_faults_make_a_double_fault_as_table_6_5_has_it(first, doubles):
    assert {second for second in (0, 6, 7, 10, 11, 12, 13, 14, 16, 17) if is_double(first, second)} == doubles


@pytest.mark.parametrize(
    ("selector", "low", "high", "vector", "why"),
    [
        (0x34, NEW << 16 | 103, 0x8900, 13, "in no table"),
        (0x38, NEW << 16 | 103, 0x8900, 13, "in no table"),
        (0, NEW << 16 | 103, 0x8900, 13, "in no table"),
        (SELECTOR, NEW << 16 | 103, 0x8B00, 13, "under way already"),
        (SELECTOR, NEW << 16 | 103, 0x9300, 13, "is none"),
        (SELECTOR, NEW << 16 | 103, 0x0900, 11, "not present"),
        (SELECTOR, NEW << 16 | 102, 0x8900, 10, "too short"),
    ],
)
def test_a_task_that_can_not_be_entered_is_a_fault_and_changes_nothing(memory, selector, low, high, vector, why):
    struct.pack_into("<II", memory.bytes, GDT + SELECTOR, low, high)
    before = bytes(memory.bytes)
    with pytest.raises(DeliveryFault, match=why) as caught:
        find_task(memory, Table(GDT, 0x37), selector)
    assert (caught.value.vector, caught.value.error) == (vector, selector & 0xFFFC | 1)
    assert bytes(memory.bytes) == before


def test_a_switch_keeps_all_registers_links_the_tasks_and_marks_the_new_one_busy(memory):
    kept = {name: 0x1100 + number for number, name in enumerate(NAMES)}
    for number in range(26):
        struct.pack_into("<I", memory.bytes, NEW + 4 * number, 0xABCD_2200 + number)
    task = find_task(memory, Table(GDT, 0x37), SELECTOR)
    save_task(memory, Task(0x28, OLD), kept)
    loaded = load_task(memory, task, Task(0x28, OLD))
    assert task == Task(SELECTOR, NEW)
    assert struct.unpack_from("<II", memory.bytes, GDT + SELECTOR) == (NEW << 16 | 103, 0x8B00)
    assert struct.unpack_from("<16I", memory.bytes, OLD + 32) == tuple(kept.values())
    assert loaded.pop("cr3") == 0xABCD_2207
    expected = [0xABCD_2208 + number for number in range(16)]
    assert list(loaded.values()) == expected[:10] + [each & 0xFFFF for each in expected[10:]]
    assert struct.unpack_from("<I", memory.bytes, NEW) == (0xABCD_0028,)
