"""Kernel stacks: guards below them, and the one that the kernel leaves; the global mappings that they lie in."""

from contextlib import nullcontext
from dataclasses import replace

import pytest

from keelback.image.kernels import compiled
from keelback.inspect.invariants import InvariantBroken, check
from keelback.inspect.lens import look, walker_of
from keelback.inspect.walk import ACCESSED, DIRTY, GLOBAL, PRESENT, WRITABLE, Translation
from keelback.kernel.layout import MICROKERNEL, USERMODE, WrongLayout
from keelback.kernel.memory.frames import STACK as STACK_FRAME
from keelback.lang import Panic
from keelback.machine.simulated.compiled import CompiledPc
from kernel.driven import UNUSUAL, Call, Died, driven, of_its_own
from kernel.mistaken import compiled_mistaken, mistaken
from kernel.test_panics import image_of, on_qemu, panicked
from support import MIB, c_program, make_pc, stack_frame

LIVES = ("interpreted", "compiled")
NO_MEMORY = -4


def owner(machine, frame):
    return machine.lens.memory.frames.table[frame].use


def take_all_of_the_zone(machine):
    while machine.spare()[1]:
        machine.lens.memory.frames.allocate_kernel(STACK_FRAME)


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("end", [(Call.EXIT, 0), (Call.KILL, 2)])
def test_a_stack_that_is_in_use_is_freed_at_the_next_trap(life, end):
    machine = driven("it", life=life)
    child = machine.fork()
    frame, top, used = stack_frame(machine.lens, child), machine.thread(child).kernel_stack, machine.used()[1]
    with pytest.raises(Died):
        machine.call(*end, pid=child)
    assert owner(machine, frame) == STACK_FRAME
    assert machine.lens.first_cpu.left_stack == top
    machine.check()
    assert machine.call(Call.GETPID) == 1
    assert owner(machine, frame) == 0 and machine.lens.first_cpu.left_stack == 0
    assert machine.used()[1] < used
    machine.check()


@pytest.mark.parametrize("life", LIVES)
def test_the_stack_of_another_process_is_freed_at_once(life):
    machine = driven("it", life=life)
    child = machine.fork()
    frame = stack_frame(machine.lens, child)
    machine.call(Call.KILL, child)
    assert owner(machine, frame) == 0 and machine.lens.first_cpu.left_stack == 0
    machine.check()


@pytest.mark.parametrize("life", LIVES)
def test_a_fork_that_needs_the_stack_that_was_left_gets_it(life):
    machine = driven("it", life=life)
    child = machine.fork()
    take_all_of_the_zone(machine)
    assert machine.call(Call.FORK) == NO_MEMORY
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=child)
    assert machine.lens.first_cpu.left_stack
    assert machine.fork() > child
    assert machine.spare()[1] == 0


@pytest.mark.campaign
def test_a_stack_that_is_freed_while_the_kernel_runs_on_it_is_the_end(tmp_path):
    before, after = "cpu.left_stack = thread.kernel_stack", "self.threads.stacks.release(thread.kernel_stack)"
    mistake = "processes.processes", "Processes", "leave_stack", before, after
    image = image_of("forkexit", kernel=compiled_mistaken(tmp_path, mistake))
    with pytest.raises(Panic, match=r"^double fault of 0x0700[0-9a-f]{4} in ring 0 .*\((kernel_stacks|spaces).py:"):
        pc = CompiledPc(MICROKERNEL, image, memory=8 * MIB)
        pc.boot()
        pc.run()


TABLES = """
enum { REACH = 4 << 20, TABLES = 6, FIRST = 0x50000000 };

int main(void)
{
    for (int i = 0; i < TABLES; i++)
        *(char *)sys_map((void *)(FIRST + i * REACH), 4096, CAN_WRITE) = 1;
    for (int i = 0; i < TABLES; i++)
        sys_unmap((void *)(FIRST + i * REACH), 4096);
    int32_t child = sys_fork_child();
    if (child == 0)
        sys_exit(0);
    sys_wait(child, NULL);
    return 0;
}
"""
"""Gives six tables back, all zero, of which the child's stack takes one."""


@pytest.mark.parametrize("right", [True, False])
def test_a_stack_that_was_used_is_not_taken_for_a_frame_of_zeros(tmp_path, right):
    """Only a compiled kernel writes to its stacks, so a mistaken one is compiled."""
    mistake = "memory.kernel_stacks", "KernelStacks", "_release_frame", "self.spaces.access.spoil(frame)", "pass"
    kernel = compiled(MICROKERNEL) if right else compiled_mistaken(tmp_path, mistake)
    image = image_of("it", kernel=kernel, programs={"it": c_program(TABLES)})
    pc = CompiledPc(MICROKERNEL, image, memory=8 * MIB)
    lens = look(MICROKERNEL, pc.contents)
    pc.after_trap.append(lambda: check(lens))
    pc.boot()
    with nullcontext() if right else pytest.raises(InvariantBroken, match="is free and begins with 0"):
        pc.run()


# Guards.

DEEP = (
    "memory.windows", "Window", "_shown", "return (Page *)self_address;",
    "volatile u32 size = 5000; u8 *volatile place = __builtin_alloca(size); *place = 1; return (Page *)self_address;",
)  # fmt: skip
"""Memory of the stack whose size no compiler sees: of a frame with a size it would refuse this one."""


