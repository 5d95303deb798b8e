"""Text: the sinks where kernel code writes words and numbers, and what the host reads."""

from keelback.lang.array import Array
from keelback.lang.component import Component
from keelback.lang.integers import u8


class TextSink(Component):
    """Something that takes text byte by byte; a subclass says where to in `put`."""

    def put(self, byte: u8) -> None:
        """Take one byte."""
        raise NotImplementedError

    def put_printable(self, byte: u8) -> None:
        """Take one byte of a text that somebody else wrote: what is not printable ASCII becomes `?`."""
        self.put(byte if ord(" ") <= byte <= ord("~") else ord("?"))

    def write(self, text: str) -> None:
        """Write a text constant or an f-string of them and integers (`{n}`, `{n:x}`, `{n:#010x}`)."""
        for byte in text.encode("ascii"):
            self.put(byte)


def text_of(name: Array[u8]) -> str:
    """Return a zero-terminated array of bytes as text; for the host, not for kernel code."""
    start = name._physical
    return bytes(name._ram.bytes[start : start + len(name)]).partition(b"\0")[0].decode("ascii", "replace")
