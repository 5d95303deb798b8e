"""Files that Keelback keeps something in: one form, and one door that all of them come in by.

    ┬ magic      of the kind: `Keelback machine`, `Keelback run`, and a line end
    ┼ sizes      of the header, 4 bytes, and of the body, 8 bytes, little-endian
    ┼ SHA-256    of the sizes, the body and the header
    ┼ header     JSON: the format's number, and facts that each kind declares with what they may be
    ┼ body       zlib, whose unpacked size follows from the header
    ┴

Anybody may have written such a file.
1. Only a regular file is read, and nobody is waited for.
2. Nothing that the header says is believed before the digest of the whole file is found right; then every fact is
   checked, and none besides those declared is there.
3. The body is unpacked in pieces, so that a file that lies, digest and all, costs what its header says at most.
"""

from keelback.inspect.kept.form import BadKeptFile, Kind
from keelback.inspect.kept.reading import Body, opened
from keelback.inspect.kept.writing import write_kept

__all__ = ["BadKeptFile", "Body", "Kind", "opened", "write_kept"]
