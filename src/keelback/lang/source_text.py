"""The text of a source in Python, which is UTF-8: all that read a file read the same.

Source: PEP 263, by which Python itself reads a file as one of its first two lines says.
"""

import re

OTHER_CODING = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*(?!utf[-_]?8\b)[-\w.]", re.IGNORECASE | re.ASCII)
CODING_LINES = 2


def text_of_source(data: bytes, path: str) -> str:
    """Return the text of a file.

    Raises: SyntaxError, with the line, when it is not UTF-8, or says that it is not, or has a zero byte.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        said = f"the byte {data[error.start]:#x} is not UTF-8; save the file as UTF-8"
        raise _wrong(said, path, data.count(b"\n", 0, error.start) + 1) from None
    for line, content in enumerate(text.split("\n")[:CODING_LINES], 1):
        if OTHER_CODING.match(content):
            raise _wrong("a source is UTF-8, and this line says that it is not; take the line out", path, line)
    if (place := text.find("\0")) >= 0:
        raise _wrong("a source has no zero byte; take this one out", path, text.count("\n", 0, place) + 1)
    return text


def _wrong(said: str, path: str, line: int) -> SyntaxError:
    return SyntaxError(said, (path, line, 1, None))
