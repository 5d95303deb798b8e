"""A saved machine: the kept file of a machine at one moment.

    header    build, layout, records, memory, machine, stands, time, traps, console
    body      the console, then runs of pages that are not all zero, each behind its first page and how many it has,
              8 bytes each; a run of none ends it

A page that is all zero takes nothing, in the file or in memory.  A file that lies costs no more memory than the machine
that it says it is, which has at most what its layout can use.
"""

from keelback.inspect.saved.reading import read_moment
from keelback.inspect.saved.writing import write_moment

__all__ = ["read_moment", "write_moment"]
