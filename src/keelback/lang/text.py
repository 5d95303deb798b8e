"""Text sinks: where kernel code writes words and numbers."""

from keelback.lang.component import Component
from keelback.lang.integers import u8


class TextSink(Component):
    """Something that takes text byte by byte; a subclass says where to in `put`."""

    def put(self, byte: u8) -> None:
        """Take one byte."""
        raise NotImplementedError

    def write(self, text: str) -> None:
        """Write a text constant or an f-string of them and integers (`{n}`, `{n:x}`, `{n:#010x}`)."""
        for byte in text.encode("ascii"):
            self.put(byte)
