"""What a request to the kernel can fail with: the errors that programs know."""

from keelback.abi.errors import (
    BadAddress,
    BadArgument,
    NoChild,
    NoProcessSlot,
    NoRoom,
    NoSuchLibrary,
    NoSuchProcess,
    NoSuchProgram,
    NotALibrary,
    NotExecutable,
    NotPermitted,
    OutOfMemory,
    TooManyLibraries,
    TooManyRegions,
    UnknownCall,
)

__all__ = [
    "BadAddress",
    "BadArgument",
    "NoChild",
    "NoProcessSlot",
    "NoRoom",
    "NoSuchLibrary",
    "NoSuchProcess",
    "NoSuchProgram",
    "NotALibrary",
    "NotExecutable",
    "NotPermitted",
    "OutOfMemory",
    "TooManyLibraries",
    "TooManyRegions",
    "UnknownCall",
]
