"""The translation cache of a CPU, as the manual allows it to be: what no emulator shows of missing invalidations.

Source: Intel SDM volume 3, sections 4.10 (caching of translations) and 4.4.1 (the registers of PAE paging).
"""

from keelback.inspect.walk import ACCESSED, GLOBAL, NO_EXECUTE, PAGE_SHIFT, PRESENT, USER, WRITABLE, Translation, Walker
from keelback.lang import Panic
from keelback.machine.simulated.kept import Kept


class TlbModel(Kept):
    """A translation cache that keeps everything it may, by pages of 4 KiB.

    An entry stays until it is invalidated, its space is left (if it is not global) or the model is told to check: then
    an entry that the page tables no longer bear out is a panic.  So is a change of the four entries of PAE's first
    level, which the CPU has loaded and does not look at again.
    """

    KEPT = "walker", "directory", "cached", "pointers", "_entries"

    def __init__(self, walker: Walker) -> None:
        self.walker = walker
        self.directory = 0
        self.cached: dict[int, Translation] = {}
        self.pointers: tuple[int, ...] = ()
        self._entries = memoryview(b"")
        """The same in RAM, as they are now."""

    def load_directory(self, directory: int) -> None:
        """Do what a write to cr3 does: forget all but the global translations."""
        self.directory = directory
        self.cached = {page: entry for page, entry in self.cached.items() if entry.flags & GLOBAL}

    def load_pointers(self) -> tuple[int, ...]:
        """Load the entries of the first level, where its scheme has the CPU keep them; return them."""
        scheme = self.walker.scheme
        first = scheme.levels[0]
        size = 0 if first.has_rights else scheme.entry_size << first.bits
        self._entries = self.walker.read(self.directory & scheme.root, size).cast(scheme.format)
        self.pointers = tuple(self._entries)
        return self.pointers

    def _check_pointer(self, number: int) -> None:
        """Check that the CPU has an entry of the first level as the table has it.  Raises: Panic."""
        loaded, now = self.pointers[number], self._entries[number]
        if loaded != now and (loaded | now) & PRESENT:
            change = f"the CPU has {loaded:#x}, the table {now:#x}"
            raise Panic(f"page-directory pointer {number} was changed without a load of cr3: {change}")

    def invalidate_page(self, address: int) -> None:
        """Do what `invlpg` does: forget the translation of one page."""
        self.cached.pop(address >> PAGE_SHIFT, None)

    def use(self, address: int) -> Translation:
        """Translate an address that the kernel uses.

        Raises: Panic when it is not mapped, or when the cached translation is not what the page tables say.
        """
        if self.pointers:
            self._check_pointer(address >> self.walker.scheme.levels[0].shift)
        page = address >> PAGE_SHIFT
        now = self.walker.walk(self.directory, address)
        cached = self.cached.get(page)
        if now is not None and now is cached:
            return now
        if cached is not None and (now is None or not cached.allows_as(now)):
            raise Panic(_stale(page, cached, now))
        if now is None:
            raise Panic(f"the kernel used {address:#010x}, which is mapped nowhere")
        self.cached[page] = now
        return now

    def after_user_mode(self) -> None:
        """Cache what the CPU may have cached: every user translation whose accessed bit is set."""
        for each in self.walker.pages(self.directory, having=USER | ACCESSED):
            self.cached.setdefault(each.page >> PAGE_SHIFT, each)

    def before_user_mode(self) -> None:
        """Check that user mode finds no stale translation.  Raises: Panic naming the page, or the pointer."""
        for number in range(len(self.pointers)):
            self._check_pointer(number)
        for page, cached in self.cached.items():
            now = self.walker.walk(self.directory, page << PAGE_SHIFT)
            if now is not cached and (now is None or not cached.allows_as(now)):
                raise Panic(_stale(page, cached, now))


def _stale(page: int, cached: Translation, now: Translation | None) -> str:
    where = f"page {page << PAGE_SHIFT:#010x} was changed without invalidation"
    return f"{where}: the TLB has {_text(cached)}, the table {_text(now)}"


def _text(translation: Translation | None) -> str:
    if translation is None:
        return "nothing"
    who, how = translation.flags & USER, translation.flags & WRITABLE
    fetch = ", no-execute" if translation.flags & NO_EXECUTE else ""
    return f"frame {translation.frame:#x} {'user ' if who else ''}{'writable' if how else 'read-only'}{fetch}"
