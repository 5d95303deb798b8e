"""Programs as the machine gets them, and their debug data, which stays here: in the cache, found by the program."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from keelback.image.cache import Entry, find, keep, key_of
from keelback.image.toolchain import PROGRAM_LINKER_FLAGS, Target, link_elf
from keelback.inspect.symbols import OwnElf

STRIPPED = "--strip-debug"


def link_with_debug_data(
    objects: Mapping[str, bytes],
    script: str,
    *,
    archive: Mapping[str, bytes],
    target: Target,
    flags: Sequence[str] = (),
) -> bytes:
    """Link a program without debug data, as `link_elf` does, and keep it with its debug data.  Raises: as that."""
    flags = (*PROGRAM_LINKER_FLAGS, *flags)
    program = link_elf(objects, script, archive=archive, flags=flags, target=target)
    whole = [flag for flag in flags if flag != STRIPPED]
    keep_debug_data(program, link_elf(objects, script, archive=archive, flags=whole, target=target))
    return program


def keep_debug_data(program: bytes, whole: bytes) -> None:
    """Keep the file that has a program's debug data, to be found by the program."""
    keep(_key(program), Entry(whole, ""))


def with_debug_data(program: bytes) -> bytes:
    """Return a program as an `OwnElf` with its debug data; as it is where none is kept: it was built elsewhere."""
    entry = find(_key(program))
    return program if entry is None else OwnElf(entry.output)


def _key(program: bytes) -> str:
    return key_of("debug data", sha256(program).hexdigest())
