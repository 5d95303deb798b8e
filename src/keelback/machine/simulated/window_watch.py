"""What a compiled kernel may have written to: the frames that its windows show, noted as they are opened.

Unicorn sees that code changes where it is written to by pages that can be executed.  Where page tables can forbid that,
windows and the kernel's other pages for data do.
"""

from typing import Any

from unicorn import UC_HOOK_MEM_WRITE

from keelback.kernel.kernel import Kernel
from keelback.kernel.x86.paging import PRESENT
from keelback.lang import PAGE_SHIFT, address_of
from keelback.machine.simulated.engine import Engine
from keelback.machine.simulated.kept import Kept

NUMBER = 0xF_FFFF
"""The bits of a frame's number: the machine has less than 4 GiB."""


class WindowWatch(Kept):
    """Notes what the windows of a kernel show, for `forget_code`."""

    KEPT = ("_frames",)

    def __init__(self, engine: Engine, kernel: Kernel) -> None:
        layout, table = kernel.layout, kernel.spaces.access.window_table
        self._engine = engine
        self._frames: set[int] = set()
        self._outside: list[tuple[int, int]] = []
        """Where the kernel may have written at any time without a window: all of RAM but its text."""
        if not layout.paging.no_execute:
            return
        if table is None:
            self._outside = [(0, layout.kernel_start), (layout.text_end, engine.ram_size)]
        else:
            size = layout.paging.entry_size
            start = address_of(table) + layout.paging.table.index(layout.windows) * size
            engine.uc.hook_add(UC_HOOK_MEM_WRITE, self._note, None, start, start + layout.window_count * size - 1)

    def _note(self, _uc: Any, _access: int, _address: int, _size: int, value: int, _data: Any) -> None:
        """Note the frame that an entry shows; the other half of an entry is never odd."""
        if value & PRESENT:
            self._frames.add(value >> PAGE_SHIFT & NUMBER)

    def forget_code(self) -> None:
        """Forget what was translated from frames that the kernel may have written to since the last time."""
        if self._outside:
            self._engine.forget_memory(self._outside)
        elif self._frames:
            self._engine.forget_frames(self._frames)
            self._frames.clear()
