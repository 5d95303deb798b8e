"""The system calls of programs in Kernel Python, a method each.

Made of keelback/abi by tests/refresh_abi.py; a test holds it to that.
"""

from typing import Protocol

from keelback.abi.records import ArgumentText, Ending, FrameCounts, HandleList, Message, ProcessFacts, Uptime, Words
from keelback.lang import Component, native, u32, word
from keelback.user.line import Line

CALL = 'word result; __asm__ volatile(KEELBACK_TRAP : "=a"(result) : '
LOST = ' : "dx", KEELBACK_LOST);'


class Kernel(Protocol):
    """What serves the system calls of a program that runs in CPython."""

    def serve(self, call: str, *arguments: object) -> int:
        """Serve a call by its name in Python; return its result."""
        ...


def served(kernel: Kernel | None) -> Kernel:
    """Return the kernel of a program that runs in CPython.  Raises: TypeError when it has none."""
    if kernel is None:
        raise TypeError("this program is only compiled: it has no kernel to call")
    return kernel


class Calls(Component):
    """The system calls; `System` makes those with an underscore, which leave the caller as it is no longer."""

    def __init__(self, kernel: Kernel | None) -> None:
        self.kernel = kernel

    @native(f'{CALL}"0"((word)1){LOST} return (u32)result;')
    def getpid(self) -> u32:
        """Return the process id of the caller."""
        return served(self.kernel).serve("getpid")

    @native(f'{CALL}"0"((word)2){LOST} return (u32)result;')
    def give_way(self) -> u32:
        """Run every other process that is ready before the caller goes on."""
        return served(self.kernel).serve("give_way")

    @native(f'{CALL}"0"((word)3), "b"((word)(i32)status){LOST} return (u32)result;')
    def _exit(self, status: u32) -> u32:
        """End the calling process."""
        return served(self.kernel).serve("exit", status)

    @native(f'{CALL}"0"((word)4), "b"(address), "S"(length){LOST} return (u32)result;')
    def puts(self, address: Line, length: word) -> u32:
        """Write bytes to the console at once; return how many, or an error."""
        return served(self.kernel).serve("puts", address, length)

    @native(f'{CALL}"0"((word)5), "b"((word)ticks){LOST} return (u32)result;')
    def sleep(self, ticks: u32) -> u32:
        """Wait for a number of timer ticks."""
        return served(self.kernel).serve("sleep", ticks)

    @native(f'{CALL}"0"((word)6){LOST} return (u32)result;')
    def _fork(self) -> u32:
        """Make a child that is as the caller; return its id, 0 in the child, or an error."""
        return served(self.kernel).serve("fork")

    @native(f'{CALL}"0"((word)7){LOST} return (u32)result;')
    def detach(self) -> u32:
        """Detach the caller from its parent."""
        return served(self.kernel).serve("detach")

    @native(f'{CALL}"0"((word)8), "b"(name), "S"(argument){LOST} return (u32)result;')
    def _exec(self, name: ArgumentText, argument: ArgumentText) -> u32:
        """Run another program of the payload instead of this one; return only if that failed."""
        return served(self.kernel).serve("exec", name, argument)

    @native(f'{CALL}"0"((word)9), "b"(name), "S"(argument){LOST} return (u32)result;')
    def _spawn(self, name: ArgumentText, argument: ArgumentText) -> u32:
        """Start a program of the payload as a child; return its id, or an error."""
        return served(self.kernel).serve("spawn", name, argument)

    @native(f'{CALL}"0"((word)10), "b"((word)(i32)id), "S"(ending){LOST} return (u32)result;')
    def wait(self, id: u32, ending: Ending) -> u32:
        """Wait until a child has ended, or any; return its id, or an error.  The ending may be 0."""
        return served(self.kernel).serve("wait", id, ending)

    @native(f'{CALL}"0"((word)11), "b"((word)(i32)id){LOST} return (u32)result;')
    def kill(self, id: u32) -> u32:
        """End the caller, or a process that descends from it."""
        return served(self.kernel).serve("kill", id)

    @native(f'{CALL}"0"((word)12), "b"(address){LOST} return (u32)result;')
    def page_alloc(self, address: word) -> u32:
        """Put a new page, zero and writable, at an address; what was there is freed."""
        return served(self.kernel).serve("page_alloc", address)

    @native(f'{CALL}"0"((word)13), "b"(address), "S"(length), "D"((word)permissions){LOST} return (word)result;')
    def map(self, address: word, length: word, permissions: u32) -> word:
        """Map zeros at an address, or where there is room (0); return the address, or an error."""
        return served(self.kernel).serve("map", address, length, permissions)

    @native(f'{CALL}"0"((word)14), "b"(address), "S"(length){LOST} return (u32)result;')
    def unmap(self, address: word, length: word) -> u32:
        """Free the pages of a range."""
        return served(self.kernel).serve("unmap", address, length)

    @native(f'{CALL}"0"((word)15), "b"(address), "S"(length), "D"((word)permissions){LOST} return (u32)result;')
    def protect(self, address: word, length: word, permissions: u32) -> u32:
        """Give the pages of a range other permissions."""
        return served(self.kernel).serve("protect", address, length, permissions)

    @native(f'{CALL}"0"((word)16), "b"(counts){LOST} return (u32)result;')
    def frame_counts(self, counts: FrameCounts) -> u32:
        """Count page frames."""
        return served(self.kernel).serve("frame_counts", counts)

    @native(f'{CALL}"0"((word)17), "b"(count){LOST} return (word)result;')
    def malloc_pages(self, count: word) -> word:
        """Take new pages of zeros in a row; return the address of the first, or an error."""
        return served(self.kernel).serve("malloc_pages", count)

    @native(f'{CALL}"0"((word)18), "b"(address), "S"(count){LOST} return (u32)result;')
    def free_pages(self, address: word, count: word) -> u32:
        """Give pages back that `malloc_pages` took."""
        return served(self.kernel).serve("free_pages", address, count)

    @native(f'{CALL}"0"((word)19), "b"(name){LOST} return (word)result;')
    def load_library(self, name: ArgumentText) -> word:
        """Map a library of the payload; return the address of its link page (`library.h`), or an error."""
        return served(self.kernel).serve("load_library", name)

    @native(f'{CALL}"0"((word)20), "b"(address){LOST} return (u32)result;')
    def unload_library(self, address: word) -> u32:
        """Unmap the library whose link page is at an address."""
        return served(self.kernel).serve("unload_library", address)

    @native(f'{CALL}"0"((word)21), "b"(uptime){LOST} return (u32)result;')
    def uptime(self, uptime: Uptime) -> u32:
        """Tell how long the kernel has run."""
        return served(self.kernel).serve("uptime", uptime)

    @native(f'{CALL}"0"((word)22), "b"(entry), "S"(stack), "D"(argument){LOST} return (u32)result;')
    def thread_create(self, entry: word, stack: word, argument: word) -> u32:
        """Start a thread at an address, on the stack that ends at another, with an argument in eax; return its id."""
        return served(self.kernel).serve("thread_create", entry, stack, argument)

    @native(f'{CALL}"0"((word)23), "b"(value){LOST} return (u32)result;')
    def _thread_exit(self, value: word) -> u32:
        """End the calling thread; the process, if it is the last."""
        return served(self.kernel).serve("thread_exit", value)

    @native(f'{CALL}"0"((word)24), "b"((word)(i32)id), "S"(value), "D"((word)ticks){LOST} return (u32)result;')
    def thread_join(self, id: u32, value: word, ticks: u32) -> u32:
        """Wait until a thread has ended, for a number of ticks or (0) for ever.  The address for its value may be 0."""
        return served(self.kernel).serve("thread_join", id, value, ticks)

    @native(f'{CALL}"0"((word)25), "b"((word)(i32)id){LOST} return (u32)result;')
    def thread_detach(self, id: u32) -> u32:
        """Detach a thread: nobody can join it, and it leaves nothing behind."""
        return served(self.kernel).serve("thread_detach", id)

    @native(f'{CALL}"0"((word)26){LOST} return (u32)result;')
    def thread_self(self) -> u32:
        """Return the thread id of the caller."""
        return served(self.kernel).serve("thread_self")

    @native(f'{CALL}"0"((word)27), "b"(address), "S"((word)value), "D"((word)ticks){LOST} return (u32)result;')
    def wait_on(self, address: word, value: u32, ticks: u32) -> u32:
        """Wait until the word at an address, if it has a value, is said to have changed; for ticks or (0) for ever."""
        return served(self.kernel).serve("wait_on", address, value, ticks)

    @native(f'{CALL}"0"((word)28), "b"(address), "S"((word)count){LOST} return (u32)result;')
    def wake(self, address: word, count: u32) -> u32:
        """Wake so many of those that wait on the word at an address."""
        return served(self.kernel).serve("wake", address, count)

    @native(f'{CALL}"0"((word)40), "b"(most){LOST} return (u32)result;')
    def endpoint_create(self, most: word) -> u32:
        """Make an endpoint, for messages of so many bytes at most, 0: of words; return a handle to it, or an error."""
        return served(self.kernel).serve("endpoint_create", most)

    @native(f'{CALL}"0"((word)41), "b"((word)handle){LOST} return (u32)result;')
    def endpoint_destroy(self, handle: u32) -> u32:
        """Close an endpoint for all: whoever waits there, or for a reply, is told so."""
        return served(self.kernel).serve("endpoint_destroy", handle)

    @native(f'{CALL}"0"((word)42), "b"((word)handle), "S"((word)rights), "D"(badge){LOST} return (u32)result;')
    def mint(self, handle: u32, rights: u32, badge: word) -> u32:
        """Make another handle to the same, with some of its rights and a badge, 0: its own; return it, or an error."""
        return served(self.kernel).serve("mint", handle, rights, badge)

    @native(f'{CALL}"0"((word)43), "b"((word)handle){LOST} return (u32)result;')
    def drop(self, handle: u32) -> u32:
        """Give a handle back; who waits for what it alone could do is told so."""
        return served(self.kernel).serve("drop", handle)

    @native("return (u32)keelback_send_words(44, handle, (word *)words);")
    def send(self, handle: u32, words: Words) -> u32:
        """Send a message, and wait until it is received."""
        return served(self.kernel).serve("send", handle, words)

    @native("return (u32)keelback_send(44, handle, (word *)message);")
    def send_message(self, handle: u32, message: Message) -> u32:
        """Do the same with more than words."""
        return served(self.kernel).serve("send_message", handle, message)

    @native("return (u32)keelback_words(45, handle, (word *)words);")
    def call(self, handle: u32, words: Words) -> u32:
        """Send a message, and wait for the reply."""
        return served(self.kernel).serve("call", handle, words)

    @native("return (u32)keelback_message(45, handle, (word *)message);")
    def call_message(self, handle: u32, message: Message) -> u32:
        """Do the same with more than words."""
        return served(self.kernel).serve("call_message", handle, message)

    @native("return (u32)keelback_words(46, handle, (word *)words);")
    def receive(self, handle: u32, words: Words) -> u32:
        """Wait for a message; return the handle to reply to, 0 where no reply is awaited, or an error."""
        return served(self.kernel).serve("receive", handle, words)

    @native("return (u32)keelback_message(46, handle, (word *)message);")
    def receive_message(self, handle: u32, message: Message) -> u32:
        """Do the same with more than words."""
        return served(self.kernel).serve("receive_message", handle, message)

    @native("return (u32)keelback_send_words(47, handle, (word *)words);")
    def reply(self, handle: u32, words: Words) -> u32:
        """Reply to a call; return 1 when nobody waits for it any more."""
        return served(self.kernel).serve("reply", handle, words)

    @native("return (u32)keelback_send(47, handle, (word *)message);")
    def reply_message(self, handle: u32, message: Message) -> u32:
        """Do the same with more than words."""
        return served(self.kernel).serve("reply_message", handle, message)

    @native("return (u32)keelback_words(48, handle | reply << 16, (word *)words);")
    def reply_receive(self, handle: u32, reply: u32, words: Words) -> u32:
        """Reply to a call, if the handle is not 0, and wait for the next message, as receive does."""
        return served(self.kernel).serve("reply_receive", handle, reply, words)

    @native("return (u32)keelback_message(48, handle | reply << 16, (word *)message);")
    def reply_receive_message(self, handle: u32, reply: u32, message: Message) -> u32:
        """Do the same with more than words."""
        return served(self.kernel).serve("reply_receive_message", handle, reply, message)

    @native(f'{CALL}"0"((word)49), "b"((word)handle), "S"(bits){LOST} return (u32)result;')
    def signal(self, handle: u32, bits: word) -> u32:
        """Set bits of an endpoint, which its next receiver takes."""
        return served(self.kernel).serve("signal", handle, bits)

    @native("return (u32)keelback_call(50, (word)name, (word)argument, (word)handles, (word)count);")
    def _spawn_with(self, name: ArgumentText, argument: ArgumentText, handles: HandleList, count: u32) -> u32:
        """Start a program as a child that has so many handles, in order from 1 on; return its id, or an error."""
        return served(self.kernel).serve("spawn_with", name, argument, handles, count)

    @native(f'{CALL}"0"((word)51), "b"((word)(i32)id){LOST} return (u32)result;')
    def process_handle(self, id: u32) -> u32:
        """Make a handle to the caller, or a process that descends from it; return it, or an error."""
        return served(self.kernel).serve("process_handle", id)

    @native(f'{CALL}"0"((word)52), "b"((word)handle), "S"((word)(i32)id){LOST} return (u32)result;')
    def process_kill(self, handle: u32, id: u32) -> u32:
        """End the process of a handle, or one that descends from it."""
        return served(self.kernel).serve("process_kill", handle, id)

    @native(f'{CALL}"0"((word)53), "b"((word)handle), "S"(ending){LOST} return (u32)result;')
    def process_wait(self, handle: u32, ending: Ending) -> u32:
        """Wait until the process of a handle has ended; return its id, or an error.  The ending may be 0."""
        return served(self.kernel).serve("process_wait", handle, ending)

    @native(f'{CALL}"0"((word)54), "b"((word)(i32)id){LOST} return (u32)result;')
    def thread_handle(self, id: u32) -> u32:
        """Make a handle to a thread of the caller's process; return it, or an error."""
        return served(self.kernel).serve("thread_handle", id)

    @native(f'{CALL}"0"((word)55), "b"((word)handle), "S"(value), "D"((word)ticks){LOST} return (u32)result;')
    def thread_wait(self, handle: u32, value: word, ticks: u32) -> u32:
        """Wait until the thread of a handle has ended, as `thread_join` does."""
        return served(self.kernel).serve("thread_wait", handle, value, ticks)

    @native(f'{CALL}"0"((word)56), "b"((word)handle), "S"(value){LOST} return (u32)result;')
    def thread_end(self, handle: u32, value: word) -> u32:
        """End the thread of a handle, wherever it waits, with a value; its process, if it is the last."""
        return served(self.kernel).serve("thread_end", handle, value)

    @native(f'{CALL}"0"((word)70), "b"(count){LOST} return (u32)result;')
    def object_create(self, count: word) -> u32:
        """Make a memory object of so many pages of zeros; return a handle to it, or an error."""
        return served(self.kernel).serve("object_create", count)

    @native("return (word)keelback_call(71, (word)handle, (word)address, (word)length, (word)part);")
    def object_map(self, handle: u32, address: word, length: word, part: word) -> word:
        """Map a part of a memory object, from offset + rights on, at an address, or where there is room (0)."""
        return served(self.kernel).serve("object_map", handle, address, length, part)

    @native(f'{CALL}"0"((word)72), "b"((word)handle){LOST} return (u32)result;')
    def object_size(self, handle: u32) -> u32:
        """Return how many pages a memory object has, or an error."""
        return served(self.kernel).serve("object_size", handle)

    @native(f'{CALL}"0"((word)73){LOST} return (u32)result;')
    def payload_object(self) -> u32:
        """Return a handle to a memory object that is the payload, to be mapped and read, or an error."""
        return served(self.kernel).serve("payload_object")

    @native(f'{CALL}"0"((word)80), "b"((word)handle), "S"((word)interrupt){LOST} return (u32)result;')
    def line_bind(self, handle: u32, interrupt: u32) -> u32:
        """Bind a device's interrupt to a bit of an endpoint; return 1 where no device answers, or an error."""
        return served(self.kernel).serve("line_bind", handle, interrupt)

    @native(f'{CALL}"0"((word)81), "b"((word)interrupt){LOST} return (u32)result;')
    def line_done(self, interrupt: u32) -> u32:
        """Allow a device to interrupt again, all of whose input was read."""
        return served(self.kernel).serve("line_done", interrupt)

    @native(f'{CALL}"0"((word)82), "b"((word)interrupt), "S"((word)place){LOST} return (u32)result;')
    def line_read(self, interrupt: u32, place: u32) -> u32:
        """Read a register of the device of an interrupt."""
        return served(self.kernel).serve("line_read", interrupt, place)

    @native(f'{CALL}"0"((word)83), "b"((word)interrupt), "S"((word)place), "D"((word)value){LOST} return (u32)result;')
    def line_write(self, interrupt: u32, place: u32, value: u32) -> u32:
        """Write a byte to a register of the device of an interrupt."""
        return served(self.kernel).serve("line_write", interrupt, place, value)

    @native(f'{CALL}"0"((word)84), "b"((word)interrupt){LOST} return (u32)result;')
    def line_unbind(self, interrupt: u32) -> u32:
        """Take an interrupt from the endpoint that it is bound to."""
        return served(self.kernel).serve("line_unbind", interrupt)

    @native(f'{CALL}"0"((word)85), "b"((word)line){LOST} return (u32)result;')
    def interrupt_handle(self, line: u32) -> u32:
        """Make a handle to the interrupt of a line's device, to which there is none; return it, or an error."""
        return served(self.kernel).serve("interrupt_handle", line)

    @native(f'{CALL}"0"((word)90), "b"((word)id), "S"(facts){LOST} return (u32)result;')
    def process_after(self, id: u32, facts: ProcessFacts) -> u32:
        """Tell of the process with the lowest id above one; return its id, 0 when there is none, or an error."""
        return served(self.kernel).serve("process_after", id, facts)
