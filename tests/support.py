"""What many tests need: programs, images and machines in a line each."""

import struct
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from keelback.image.c_options import NO_C_OPTIONS, COptions
from keelback.image.images import make_image
from keelback.image.payload import make_payload
from keelback.image.programs import build_program, build_programs
from keelback.image.toolchain import I386, NO_WARNINGS, TARGETS, Target
from keelback.inspect.lens import walker_of
from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import MICROKERNEL, Layout
from keelback.lang import PAGE_SHIFT
from keelback.machine.simulated.boot_loader import BiosEntry
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.machine.simulated.pc import SimulatedPc
from keelback.user import PROGRAMS, RUNTIME

MIB = 1 << 20
EXECUTE, WRITE, READ = 1, 2, 4


@cache
def payload_programs(image_base: int = MICROKERNEL.image_base, target: Target = I386) -> dict[str, bytes]:
    """Return every C program of the payload, built, by name."""
    sources = sorted(PROGRAMS.glob("*.c"))
    return build_programs(sources, runtime=RUNTIME, image_base=image_base, flags=NO_WARNINGS, target=target)


def programs_of(layout: Layout) -> dict[str, bytes]:
    """Return every C program of the payload, built for a layout, by name."""
    return payload_programs(layout.image_base, TARGETS[layout.paging.word_bits])


@cache
def c_program(
    text: str,
    image_base: int = MICROKERNEL.image_base,
    options: COptions = NO_C_OPTIONS,
    target: Target = I386,
) -> bytes:
    """Return the ELF file of a C program given as text; `keelback.h` is included for it."""
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "program.c")
        source.write_text('#include "keelback.h"\n' + text)
        return build_program(source, runtime=RUNTIME, image_base=image_base, options=options, target=target)


def elf(parts: Sequence[tuple[int, int, bytes, int]], entry: int, **header: int) -> bytes:
    """Return an ELF file of parts (address, flags, content, size in memory); `header` overrides header fields."""
    fields = {
        "magic": 0x464C457F, "bits": 1, "byte_order": 1, "type": 2, "machine": 3, "version": 1, "entry": entry,
        "segments": 52, "header_size": 52, "segment_size": 32, "segment_count": len(parts),
    } | header  # fmt: skip
    offset = 52 + 32 * len(parts)
    table, content = b"", b""
    for address, flags, data, size in parts:
        table += struct.pack("<8I", 1, offset + len(content), address, address, len(data), size, flags, 4096)
        content += data
    return (
        struct.pack("<IBB10x", fields["magic"], fields["bits"], fields["byte_order"])
        + struct.pack("<HHIII", *(fields[name] for name in ("type", "machine", "version", "entry", "segments")))
        + struct.pack(
            "<IIHHHHHH", 0, 0, fields["header_size"], fields["segment_size"], fields["segment_count"], 0, 0, 0
        )
        + table
        + content
    )


def wide_elf(parts: Sequence[tuple[int, int, bytes, int]], entry: int, **header: int) -> bytes:
    """Return the same of 64 bits."""
    fields = {
        "magic": 0x464C457F, "bits": 2, "byte_order": 1, "type": 2, "machine": 62, "version": 1, "entry": entry,
        "segments": 64, "sections": 0, "flags": 0, "size": 64, "segment_size": 56,
        "segment_count": len(parts),
    } | header  # fmt: skip
    offset, table, content = 64 + 56 * len(parts), b"", b""
    for address, flags, data, size in parts:
        place = offset + len(content)
        table += struct.pack("<2I6Q", 1, flags, place, address, address, len(data), size, 4096)
        content += data
    return struct.pack("<IBB10xHHI3QI3H6x", *fields.values()) + table + content


def code_program(code: bytes | str, base: int = MICROKERNEL.image_base, word_bits: int = 32) -> bytes:
    """Return an ELF file of bare machine code (bytes or hexadecimal), entered at its first byte."""
    data = bytes.fromhex(code) if isinstance(code, str) else code
    return (elf if word_bits == 32 else wide_elf)([(base, READ | EXECUTE, data, len(data))], base)


def make_pc(
    *init: str,
    programs: Mapping[str, bytes] | None = None,
    memory: int = 8 * MIB,
    check: bool = True,
    memory_map: tuple[BiosEntry, ...] | None = None,
    layout: Layout = MICROKERNEL,
) -> InterpretedPc:
    """Return a machine, not booted, that starts the given lines `name argument`.

    `programs` are in the payload, by name; without it, those of the payload are.
    """
    members = {"etc/init": "".join(line + "\n" for line in init).encode()}
    members |= programs_of(layout) if programs is None else dict(programs)
    image = make_image(layout, make_payload(members))
    return InterpretedPc(layout, image, memory=memory, check=check, memory_map=memory_map)


def run(*init: str, **options: object) -> InterpretedPc:
    """Boot a machine as `make_pc` makes it, run it to its end and return it."""
    pc = make_pc(*init, **options)  # type: ignore[arg-type]
    pc.boot()
    pc.run()
    return pc


def some_of(cells: Iterable[Any], chosen: Iterable[Any]) -> list[Any]:
    """Return parameters of a test: those that are chosen for every run, the others for the campaign."""
    for_every_run = [*chosen]
    return [
        each
        if each in for_every_run
        else pytest.param(*(each if isinstance(each, tuple) else (each,)), marks=pytest.mark.campaign)
        for each in cells
    ]


def sliced(cells: Iterable[Any], step: int) -> list[Any]:
    """Return parameters of a test: one of each `step` for every run, the others for the campaign."""
    every = [*cells]
    return some_of(every, every[::step])


FRAMES_OF_THE_KERNEL = (0, 7)
"""The user frames and zone frames in use when no process is alive, in 8 MiB: the kernel's page
directory and four tables, the frame of zeros, and the idle thread's stack.  Without slots for kernel stacks there are
three tables less."""


def frames_used(pc: SimulatedPc) -> tuple[int, int]:
    """Return how many user frames and how many frames of the kernel zone are in use, but for a stack that is left."""
    counts = pc.kernel.memory.frames.counts
    left = int(pc.kernel.first_cpu.left_stack != 0)
    return counts.user_total - counts.user_free, counts.kernel_total - counts.kernel_free - left


def frame_at(kernel: Kernel, directory: int, address: int) -> int:
    """Return the frame that a space has at an address, 0 for none; like all of the tests', by a walk of its own."""
    page = walker_of(kernel).walk(directory << PAGE_SHIFT, address)
    return page.frame if page else 0


def entry_at(kernel: Kernel, directory: int, address: int) -> int:
    """Return what the entries for an address say together, as one entry; 0 when it is not mapped."""
    page = walker_of(kernel).walk(directory << PAGE_SHIFT, address)
    return page.frame << PAGE_SHIFT | page.flags if page else 0


def entry_place(kernel: Kernel, directory: int, address: int) -> int:
    """Return where the entry of the lowest table for an address lies; the table is there."""
    walker = walker_of(kernel)
    *_, table = walker.tables(directory << PAGE_SHIFT, address, address + 1)
    return table.place + (address - table.base >> PAGE_SHIFT) * walker.scheme.entry_size


def stack_frame(kernel: Kernel, thread: int) -> int:
    """Return the frame that a thread's kernel stack ends in."""
    last = kernel.threads.table[thread].kernel_stack - 1
    return frame_at(kernel, kernel.spaces.kernel.directory, last)


def console(pc: SimulatedPc) -> list[str]:
    """Return the lines on the console, without the kernel's greeting."""
    return pc.console.decode().splitlines()[1:]
