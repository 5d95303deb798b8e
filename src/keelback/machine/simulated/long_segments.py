"""The segments of 64-bit ring 0 as the emulator keeps them, found out at start-up: its interface loads none of them."""

import mmap
import struct
from dataclasses import dataclass
from functools import cache

from unicorn import x86_const as x86

from keelback.machine.simulated import scratch
from keelback.machine.simulated.engine import Engine
from keelback.machine.simulated.models import EFER, LONG_MODE, LONG_MODE_ENABLED, Model
from keelback.machine.simulated.offsets import offsets
from keelback.machine.simulated.page_walks import CR4_PAE
from keelback.machine.simulated.saved_state import SELECTORS, SavedState

CODE, DATA = scratch.KERNEL_CODE, scratch.KERNEL_DATA
ACCESS_CODE, ACCESS_DATA = 0x9B, 0x93
WIDE_CODE, FLAT_DATA = 0xA, 0xC
CR0 = 0x8000_0011  # paging, protected mode
KIND = 0xF8 << 40 | 0x6 << 52
"""The bits of a descriptor that say what it is: present, level, segment, code, 64 and 32 bits."""
RING0_CODE = 0x98 << 40 | 0x2 << 52
SELECTOR = struct.Struct("<I")


@dataclass(frozen=True)
class LongSegments:
    """What a context has of 64-bit ring 0's segments, but for their selectors."""

    code: bytes
    data: bytes
    mode: int
    """The bits of `SavedState.mode` that a 64-bit code segment sets …"""
    other_mode: int
    """… and those that it clears."""

    def load(self, state: SavedState, code: int, data: int) -> None:
        """Give a state of ring 0 the code segment of a selector, and data segments of another."""
        for name in SELECTORS:
            _load(state, name, *((self.code, code) if name == "cs" else (self.data, data)))
        state.mode = state.mode & ~self.other_mode | self.mode

    def load_stack(self, state: SavedState, selector: int) -> None:
        """Give a state of ring 0 the stack segment of a selector."""
        _load(state, "ss", self.data, selector)


def _load(state: SavedState, name: str, content: bytes, selector: int) -> None:
    at = offsets(state.engine.model)
    place = at.cs + at.segment * (SELECTORS.index(name) - 1)
    state.context.bytes[place : place + at.segment] = SELECTOR.pack(selector) + content[SELECTOR.size :]


@cache
def long_segments(model: Model) -> LongSegments:
    """Find out, once a process, what a 64-bit CPU's far jump and loads of segments leave."""
    ram = mmap.mmap(-1, scratch.SIZE)
    scratch.write_page_tables(ram, "x86-64")
    code = scratch.descriptor(0, 0, ACCESS_CODE, WIDE_CODE)
    data = scratch.descriptor(0, 0xF_FFFF, ACCESS_DATA, FLAT_DATA)
    struct.pack_into("<3Q", ram, scratch.GDT, 0, code, data)
    jump = b"\xea" + struct.pack("<IH", scratch.RING0_CODE + 7, CODE)
    loads = bytes.fromhex("8ed8 8ec0 8ee0 8ee8 8ed0")  # mov ds, eax …
    ram[scratch.RING0_CODE : scratch.RING0_CODE + len(jump + loads)] = jump + loads
    engine = Engine(ram, scratch.SIZE, model)
    engine.uc.reg_write(x86.UC_X86_REG_GDTR, (0, scratch.GDT, 3 * 8 - 1, 0))
    engine.set_register(x86.UC_X86_REG_CR4, CR4_PAE)
    engine.set_register(x86.UC_X86_REG_CR3, scratch.ROOT)
    engine.uc.reg_write(x86.UC_X86_REG_MSR, (EFER, LONG_MODE_ENABLED))
    engine.set_register(x86.UC_X86_REG_CR0, CR0)
    engine.set_register(x86.UC_X86_REG_EAX, DATA)
    state = SavedState(engine)
    before = state.mode
    engine.run(scratch.RING0_CODE, 1 + len(loads) // 2)
    state.save()
    at = offsets(model)
    segments = {
        name: bytes(state.context.bytes[place : place + at.segment]) for name, place in (("cs", at.cs), ("ss", at.ss))
    }
    return LongSegments(segments["cs"], segments["ss"], state.mode & ~before, before & ~state.mode)


def is_long_mode(state: SavedState) -> bool:
    """Say whether a state's CPU is in long mode."""
    return bool(state.msr(EFER) & LONG_MODE)


def is_code(descriptor: int) -> bool:
    """Say whether a descriptor is one of 64-bit code of ring 0 that is present."""
    return descriptor & KIND == RING0_CODE
