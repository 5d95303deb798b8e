"""The rooms that a layout has for the parts of an image, and how full they are.

text ┬ kernel_start: entry code, text, read-only data
places ┼ places: source lines, for panics
records ┼ text_end: static records; the entry stack behind them is no part of it
payload ┼ records_end: programs; what the kernel needs at least when it starts lies behind them
"""

from dataclasses import dataclass

from keelback.image.images import most_payload, places_of
from keelback.image.kernel_image import CompiledKernel
from keelback.image.linked import text_of
from keelback.image.live_kernels import kernel_of
from keelback.kernel.layout import Layout


@dataclass(frozen=True)
class Room:
    """A part's room: bytes that the part takes, and bytes that there are."""

    name: str
    taken: int
    size: int

    @property
    def free(self) -> int:
        """Return the bytes that are left."""
        return self.size - self.taken


def rooms_of(layout: Layout, compiled: CompiledKernel, payload_size: int) -> tuple[Room, ...]:
    """Return the rooms of an image with a compiled kernel and so many bytes of payload, lowest first.

    Raises: ToolchainError; ImageTooLarge.
    """
    return (
        Room("text", len(text_of(layout, compiled)), layout.places - layout.kernel_start),
        Room("places", len(places_of(layout, compiled)), layout.text_end - layout.places),
        Room("records", records_size(layout), layout.records_limit - layout.text_end),
        Room("payload", payload_size, most_payload(layout)),
    )


def records_size(layout: Layout) -> int:
    """Return how many bytes the kernel's static records take."""
    _, ram = kernel_of(layout)
    ends = (each.end for each in ram.records if layout.text_end <= each.address < layout.records_limit)
    return max(ends) - layout.text_end
