"""The text of a source in Python, which is UTF-8: all that read a file read the same.

Source: PEP 263, by which Python itself reads a file as one of its first two lines says.
"""

import re

OTHER_CODING = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*(?!utf[-_]?8\b)[-\w.]", re.IGNORECASE)
CODING_LINES = 2


def text_of_source(data: bytes, path: str) -> str:
    """Return the text of a file.  Raises: SyntaxError, with the line, when it is not UTF-8 or says that it is not."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        said = f"the byte {data[error.start]:#x} is not UTF-8; save the file as UTF-8"
        raise SyntaxError(said, (path, line, 1, None)) from None
    for line, said_there in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:CODING_LINES], 1):
        if OTHER_CODING.match(said_there):
            said = "a source is UTF-8, and this line says that it is not; take the line out"
            raise SyntaxError(said, (path, line, 1, None))
    return text
