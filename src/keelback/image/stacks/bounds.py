"""The stacks of a kernel, and how deep each gets at most: what is not left with a margin is refused.

    kernel stack        entry code ┬ kernel_trap → …        a thread's, or the only one
    entry stack                    ┼ kernel_start → …
    boot stack                     ┼ kernel_boot, kernel_begin → …
    double fault stack             ┴ kernel_panic → …
    interrupt stack     a trap frame, in long mode: entry code goes on elsewhere

On each but the last a fault of the kernel's own may come at the deepest point, since a check that fails is one: the
CPU's frame, entry code and `kernel_panic` are in the bound, so that a panic is never short of stack.  So is a
non-maskable interrupt on top of all, where that has no stack of its own.  A fault of the panic itself is left to the
margin.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from keelback.image.stacks.chains import Chain, Chains, Link
from keelback.image.stacks.code import Code
from keelback.image.stacks.proven import ENTRY, INTERRUPT, StackBound, UnprovenStack
from keelback.image.stacks.ways import Stretch
from keelback.kernel.layout import ENTRY_TABLES, Layout
from keelback.kernel.x86.interrupts import FAST_CALL, GATES, STUB_SIZE, STUBS
from keelback.kernel.x86.segments64 import OWN_STACKS, InterruptStack
from keelback.kernel.x86.vectors import Vector
from keelback.lang import PAGE_SIZE, layout_of

MARGIN = 8
"""One byte of so many of a stack is to be left."""
RETURN_FRAME = {32: 3, 64: 5}
"""Words that the CPU pushes when it interrupts ring 0, by the bits of a word: eip, cs, eflags; rsp and ss too …"""
ERROR_CODE = 1
"""… and for some vectors this."""


class StackTooDeep(UnprovenStack):
    """A stack may leave less than its margin; the message has the whole chain."""

    def __init__(self, bound: StackBound) -> None:
        worst = sorted(bound.chain, key=lambda each: -each[1])
        chain = " → ".join(f"{function} {taken:,}" for function, taken in bound.chain)
        message = f"the {bound.stack} has {bound.size:,} bytes, of which {bound.size // MARGIN:,} are to be left; "
        super().__init__([each for each, _ in worst], f"{message}this chain takes {bound.taken:,}: {chain}")


def prove(layout: Layout, elf: bytes) -> tuple[StackBound, ...]:
    """Return the bounds of all stacks of a kernel, the kernel stack's first.

    Raises: Unbounded; StackTooDeep.
    """
    bounds = tuple(_Stacks(layout, Code(elf)).bounds())
    for each in bounds:
        if each.free < each.size // MARGIN:
            raise StackTooDeep(each)
    return bounds


class _Stacks:
    """The stacks of a layout, and what its code does on them."""

    def __init__(self, layout: Layout, code: Code) -> None:
        self.layout = layout
        self.code = code
        self.chains = Chains(code)
        self.bits = 8 * code.word
        own = [vector for vector, _ in OWN_STACKS] if self.bits == 64 else [Vector.DOUBLE_FAULT]
        self.own_stacks = {int(vector): self.entered(vector) for vector in own}
        """What comes on a stack of its own, and what happens there, first of all."""
        self.others = self.entered(*(each for each in range(GATES) if each not in {*own, Vector.NON_MASKABLE}))
        self.begun = self.chains.of_entry(self.code.labels["boot" if self.bits == 32 else "long"])
        self.begun += self.chains.of_entry(self.layout.kernel_start + FAST_CALL)

    def bounds(self) -> Iterator[StackBound]:
        """Yield the bound of each stack."""
        layout = self.layout
        entry = layout.entry_stack - (ENTRY_TABLES * PAGE_SIZE if self.bits == 64 else 0)
        double_fault = layout.double_fault_stack - layout.records_limit if layout.one_stack else entry
        kernel = layout.entry_stack - double_fault if layout.one_stack else layout.kernel_stack
        yield self._bound("kernel stack", kernel, "kernel_trap")
        yield self._bound("entry stack", entry, "kernel_start", "kernel_panic")
        yield self._bound("boot stack", layout.boot_stack, "kernel_boot", "kernel_begin")
        on_double_fault = self._chain(self.own_stacks[Vector.DOUBLE_FAULT][0])
        yield _made("double fault stack", double_fault, on_double_fault, self.interrupt)
        if self.bits == 64:
            others = [self._chain(each[0]) for vector, each in self.own_stacks.items() if vector != Vector.DOUBLE_FAULT]
            yield _made("interrupt stack", layout_of(InterruptStack, 64).size, _deepest(others))

    def _bound(self, stack: str, size: int, *entries: str) -> StackBound:
        """Return the bound of a stack that entry code calls some functions of the kernel on."""
        addresses = {self.code.labels[each] for each in entries}
        begun = [*self.begun, *self.others[1:], *(each for own in self.own_stacks.values() for each in own[1:])]
        on_it = [each for each in begun if any(callee in addresses for _, callee in each.calls)]
        return _made(stack, size, _deepest([self._chain(each) for each in on_it]), self.fault, self.interrupt)

    def _chain(self, stretch: Stretch) -> Chain:
        return self.chains.deepest_of(stretch, ENTRY)

    # What is entered.

    def entered(self, *vectors: int) -> list[Stretch]:
        """Return what happens on the stack that the CPU finds for some vectors, in ring 0, and on those behind it."""
        words = RETURN_FRAME[self.bits] + ERROR_CODE
        if vectors == (Vector.DOUBLE_FAULT,) and self.bits == 32:
            words = ERROR_CODE  # it has a task of its own, in which the rest is kept
        filling = self.code.word if self.bits == 64 else 0  # the stack pointer is made a multiple of 16
        stubs = [self.layout.kernel_start + STUBS + vector * STUB_SIZE for vector in vectors]
        return self.chains.of_entry(*stubs, depth=words * self.code.word + filling)

    @cached_property
    def fault(self) -> Chain:
        """What a fault of ring 0 adds to the stack that it comes on."""
        return self._chain(self.others[0])

    @cached_property
    def interrupt(self) -> Chain:
        """What a non-maskable interrupt adds to the stack that it comes on."""
        if Vector.NON_MASKABLE in self.own_stacks:
            return Chain()
        deepest = self.entered(Vector.NON_MASKABLE)[0].deepest - ERROR_CODE * self.code.word
        return Chain((Link(INTERRUPT, deepest),))


def _made(stack: str, size: int, *chains: Chain) -> StackBound:
    return StackBound(stack, size, tuple((each.function, each.bytes) for chain in chains for each in chain.links))


def _deepest(chains: list[Chain]) -> Chain:
    return max(chains, key=lambda each: each.bytes)
