"""Kernel stacks: the one that the kernel runs on while it ends a thread is free when it runs on another."""

import pytest

from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.memory.frames import KERNEL
from keelback.machine.compiled import CompiledPc
from kernel.driven import Call, Died, driven
from kernel.mistaken import compile_now, mistaken
from kernel.test_panics import image_of
from support import MIB

LIVES = ("interpreted", "compiled")
NO_MEMORY = -4


def stack_frame(machine, pid):
    return (machine.thread(pid).kernel_stack - 1) >> 12


def owner(machine, frame):
    return machine.lens.memory.frames.table[frame].owner


def take_all_of_the_zone(machine):
    while machine.spare()[1]:
        machine.lens.memory.frames.allocate_kernel(KERNEL)


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("end", [(Call.EXIT, 0), (Call.KILL, 2)])
def test_a_stack_that_is_in_use_is_freed_at_the_next_trap(life, end):
    machine = driven("it", life=life)
    child = machine.fork()
    frame, used = stack_frame(machine, child), machine.used()[1]
    with pytest.raises(Died):
        machine.call(*end, pid=child)
    assert owner(machine, frame) == KERNEL
    assert machine.lens.stacks.left.end == frame + 1 << 12
    machine.check()
    assert machine.call(Call.GETPID) == 1
    assert owner(machine, frame) == 0 and machine.lens.stacks.left.end == 0
    assert machine.used()[1] < used
    machine.check()


@pytest.mark.parametrize("life", LIVES)
def test_the_stack_of_another_process_is_freed_at_once(life):
    machine = driven("it", life=life)
    child = machine.fork()
    frame = stack_frame(machine, child)
    machine.call(Call.KILL, child)
    assert owner(machine, frame) == 0 and machine.lens.stacks.left.end == 0
    machine.check()


@pytest.mark.parametrize("life", LIVES)
def test_a_fork_that_needs_the_stack_that_was_left_gets_it(life):
    machine = driven("it", life=life)
    child = machine.fork()
    take_all_of_the_zone(machine)
    assert machine.call(Call.FORK) == NO_MEMORY
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=child)
    assert machine.lens.stacks.left.end
    assert machine.fork() > child
    assert machine.spare()[1] == 0


LINES = ("forktree", "forkexit", "wild", "bomb", "hello")


def stacks_in_use(pc):
    """Run a compiled kernel to its end; return the owners of the frames that it stood on when a trap was served."""
    found, kernel = set(), look(pc.layout, pc.ram.contents)
    processor = pc.processor
    pc.after_trap.append(
        lambda: found.add(kernel.memory.frames.table[processor._clean[processor._esp] - 1 >> 12].owner)
    )
    pc.boot()
    pc.run()
    return found


def test_the_kernel_never_stands_on_a_stack_that_is_free(tmp_path):
    assert stacks_in_use(CompiledPc(MICROKERNEL, image_of(*LINES), memory=8 * MIB)) == {KERNEL}
    mistake = "memory.kernel_stacks", "KernelStacks", "leave", "self.left.end = end", "self.release(end)"
    with mistaken(tmp_path, *mistake):
        image = image_of(*LINES, kernel=compile_now())
    assert stacks_in_use(CompiledPc(MICROKERNEL, image, memory=8 * MIB)) == {KERNEL, 0}
