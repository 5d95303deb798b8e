"""Stray interrupts: those that nobody asked for are counted, told once, and hurt nobody.

Non-maskable ones come at any moment, in the middle of the entry code too.  That counts them in RAM and goes on, on
whatever stack there is; they are told at the next tick.  The others come to the kernel as any interrupt does: spurious
ones of the interrupt controllers, of a local APIC, of what firmware left running.

Source: Intel SDM volume 3, sections 6.3.1 (interrupts), 6.7 (non-maskable), 6.15 (exceptions), 10.9 (spurious).
"""

from keelback.kernel.devices.console import Console
from keelback.kernel.x86.vectors import Vector
from keelback.lang import Array, Component, Region, Struct, inline, u32


class StrayCounts(Struct):
    """How often each vector came unasked, modulo 2^32; all zero means never.  Entry code finds it at `text_end`."""

    counts: Array[u32] = inline(256)
    told: bool  # that there was a non-maskable one


class Strays(Component):
    """Counts stray interrupts and tells of them."""

    def __init__(self, records: Region) -> None:
        self.record = records.struct(StrayCounts)

    def take(self, vector: u32, console: Console) -> None:
        """Count one that came to the kernel, and tell of the first of its kind."""
        counts = self.record.counts
        counts[vector] = (counts[vector] + 1) & 0xFFFF_FFFF
        if counts[vector] == 1:
            console.write(f"keelback: interrupt {vector} came unasked; counted and ignored from now on\n")

    def forget_non_maskable(self) -> bool:
        """Start the count of non-maskable ones again; return whether there was any."""
        came = self.record.counts[Vector.NON_MASKABLE] != 0
        self.record.counts[Vector.NON_MASKABLE] = 0
        return came

    def tell(self, console: Console) -> None:
        """Tell of the first non-maskable one that entry code has counted."""
        if self.record.counts[Vector.NON_MASKABLE] != 0 and not self.record.told:
            self.record.told = True
            console.write("keelback: a non-maskable interrupt came; counted and ignored from now on\n")
