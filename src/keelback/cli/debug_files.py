"""Programs with their debug data, which is looked for when somebody asks."""

from collections.abc import Iterator, Mapping

from keelback.image.debug_data import with_debug_data


class WithDebugData(Mapping[str, bytes]):
    """The ELF files of programs by name, each with its debug data where that is kept."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._found: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        if name not in self._found:
            self._found[name] = with_debug_data(self._files[name])
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)
