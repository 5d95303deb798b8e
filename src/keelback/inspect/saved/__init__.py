"""A saved machine: the file that a machine at one moment is kept in.

    0x00 ┬ magic           `Keelback machine`, a line end
    0x11 ┼ sizes           of the header, 4 bytes, and of the body, 8 bytes, little-endian
    0x1d ┼ SHA-256         of the sizes, the body and the header
    0x3d ┼ header          JSON: format, build, layout, records, memory, machine, stands, time, traps, console
         ┼ body            zlib: the console, then runs of pages that are not all zero, each behind its first page and
         ┴                 how many it has, 8 bytes each; a run of none ends it

A page that is all zero takes nothing, in the file or in memory.
1. Nothing that the header says is believed before the digest of the whole file is found right.
2. A file that lies, digest and all, costs no more memory than the machine that it says it is, which has at most what
   its layout can use.
"""

from keelback.inspect.saved.form import BadSavedFile
from keelback.inspect.saved.reading import read_moment
from keelback.inspect.saved.writing import write_moment

__all__ = ["BadSavedFile", "read_moment", "write_moment"]
