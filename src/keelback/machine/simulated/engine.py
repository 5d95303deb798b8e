"""The CPU emulator underneath: Unicorn, reached by its C interface, which leaves out what `offsets.py` finds.

1. `until` is 0: page 0 is mapped nowhere, so no run ends there.
2. Every entry starts from a context that has no exception in flight, or the next fault would be a double fault.
3. Instructions are counted exactly: translations made before counting began are flushed.
4. An interrupt runs no Python: no signal's handler runs, and is lost, in a callback.
"""

import ctypes
import mmap
from collections.abc import Iterable
from typing import Any

from unicorn import UC_ARCH_X86, UC_HOOK_CODE, UC_HOOK_INSN, UC_HOOK_INTR, UC_PROT_ALL, Uc
from unicorn import x86_const as x86
from unicorn.unicorn_py3.unicorn import uclib

from keelback.machine.simulated.kept import Kept
from keelback.machine.simulated.models import EFER, WIDE, Model

OK = 0
INVALID_INSTRUCTION = 10  # UC_ERR_INSN_INVALID
NO_EXCEPTION = 0xFFFF_FFFF
PAE = 1 << 5
CR0_TO_AND_FRO = (x86.UC_X86_REG_CR0, 0x8000_0011), (x86.UC_X86_REG_CR0, 0x11)
"""CR0 with paging, and then as it was."""
TRANSLATIONS = (1 << 30) + (64 << 20)
"""The bytes of addresses that Unicorn takes at once, most of them never used, for what it translates, and some room."""

# Unicorn gives a third argument, which nobody needs.
INTERRUPT_HOOK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32)

# Plain integers for pointers: what runs at every trap has no time for conversions.
START = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_size_t
)
SAVE_OR_RESTORE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _read_ones(_uc: Any, _offset: int, size: int, _data: Any) -> int:
    """Return what a read gives where there is no RAM."""
    return int((1 << 8 * size) - 1)


def _write_nothing(_uc: Any, _offset: int, _size: int, _value: int, _data: Any) -> None:
    """Forget what is written where there is no RAM."""


