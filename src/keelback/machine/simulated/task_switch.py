"""Double faults and tasks as the CPU defines them: what a fault in a delivery becomes, and what a task gate does.

    a fault while a trap is delivered ──> delivered instead, or a double fault ──> a third: the processor resets

Source: Intel SDM volume 3, sections 6.13 (error codes), 6.15 (double fault, table 6-5) and 7.3 (task switching).
"""

from typing import NamedTuple, Protocol

from keelback.machine.simulated.ring0_memory import DeliveryFault
from keelback.machine.simulated.saved_state import SELECTORS

DIVISION, DOUBLE_FAULT, INVALID_TASK, NOT_PRESENT, STACK, PROTECTION, PAGE_FAULT = 0, 8, 10, 11, 12, 13, 14
CONTRIBUTORY = frozenset({DIVISION, INVALID_TASK, NOT_PRESENT, STACK, PROTECTION})
EXTERNAL = 1
"""In an error code: the fault came while something else than an `int` instruction was delivered."""
TASK_PRESENT, TASK_KIND, TASK_AVAILABLE, TASK_BUSY = 0x80, 0x1F, 0x09, 0x0B
TASK_BYTES = 104
CR3, SAVED = 28, 32  # in a task state
REGISTERS = ("ip", "flags", "ax", "cx", "dx", "bx", "sp", "bp", "si", "di")


class Words(Protocol):
    """Words at the addresses of a processor's ring 0, as `Ring0Memory` has them."""

    def read(self, address: int) -> int:
        """Return the word at an address.  Raises: DeliveryFault."""

    def write(self, address: int, value: int) -> None:
        """Write the word at an address.  Raises: DeliveryFault."""


def is_double(first: int, second: int) -> bool:
    """Say whether a fault while another is delivered makes a double fault, instead of being delivered in its place."""
    if first == PAGE_FAULT:
        return second == PAGE_FAULT or second in CONTRIBUTORY
    return first in CONTRIBUTORY and second in CONTRIBUTORY


class Table(NamedTuple):
    """A descriptor table: its base, and the offset of its last byte."""

    base: int
    limit: int


class Task(NamedTuple):
    """A task: its selector, and where its state lies."""

    selector: int
    base: int


def find_task(memory: Words, table: Table, selector: int) -> Task:
    """Return the task that a gate names and that is not under way, and mark it busy.

    Raises: DeliveryFault; nothing has changed.
    """
    error, place = selector & 0xFFFC | EXTERNAL, table.base + (selector & 0xFFF8)
    if selector & 4 or selector & 0xFFF8 == 0 or (selector | 7) > table.limit:
        raise DeliveryFault(PROTECTION, error, f"selector {selector:#x} of a task gate is in no table")
    low, high = memory.read(place), memory.read(place + 4)
    if high >> 8 & TASK_KIND != TASK_AVAILABLE:
        busy = high >> 8 & TASK_KIND == TASK_BUSY
        raise DeliveryFault(PROTECTION, error, f"task {selector:#x} is {'under way already' if busy else 'none'}")
    if not high >> 8 & TASK_PRESENT:
        raise DeliveryFault(NOT_PRESENT, error, f"task {selector:#x} is not present")
    if (low & 0xFFFF | high & 0xF_0000) < TASK_BYTES - 1:
        raise DeliveryFault(INVALID_TASK, error, f"the state of task {selector:#x} is too short")
    memory.write(place + 4, high | 2 << 8)
    return Task(selector, low >> 16 | (high & 0xFF) << 16 | high >> 24 << 24)


def save_task(memory: Words, task: Task, registers: dict[str, int]) -> None:
    """Keep registers and selectors, by name, in a task's state; the upper halves of selectors' words stay."""
    place = task.base + SAVED
    for number, name in enumerate(REGISTERS + SELECTORS):
        kept = memory.read(place + 4 * number) & 0xFFFF_0000 if name in SELECTORS else 0
        memory.write(place + 4 * number, kept | registers[name])


def load_task(memory: Words, task: Task, interrupted: Task) -> dict[str, int]:
    """Return a task's registers, selectors and cr3, by name, and link it to the one that it interrupts."""
    memory.write(task.base, memory.read(task.base) & 0xFFFF_0000 | interrupted.selector)
    words = {name: memory.read(task.base + SAVED + 4 * number) for number, name in enumerate(REGISTERS + SELECTORS)}
    for name in SELECTORS:
        words[name] &= 0xFFFF
    return {**words, "cr3": memory.read(task.base + CR3)}
