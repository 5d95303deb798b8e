"""Libraries that are loaded, each once, whoever maps it."""

from keelback.inspect.snapshot.spaces import Space
from keelback.kernel.loading.loaded_libraries import Library
from keelback.lang import text_of


class LoadedLibrary:
    """One library; `size` bytes behind its link page, and `users`: how many processes map it."""

    def __init__(self, record: Library, space: Space) -> None:
        self.record = record
        self.space = space
        self.name = text_of(record.name)
        self.size = record.size
        self.users = record.users

    def __repr__(self) -> str:
        mapped = f"{self.users} process{'es' * (self.users != 1)}"
        return f"<library {self.name}: {len(self.frames)} frames, mapped by {mapped}>"

    @property
    def frames(self) -> list[int]:
        """Return its frames, by their pages."""
        return [each.frame for each in self.space.user]
