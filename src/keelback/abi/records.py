"""The records that the kernel and programs share."""

from keelback.lang import Array, Struct, i32, inline, u8, u32, u64, word

LONGEST_ARGUMENT = 256
"""Bytes of an argument, the zero at its end included."""

NAME_SIZE = 32
"""Bytes of a program's name, zeros behind it included."""

EXITED, FAULTED, KILLED = 1, 2, 3
IS_READY, IS_ASLEEP, IS_WAITING, HAS_ENDED = 1, 2, 3, 4
ANY_CHILD = 0xFFFF_FFFF
"""The id that `wait` takes for any child: -1, which stubs pass on as wide as a register."""


MOST_GIVEN = 16
"""How many handles `spawn_with` gives at most."""


class ArgumentText(Struct):
    """A text that ends with a zero, as the argument lies at the top of the stack."""

    text: Array[u8] = inline(LONGEST_ARGUMENT)


class Ending(Struct):
    """How a child ended."""

    how: u32  # EXITED, FAULTED or KILLED
    status: i32  # what it exited with; the vector of its fault; who killed it


class FrameCounts(Struct):
    """How many page frames there are, who owns those in use, and how many are promised."""

    kernel_free: u32  # of the kernel zone
    kernel_total: u32
    user_free: u32
    user_total: u32
    processes: u32  # from here on those in use, by owner
    kernel: u32
    tables: u32  # page tables, and nodes of regions and handles
    libraries: u32
    zero: u32
    console: u32  # the screen's
    shared: u32  # of several processes, or of memory objects
    reserved: u32
    kernel_promised: u32  # neither free nor in use: pages that are there may still need them
    user_promised: u32


class Uptime(Struct):
    """How long the kernel has run."""

    ticks: u64  # of 10 ms; 64 bits on every machine, so that it never starts again


class ProcessFacts(Struct):
    """What there is to tell of a process."""

    parent: i32  # its process id; 0: the kernel started it; -1: it is nobody's child
    state: u32  # IS_READY, IS_ASLEEP, IS_WAITING or HAS_ENDED
    name: Array[u8] = inline(NAME_SIZE)  # of its program, zero-padded


class HandleList(Struct):
    """The numbers of handles that are given to a child."""

    numbers: Array[u32] = inline(MOST_GIVEN)


class Words(Struct):
    """A message of words, which registers carry; the kernel itself never looks here."""

    first: word
    second: word
    third: word
    badge: word  # what came: that of the handle through which it was sent


class Message(Struct):
    """A message that has more than words, and the room for one that comes."""

    first: word  # these four as in a message of words
    second: word
    third: word
    badge: word
    data: word  # the address of the bytes that are sent
    buffer: word  # the address of the room for those that come
    length: u32  # how many bytes are sent, at most 4,096; afterwards how many came
    room: u32  # how many there is room for, at most 4,096
    handle: u32  # a handle that is given, 0: none; afterwards the one that came
    rights: u32  # those that it is given with, 0: all that it has
    deadline: u32  # how many ticks to wait at most, FOR_EVER or NO_WAIT
    most_pages: u32  # how many pages may come, at most 1,024
    page_count: u32  # how many pages are moved, at most 1,024; afterwards how many came
    pages: word  # the address of the first that is moved; afterwards of the first that came
    place: word  # where those that come go, 0: where there is room


class CamePages(Struct):
    """The fields of `Message` that the kernel writes where pages came."""

    page_count: u32
    pages: word


RECORDS = (Ending, FrameCounts, Uptime, ProcessFacts, Words, Message)
"""Those that programs have in common with the kernel; `calls.h` declares them."""