def test_a_kernel_stack_that_overflows_is_told_with_the_way_there_in_python(tmp_path):
    image = image_of("hello", kernel=compiled_mistaken(tmp_path, DEEP))
    panic, left = panicked(CompiledPc(MICROKERNEL, image, memory=8 * MIB))
    layout, record = MICROKERNEL, left.record
    guard = layout.globals_start + layout.kernel_stack_slot
    assert guard <= record.address < record.frame.esp < guard + 4096
    assert left.console[0].startswith("kernel stack overflow: double fault, error code 0x0, address ")
    assert panic.message.startswith("kernel stack overflow: double fault of ")
    assert left.places[-1] == ("kernel.py", left.places[-1][1]) and len(left.places) > 3
    panic_there, left_there = on_qemu(image)
    assert (str(panic_there), left_there.console) == (str(panic), left.console)


def test_calls_without_end_of_an_interpreted_kernel_are_a_panic(tmp_path):
    """Its stack is Python's; the compiler refuses them."""
    endless = ("memory.user_memory", "UserMemory", "copy_in", "self.check_range(address, count)",
               "self.copy_in(space, address, count, destination)")  # fmt: skip
    with mistaken(tmp_path, *endless):
        panic, left = panicked(make_pc("hello", check=False))
    assert panic.message == left.message == "RecursionError: maximum recursion depth exceeded"
    assert left.places[0][0] == "user_memory.py"


def test_each_stack_lies_in_the_slot_of_its_thread_above_a_page_that_is_not_mapped():
    machine = driven("it", "it")
    machine.fork()
    layout, walker, directory = MICROKERNEL, walker_of(machine.lens), machine.lens.spaces.kernel.directory
    for number in range(4):
        end = layout.globals_start + (number + 1) * layout.kernel_stack_slot
        assert machine.lens.threads.table[number].kernel_stack == end
        assert walker.walk(directory << 12, end - layout.kernel_stack).flags & WRITABLE
        assert walker.walk(directory << 12, end - layout.kernel_stack - 1) is None
    assert walker.walk(directory << 12, end + 4096) is None


@of_its_own
def test_a_stack_may_have_several_pages_and_all_or_none_is_made(life):
    machine = driven("it", life=life, layout=UNUSUAL)
    child = machine.fork()
    used = machine.used()
    machine.check()
    for left in range(2, 7):
        machine.call(Call.KILL, child)
        machine.call(Call.WAIT, child, 0)
        before = machine.used()
        machine.lens.memory.frames.injection.countdown = left
        assert machine.call(Call.FORK) == NO_MEMORY
        assert machine.used() == before
        machine.check()
        child = machine.fork()
        assert machine.used() == used
    assert machine.thread(child).kernel_stack - 1 >> 12 not in range(machine.lens.memory.bounds.region_top >> 12)


def test_a_layout_without_slots_has_its_stacks_in_the_zone():
    machine = driven("it", layout=replace(USERMODE, processes=8, one_stack=False), memory=9 * MIB)
    bounds, stack = machine.lens.memory.bounds, machine.thread(1).kernel_stack
    assert bounds.zone < stack <= bounds.region_top and stack_frame(machine.lens, 1) == stack - 1 >> 12
    machine.check()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kernel_stack_slots": 511}, "each thread's stack has a slot"),
        ({"kernel_stack": 2 * 4096}, "the slots lie in the area for global mappings"),
    ],
)
def test_a_layout_has_room_for_all_its_stacks(change, why):
    with pytest.raises(WrongLayout, match=why):
        replace(MICROKERNEL, **change)


# Global mappings.

PAGE = MICROKERNEL.globals_end - 4096


def test_a_global_mapping_is_seen_at_once_in_every_space_and_changes_no_directory():
    machine = driven("it", "it")
    machine.fork()
    spaces, walker = machine.kernel.spaces, walker_of(machine.lens)
    directories = [spaces.kernel.directory, *(machine.process(pid).space.directory for pid in (1, 2, 3))]

    def contents():
        return [bytes(machine.pc.ram.bytes[each << 12 : each + 1 << 12]) for each in directories]

    before = contents()
    frame = machine.kernel.memory.frames.allocate_kernel(STACK_FRAME)
    spaces.map_global(PAGE, frame)
    expected = Translation(PAGE, frame, PRESENT | WRITABLE | GLOBAL | ACCESSED | DIRTY)
    assert [walker.walk(each << 12, PAGE) for each in directories] == [expected] * 4
    assert spaces.unmap_global(PAGE) == frame and spaces.unmap_global(PAGE) == 0
    assert [walker.walk(each << 12, PAGE) for each in directories] == [None] * 4
    assert contents() == before


@pytest.mark.parametrize("right", [True, False])
def test_a_global_translation_that_stays_is_found_whichever_space_is_in_use(right, tmp_path):
    machine = driven("it", "it", check=True)
    spaces, tlb, frames = machine.kernel.spaces, machine.pc.tlb, machine.kernel.memory.frames
    spaces.map_global(PAGE, frames.allocate_kernel(STACK_FRAME))
    tlb.use(PAGE)
    mistake = "memory.spaces", "AddressSpaces", "unmap_global", "self.cpu.invalidate_page(page)", "pass"
    with nullcontext() if right else mistaken(tmp_path, *mistake):
        spaces.unmap_global(PAGE)
    tlb.load_directory(machine.process(2).space.directory << 12)
    with nullcontext() if right else pytest.raises(Panic, match=f"page {PAGE:#010x} was changed without invalidation"):
        tlb.before_user_mode()
