"""The errors of system calls: one class, one number, one sentence each."""

from keelback.lang import KernelError


class UnknownCall(KernelError):
    """There is no system call of that number."""

    number = -1


class BadAddress(KernelError):
    """The memory is not the caller's to use."""

    number = -2


class BadArgument(KernelError):
    """An argument is out of range."""

    number = -3


class OutOfMemory(KernelError):
    """There is not enough memory."""

    number = -4


class NoProcessSlot(KernelError):
    """The process table is full."""

    number = -5


class NoSuchProgram(KernelError):
    """There is no program of that name in the payload."""

    number = -6


class NotExecutable(KernelError):
    """The file is not a program that this machine can run."""

    number = -7


class TooManyRegions(KernelError):
    """The process has too many memory regions."""

    number = -8


class NoSuchProcess(KernelError):
    """There is no such process."""

    number = -9


class NotPermitted(KernelError):
    """That is not the caller's to do."""

    number = -10


class NoChild(KernelError):
    """There is no child to wait for."""

    number = -11


class NoRoom(KernelError):
    """There is no room of that size in the address space."""

    number = -12


class NoSuchLibrary(KernelError):
    """There is no library of that name in the payload."""

    number = -13


class NotALibrary(KernelError):
    """The file is not a library that this machine can map."""

    number = -14


class TooManyLibraries(KernelError):
    """No more libraries can be loaded, or mapped by the process."""

    number = -15


class TimedOut(KernelError):
    """The deadline came first."""

    number = -16


class NoSuchThread(KernelError):
    """The process has no such thread that can be joined."""

    number = -17


class NoThreadSlot(KernelError):
    """The thread table is full."""

    number = -18


class BadHandle(KernelError):
    """The process has no such handle, or it names another kind of thing."""

    number = -19


class Closed(KernelError):
    """The endpoint is closed: nobody can receive there."""

    number = -20


class NoReply(KernelError):
    """Nobody can reply any more."""

    number = -21


class TooManyHandles(KernelError):
    """The process has too many handles."""

    number = -22


class NoEndpointSlot(KernelError):
    """The table of endpoints is full."""

    number = -23


class TooLarge(KernelError):
    """The message has more than there is room for."""

    number = -24


class NoObjectSlot(KernelError):
    """The table of memory objects is full."""

    number = -25
