"""Programs as the machine gets them, and their debug data, which stays here: in the cache, found by the program."""

from collections.abc import Mapping
from hashlib import sha256

from keelback.image.cache import Entry, find, keep, key_of
from keelback.image.toolchain import PROGRAM_LINKER_FLAGS, Target, link_elf
from keelback.inspect.symbols import OwnElf

STRIPPED = "--strip-debug"


def link_with_debug_data(
    objects: Mapping[str, bytes], script: str, *, archive: Mapping[str, bytes], target: Target
) -> bytes:
    """Link a program without debug data, as `link_elf` does, and keep it with its debug data.  Raises: as that."""
    program = link_elf(objects, script, archive=archive, flags=PROGRAM_LINKER_FLAGS, target=target)
    flags = tuple(flag for flag in PROGRAM_LINKER_FLAGS if flag != STRIPPED)
    whole = link_elf(objects, script, archive=archive, flags=flags, target=target)
    keep(_key(program), Entry(whole, ""))
    return program


def with_debug_data(program: bytes) -> bytes:
    """Return a program as an `OwnElf` with its debug data; as it is where none is kept: it was built elsewhere."""
    entry = find(_key(program))
    return program if entry is None else OwnElf(entry.output)


def _key(program: bytes) -> str:
    return key_of("debug data", sha256(program).hexdigest())
