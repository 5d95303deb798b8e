"""A machine's memory at one moment: processes, spaces, mappings both ways, and frames, for whoever shows or checks it.

    Snapshot ─┬─ processes[pid] ── threads, regions, libraries, pages()
              ├─ spaces, libraries ── tables, user, regions
              ├─ frames[number] ── role, owner, references, pages: who shows it
              └─ walk(pid, address) ── each level's entry

All is read, when it is first asked for, from RAM of any machine: simulated, QEMU's, or a file's bytes.  A snapshot is
true as long as the machine stands still.
"""

from keelback.inspect.snapshot.snapshot import Snapshot

__all__ = ["Snapshot"]
