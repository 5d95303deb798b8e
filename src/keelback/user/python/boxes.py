"""Draws coloured boxes, each inside the one before, by libgfx."""

from keelback.abi.records import ArgumentText
from keelback.lang import Ram, Region, i32, u32, word
from keelback.user.calls import Kernel
from keelback.user.libraries.libgfx import Gfx
from keelback.user.library import Link
from keelback.user.system import Program, failed

MOST_BOXES = 6


class Boxes(Program):
    """Each process has a place of its own on the screen, by its id, and its own count of calls."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.gfx = Link(ram, records, self.system, Gfx)
        self.title = records.struct(ArgumentText)

    def main(self, argument: word) -> i32:
        """Draw as many boxes as the argument says, at most 6, else 3."""
        boxes: u32 = min(self.number(argument, 3), MOST_BOXES)
        library: u32 = self.gfx.load()
        if failed(library):
            self.output.write("boxes: libgfx is not there, or not whole\n")
            return 1
        left: u32 = 2 + self.system.getpid() % 3 * 26
        for index in range(boxes):
            self.gfx.calls.colour(7, 1 + index)
            self.gfx.calls.box(2 + index, left + 2 * index, 14 - 2 * index, 24 - 4 * index)
        self.title.text.set_text("libgfx")
        self.gfx.calls.text(2, left + 2, self.title)
        calls: u32 = self.gfx.calls.calls()
        self.system.unload_library(library)
        self.output.write(f"\nboxes: calls: {calls}\n")
        return 0


PROGRAM = Boxes
