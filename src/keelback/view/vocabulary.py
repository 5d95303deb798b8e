"""The words and numbers of the memory map as plain data, for a reader that has no Python: glyphs, styles, meanings."""

from enum import IntEnum
from typing import Any

from keelback.abi.calls import COUNT, NUMBER, REGISTERS, RIGHTS, SIZE, Form, known_calls
from keelback.abi.handles import WITH_RECORD
from keelback.inspect.doings import DOING
from keelback.inspect.events import DEVICES
from keelback.inspect.snapshot.frames import ROLES
from keelback.inspect.snapshot.regions import KINDS
from keelback.inspect.snapshot.walks import LETTERS
from keelback.kernel.memory.frames import OWNER_BITS, PINNED, Role
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.processes.processes import Ending, ProcessState
from keelback.kernel.processes.threads import ThreadState
from keelback.kernel.x86.paging import EXECUTE
from keelback.kernel.x86.vectors import SYSTEM_CALL, TIMER, VECTOR_NAMES, Vector
from keelback.view import cells, frame_cells, owners, page_tale, virtual, words
from keelback.view.cells import Cell, Style

CELLS = ("FREE", "FREE_OF_ZONE", "NOTHING", "KERNEL", "KERNEL_TABLE", "RESERVED", "NOT_YET", "GUARD")
CPU_REGISTERS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
"""In the order of their numbers in instructions, which v86 keeps them in."""
ENUMS: tuple[type[IntEnum], ...] = (Role, RegionKind, ProcessState, ThreadState, Ending)


def vocabulary() -> dict[str, Any]:
    """Return the names, each with its numbers or words."""
    constants: dict[str, Cell] = {name: getattr(cells, name) for name in CELLS}
    names = {cell: name for name, cell in constants.items()}
    return {
        "numbers": {each.__name__: {member.name: member.value for member in each} for each in ENUMS},
        "ownerBits": OWNER_BITS,
        "pinned": PINNED,
        "execute": EXECUTE,
        "styles": {"PLAIN": 0} | {str(style.name): style.value for style in Style},
        "styleMeanings": {style.value: means for style, means in words.STYLES.items()},
        "readOnly": words.READ_ONLY,
        "loud": [style.value for style in words.LOUD],
        "cells": {name: [cell.glyph, cell.style.value] for name, cell in constants.items()},
        "fixed": {int(role): names[cell] for role, cell in frame_cells.FIXED.items()},
        "roleGlyphs": {int(role): glyph for role, glyph in frame_cells.GLYPHS.items()},
        "roles": {int(role): said for role, said in ROLES.items()},
        "glyphs": words.GLYPHS,
        "owners": owners.GLYPHS,
        "tooMany": owners.TOO_MANY,
        "kernelPart": virtual.KERNEL_PART,
        "guarded": virtual.GUARDED,
        "alike": {names[cell]: said.split(maxsplit=1)[1] for cell, said in virtual.SAID.items()},
        "regionKinds": {int(kind): said for kind, said in KINDS.items()},
        "doing": {int(state): DOING.get(state, state.name.lower()) for state in ThreadState},
        "endings": {int(ending): ending.name.lower().replace("_", " ") for ending in Ending},
        "rights": page_tale.RIGHTS,
        "onTouch": page_tale.ON_TOUCH,
        "never": page_tale.NEVER,
        "mostPages": page_tale.MOST_PAGES,
        "flagNames": page_tale.FLAGS,
        "vectors": {
            "systemCall": SYSTEM_CALL,
            "pageFault": int(Vector.PAGE_FAULT),
            "timer": TIMER,
            "devices": DEVICES,
            "names": [str(each) for each in VECTOR_NAMES],
        },
        "calls": _calls(),
        "running": [int(ThreadState.READY), int(ThreadState.RUNNING)],
        "flags": [[letter, bit & 0xFFFF_FFFF, bit >> 32] for bit, letter in LETTERS.items()],
    }


def _calls() -> dict[str, Any]:
    """Return the system calls by number, and in which of the CPU's registers they have what."""
    known = {
        call.number: {
            "name": call.name,
            "arguments": [_form(each) for each in call.arguments.values()],
            "mark": WITH_RECORD if call.carries else 0,
        }
        for call in known_calls()
    }
    return {"known": known, "number": CPU_REGISTERS.index("eax"), "arguments": [*map(CPU_REGISTERS.index, REGISTERS)]}


def _form(form: object) -> str:
    """Return how an argument is shown."""
    if not isinstance(form, Form) or form not in (NUMBER, COUNT, SIZE, RIGHTS):
        return "address"
    return "signed" if form == NUMBER else "unsigned"