def _check_room() -> None:
    """Check that this process may have the memory that Unicorn takes: it would end the process where there is none.

    Raises: MemoryError.
    """
    try:
        mmap.mmap(-1, TRANSLATIONS, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError:
        raise MemoryError from None


class EngineError(Exception):
    """The emulator does something that this program does not understand; the message says what."""


class BrokenOff(Exception):
    """Another thread ended a run; the CPU's registers are as they then were."""


class Engine(Kept):
    """One Unicorn CPU of a model over a RAM buffer, and a saved context that can be read and restored."""

    KEPT = ("broken_off",)

    def __init__(self, buffer: Any, size: int, model: Model) -> None:
        _check_room()
        self.model = model
        self.uc = Uc(UC_ARCH_X86, model.width.mode)
        self.uc.ctl_set_cpu_model(model.number)
        self._start_with_32_bits()
        self.handle = self.uc._uch
        self._address = self.handle.value
        self._without_paging, self._present = self.new_context(), self.new_context()
        self.caught: dict[int, int] = {}
        self.called: dict[int, int] = {}
        self.broken_off = False
        self._buffer = (ctypes.c_char * size).from_buffer(buffer)
        self.uc.mem_map_ptr(0, size, UC_PROT_ALL, ctypes.addressof(self._buffer))
        self._start = START(_address(uclib.uc_emu_start))
        self._save = SAVE_OR_RESTORE(_address(uclib.uc_context_save))
        self._restore = SAVE_OR_RESTORE(_address(uclib.uc_context_restore))
        self._write = uclib.uc_reg_write
        self._value = ctypes.c_uint64()
        self._reference = ctypes.byref(self._value)
        self._record = INTERRUPT_HOOK(self.caught.__setitem__)
        self._record_call = INTERRUPT_HOOK(self.called.__setitem__)
        for function in (self._record, uclib.uc_emu_stop):
            self._hook(UC_HOOK_INTR, function, 1, 0)

    def _start_with_32_bits(self) -> None:
        """Leave long mode, which Unicorn's wide CPUs begin in: it ends with paging, where EFER does not ask for it."""
        if self.model.width is WIDE:
            self.uc.reg_write(x86.UC_X86_REG_MSR, (EFER, 0))
            for register, value in ((x86.UC_X86_REG_CR4, PAE), *CR0_TO_AND_FRO, (x86.UC_X86_REG_CR4, 0)):
                self.uc.reg_write(register, value)

    def record_calls(self, instruction: int) -> None:
        """Record a `syscall` or `sysenter`, by Unicorn's number, in `called`, instead of what it does; end the run.

        The instruction pointer stands behind it.
        """
        for function in (self._record_call, uclib.uc_emu_stop):
            self._hook(UC_HOOK_INSN, function, 1, 0, ctypes.c_int(instruction))

    def _hook(self, kind: int, function: Any, first: int, last: int, *more: Any) -> int:
        """Hook a C function, which Unicorn calls; for addresses in [first, last], or all when `first` is above `last`.

        `more` is what the kind of hook needs besides.
        Returns Unicorn's handle of the hook.
        """
        hook, pointer = ctypes.c_size_t(), ctypes.cast(function, ctypes.c_void_p)
        status = uclib.uc_hook_add(self.handle, ctypes.byref(hook), kind, pointer, None, first, last, *more)
        if status != OK:
            raise EngineError(f"Unicorn takes no hook: {self.strerror(status)}")
        return hook.value

    def stop_at(self, address: int) -> int:
        """End every run before the instruction at an address, where none can start; return what `pass_by` takes."""
        hook = self._hook(UC_HOOK_CODE, uclib.uc_emu_stop, address, address)
        self.uc.ctl_flush_tb()
        return hook

    def pass_by(self, hook: int) -> None:
        """Stop no more where a `stop_at` let runs end."""
        uclib.uc_hook_del(self.handle, hook)
        self.uc.ctl_flush_tb()

    @property
    def ram_size(self) -> int:
        """Return how many bytes of RAM there are, from address 0 on."""
        return len(self._buffer)

    def add_absent(self, end: int) -> None:
        """Make addresses from the end of RAM to another read as ones, and forget what is written there."""
        start, end = self.ram_size, -(-end // 4096) * 4096
        if start < end:
            self.uc.mmio_map(start, end - start, _read_ones, None, _write_nothing, None)

    def forget_frames(self, frames: Iterable[int]) -> None:
        """Forget what was translated from the code in frames, whoever maps them; the present context stays."""
        self.forget_memory((frame << 12, frame + 1 << 12) for frame in frames)

    def forget_memory(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Forget what was translated from the code in ranges of physical memory, as `forget_frames` does.

        A range is its first address, in RAM, and its end.  Unicorn asks for addresses, and passes over those that the
        present context could not fetch from.
        """
        self.save(self._present)
        self.restore(self._without_paging)
        self.set_register(x86.UC_X86_REG_CR3, 0)  # addresses are looked up anew, and so they are afterwards
        for start, end in ranges:
            self.uc.ctl_remove_cache(start, end)
        self.set_register(x86.UC_X86_REG_CR3, 0)
        self.restore(self._present)

    def forget_addresses(self) -> None:
        """Forget all translations of addresses in the present context, as the load of cr3 that it does."""
        self.set_register(x86.UC_X86_REG_CR3, int(self.uc.reg_read(x86.UC_X86_REG_CR3)))

    def new_context(self) -> "Context":
        """Return room for a context, with the present one in it."""
        return Context(self.uc.context_save())

    def save(self, context: "Context") -> None:
        """Save the present context over another."""
        self._save(self._address, context.address)

    def restore(self, context: "Context") -> None:
        """Make a saved context the present one."""
        self._restore(self._address, context.address)

    def set_register(self, register: int, value: int) -> None:
        """Set a register by Unicorn's number for it."""
        self._value.value = value
        self._write(self.handle, register, self._reference)

    def run(self, address: int, count: int, until: int = 0) -> int:
        """Run from an address until an interrupt, a call, `stop`, or `count` instructions (at least 1) ran.

        Nothing is mapped at `until`, or the run would end there.

        Returns Unicorn's status; `caught` then holds the interrupt's vector, and nothing when there was none.
        Raises: what a hook raised; BrokenOff.
        """
        self.caught.clear()
        self.called.clear()
        status: int = self._start(self._address, address, until, 0, count)
        if self.broken_off:
            raise BrokenOff
        if self.uc._hook_exception is not None:
            exception, self.uc._hook_exception = self.uc._hook_exception, None
            raise exception
        return status

    def counter(self, offset: int) -> Any:
        """Return Unicorn's counter of begun instructions, at its offset; its `value` is always the present one."""
        return ctypes.c_uint64.from_address(self.handle.value + offset)

    @staticmethod
    def strerror(status: int) -> str:
        """Return Unicorn's words for a status."""
        return str(uclib.uc_strerror(status).decode("ascii"))

    def stop(self) -> None:
        """End the run that is under way, before the next instruction."""
        uclib.uc_emu_stop(self.handle)

    def break_off(self) -> None:
        """End this run, or the next, from another thread; a run that is just starting may take another call."""
        self.broken_off = True
        self.stop()


class Context:
    """A saved context: Unicorn's opaque bytes, read and written at offsets that were found out."""

    def __init__(self, saved: Any) -> None:
        self._saved = saved
        address = ctypes.cast(saved.context, ctypes.c_void_p).value
        if address is None:
            raise EngineError("Unicorn saved no context")
        self.address = address
        self.bytes = (ctypes.c_char * saved.size).from_address(address)

    def copy_of(self) -> bytes:
        """Return the bytes."""
        return bytes(self.bytes)
