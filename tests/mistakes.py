"""Seeded mistakes in the kernel, and who finds each."""

import importlib
import inspect
import textwrap
from contextlib import contextmanager

from keelback.kernel.layout import MICROKERNEL, Layout
from keelback.kernel.x86.paging import PAE

# name: (module, class, method, right, wrong, who finds it)
MISTAKES = {
    "text that can be written": (
        "loading.elf", "ElfLoader", "_load_segment", "if not flags & WRITABLE:", "if not (flags := flags | WRITABLE):",
        {"comparison", "invariants"},
    ),
    "a window without invalidation": (
        "memory.windows", "Window", "_show", "self.cpu.invalidate_page(self.address)", "pass",
        {"strict RAM and TLB"},
    ),
    "a switch without a new page directory": (
        "processes.scheduler", "Scheduler", "use_space",
        "self.cpu.write_cr3(self.spaces.access.place_of_root(directory))", "pass",
        {"comparison"},
    ),
    "a reference that is not dropped": (
        "memory.frames", "Frames", "drop", "if record.references == 1:",
        "if record.references == 1 and record.use != 1:", {"comparison", "invariants"},
    ),
    "the stack's page table forgotten": (
        "memory.page_tables", "PageTables", "prune", "references > 0:", "references > 0 or address >= 0xF000_0000:",
        {"comparison"},
    ),
    "one kernel entry too few": (
        "memory.page_tables", "PageTables", "_share_table", "* self.step)", "* self.step - 1)",
        {"comparison", "invariants", "strict RAM and TLB"},
    ),
    "a sleeper woken a tick late": (
        "processes.scheduler", "Scheduler", "wake_sleepers", "sleeper.wake_tick <= ", "sleeper.wake_tick < ",
        {"comparison", "invariants"},
    ),
    "a set's upper levels forgotten": (
        "memory.frame_set", "FrameSet", "add", "index //= 32", "return", {"comparison", "invariants"},
    ),
    "the trap stack of the thread before": (
        "processes.scheduler", "Scheduler", "_make_current", "thread.trap_stack()",
        "self.threads.table[1].trap_stack()",
        {"comparison", "invariants", "strict RAM and TLB"},
    ),
    "a page of the guard that is the stack's": (
        "processes.programs", "Programs", "_fill", "regions.add(space, self.layout.stack_bottom,",
        "regions.add(space, self.layout.stack_bottom - 4096,", {"comparison", "invariants"},
    ),
    "a result in the wrong register": (
        "calls.system_calls", "SystemCalls", "serve", "frame.set_result(self.calls[number](thread))",
        "frame.ecx = self.calls[number](thread)",
        {"comparison", "invariants"},
    ),
    "a process that stays counted": (
        "processes.processes", "Processes", "release", "self.counts.alive -= 1", "pass", {"comparison", "invariants"},
    ),
    "a reference that is not counted": (
        "memory.frames", "Frames", "share", "= references + 1", "= references", {"comparison", "invariants"},
    ),
    "a parent that may write what it shares": (
        "memory.spaces", "AddressSpaces", "_share_all", "= low & ~WRITABLE", "= low",
        {"comparison", "invariants"},
    ),
    "a fork without invalidation": (
        "memory.virtual_memory", "VirtualMemory", "duplicate", "self.spaces.forget_user_pages(parent.directory)",
        "pass", {"comparison", "strict RAM and TLB"},
    ),
    "a changed entry without invalidation": (
        "memory.spaces", "AddressSpaces", "change", "self.cpu.invalidate_page(page)", "pass", {"strict RAM and TLB"},
    ),
    "pages unmapped without invalidation": (
        "memory.virtual_memory", "VirtualMemory", "remove", "self.spaces.forget_user_pages(space.directory)", "pass",
        {"comparison", "strict RAM and TLB"},
    ),
    "pages protected without invalidation": (
        "memory.virtual_memory", "VirtualMemory", "protect", "self.spaces.forget_user_pages(space.directory)", "pass",
        {"strict RAM and TLB"},
    ),
    "a kernel stack unmapped without invalidation": (
        "memory.spaces", "AddressSpaces", "unmap_global", "self.cpu.invalidate_page(page)", "pass",
        {"strict RAM and TLB"},
    ),
    "a kernel stack that stays mapped when it is free": (
        "memory.spaces", "AddressSpaces", "unmap_global", "self.tables.remove(entry)", "pass",
        {"comparison", "invariants"},
    ),
    "a kernel stack that is left and never freed": (
        "calls.traps", "Traps", "_release_stack", "self.stacks.release(cpu.left_stack)", "pass",
        {"comparison", "invariants"},
    ),
    "a directory that is given back with all but its first entry": (
        "memory.page_tables", "PageTables", "_release", "link if self.access.keeps_part else 0", "self.step",
        {"comparison", "invariants", "strict RAM and TLB"},
    ),
    "a kernel stack without a guard": (
        "memory.kernel_stacks", "KernelStacks", "create",
        "self.layout.kernel_stack_slot\n", "self.layout.kernel_stack\n",
        {"comparison", "invariants"},
    ),
    "an empty table that is kept": (
        "memory.spaces", "AddressSpaces", "unmap", "references == 0:",
        "references == 0 and space.owner != 8:",  # which unmaps before it exits
        {"comparison", "invariants"},
    ),
    "a table that is not given back": (
        "memory.page_tables", "PageTables", "prune", "self.frames.release_kernel(table)", "pass",
        {"comparison", "invariants"},
    ),
    "a region that is not carved for a page": (
        "memory.virtual_memory", "VirtualMemory", "allocate_page", "self._carve(space, address, end)", "pass",
        {"comparison", "invariants"},
    ),
    "a region that stays when its pages go": (
        "memory.virtual_memory", "VirtualMemory", "remove", "self._carve(space, start, end)", "pass",
        {"comparison", "invariants"},
    ),
    "a page that may be written because it may be read": (
        "memory.virtual_memory", "VirtualMemory", "_writable_region", ".permissions & WRITABLE", ".permissions & USER",
        {"comparison", "invariants"},
    ),
    "a malloc page that comes by touch": (
        "memory.virtual_memory", "VirtualMemory", "_check_demand", "raise BadAddress", "pass",
        {"comparison", "invariants"},
    ),
    "malloc pages given back without invalidation": (
        "memory.malloc_pages", "MallocPages", "release", "self.spaces.forget_user_pages(space.directory)", "pass",
        {"strict RAM and TLB"},
    ),
    "malloc pages given back and not looked at again": (
        "memory.malloc_pages", "MallocPages", "release", "min(space.malloc.first, self._number(address))",
        "space.malloc.first", {"comparison", "invariants"},
    ),
    "a malloc region that keeps its end": (
        "memory.malloc_pages", "MallocPages", "release", 
        "self.regions.carve(space, self._highest_end(space, address), end)", "pass",
        {"comparison", "invariants"},
    ),
    "a malloc page that a child does not count": (
        "memory.virtual_memory", "VirtualMemory", "duplicate", "child.malloc.copy_from(parent.malloc)", "pass",
        {"comparison", "invariants"},
    ),
    "a node that stays when its regions go": (
        "memory.regions", "Regions", "settle", "self.frames.release_kernel(frame)", "pass",
        {"comparison", "invariants"},
    ),
    "a child without the last of its parent's regions": (
        "memory.regions", "Regions", "duplicate", "child.count = parent.count", "child.count = parent.count - 1",
        {"comparison", "invariants"},
    ),
    "regions that are overwritten by one that comes": (
        "memory.regions", "Regions", "_insert", "place + 1, place, count", "place + 1, place, 0",
        {"comparison", "invariants"},
    ),
    "regions that stay where they were when others go": (
        "memory.regions", "Regions", "_remove", "self._copy(space, to, source, count)", "pass",
        {"comparison", "invariants"},
    ),
    "a place that is not cleared": (
        "memory.regions", "Regions", "_remove", "self.at(space, index).clear()", "pass",
        {"comparison", "invariants"},
    ),
    "library data that all may write": (
        "loading.libraries", "Libraries", "_share_page", "permissions & (USER | EXECUTE))", "permissions)",
        {"comparison", "invariants"},
    ),
    "library pages that their process may unmap": (
        "memory.virtual_memory", "VirtualMemory", "_check_range",
        "self.regions.has_library(space, address, address + round_up(size, PAGE_SIZE))", "False",
        {"comparison", "invariants"},
    ),
    "a child that does not count as a library's user": (
        "loading.libraries", "Libraries", "inherit",
        "self._add(child, self._library(parent, index), parent.slots[index].address)",
        "self._add(child, self._library(parent, index), parent.slots[index].address); self.table[0].users -= 1",
        {"comparison", "invariants"},
    ),
    "a library that stays loaded when nobody has it": (
        "loading.loaded_libraries", "LoadedLibraries", "drop",
        "self.free(library)", "pass", {"comparison", "invariants"},
    ),
    "a process that ends and keeps its libraries": (
        "processes.processes", "Processes", "release", "self.libraries.drop_all(process.libraries)", "pass",
        {"comparison", "invariants"},
    ),
    "a slot that names a library after its unload": (
        "loading.libraries", "Libraries", "_drop", "mapped.slots[mapped.count].clear()", "pass", {"comparison"},
    ),
    "a child without promises": (
        "memory.virtual_memory", "VirtualMemory", "duplicate",
        "self.promises.take(child, parent.promised.pages, parent.promised.tables)", "pass",
        {"comparison", "invariants"},
    ),
    "promises that stay when a process ends": (
        "memory.virtual_memory", "VirtualMemory", "release", "self.promises.end(space)", "pass",
        {"comparison", "invariants"},
    ),
    "text that a promise answers for": (
        "memory.frames", "Frames", "allocate_read_only", "self.make_read_only(frame)", "pass",
        {"comparison", "invariants"},
    ),
    "a table that stays promised when it is made": (
        "memory.promises", "Promises", "make_table", "self.add(space, 0, -promised)", "pass",
        {"comparison", "invariants"},
    ),
    "promises that unmap keeps": (
        "memory.virtual_memory", "VirtualMemory", "remove", "self.promises.add(space, -pages,",
        "self.promises.add(space, 0,", {"comparison", "invariants"},
    ),
    "a copy for the last holder": (
        "memory.frames", "Frames", "take_over", "if record.references > 1:", "if record.references > 0:",
        {"comparison"},
    ),
    "a copy of nothing": (
        "memory.virtual_memory", "VirtualMemory", "_copy", "to.bytes.copy_from(", "len(to.bytes), (",
        {"comparison"},
    ),
    "a frame of zeros that is shared with what was there": (
        "memory.virtual_memory", "VirtualMemory", "_new_zeros", ".bytes.clear()", ".bytes",
        {"comparison"},
    ),
    "a parent that is not woken": (
        "processes.endings", "Endings", "_end", "self.waiting.answer(parent)", "pass", {"comparison", "invariants"},
    ),
    "a parent that is woken without an answer": (
        "processes.waiting", "Waiting", "answer", "thread.frame.set_result(answer)", "pass", {"comparison"},
    ),
    "the last zombie first": (
        "processes.waiting", "Waiting", "_find_zombie", "return self.table[parent.zombies.first]",
        "return self.table[parent.zombies.last]", {"comparison"},
    ),
    "a queue that goes forward only": (
        "processes.queues", "Queues", "push_link", "link.previous = last", "pass",
        {"comparison", "invariants", "strict RAM and TLB"},
    ),
    "a queue whose last is not known": (
        "processes.queues", "Queues", "pop", "queue.clear()", "queue.first = 0", {"comparison", "invariants"},
    ),
    "a way back to who has left": (
        "processes.queues", "Queues", "pop", "self.link(after).previous = 0", "pass", {"comparison", "invariants"},
    ),
    "a thread that leaves and stays the last": (
        "processes.queues", "Queues", "remove_link", "queue.last = before", "pass", {"comparison", "invariants"},
    ),
    "a dead sleeper in the queue of deadlines": (
        "processes.scheduler", "Scheduler", "_leave_deadlines",
        "self.ends.remove_link(queue, thread.deadline)", "pass", {"comparison", "invariants"},
    ),
    "a killed thread in the queue of ready ones": (
        "processes.processes", "Processes", "end_thread", "self.scheduler.remove(thread)", "pass",
        {"comparison", "invariants"},  # its record, free by then, is taken for the idle thread: the machine ends
    ),
    "a thread in no process's list": (
        "processes.threads", "Threads", "create", "self.lists.push(threads, number)", "pass",
        {"comparison", "invariants"},
    ),
    "a program of another name": (
        "loading.payload", "Payload", "_is_called", "if header.name[index] != name[index]:", "if False:",
        {"comparison"},
    ),
    "a child that runs no program": (
        "processes.processes", "Processes", "fork", "self.join_runners(child, parent.program - 1)", "pass",
        {"comparison", "invariants"},
    ),
    "a process that has ended among those that run its program": (
        "processes.processes", "Processes", "leave_runners",
        "self.runners.remove(self.running[process.program - 1], process.pid)", "pass", {"comparison", "invariants"},
    ),
    "a thread that goes on though it waits": (
        "calls.traps", "Traps", "trap", "if thread.state != ThreadState.RUNNING:",
        "if thread.state == ThreadState.IDLE:", {"comparison", "strict RAM and TLB"},
    ),
    "a child that is in no list": (
        "processes.processes", "Processes", "create",
        "self.families.push(self.table[parent].children, process.pid)", "pass",
        {"comparison", "invariants"},
    ),
}  # fmt: skip


WIDE_MISTAKES = {
    "a pointer that changes without a load of cr3": (
        "memory.page_tables", "PageTables", "_load", "self.cpu.write_cr3(root << PAGE_SHIFT)", "pass",
        {"strict RAM and TLB"},
    ),
    "a walk that is remembered when its table is gone": (
        "memory.spaces", "AddressSpaces", "unmap", "self.tables.forget(space, base)", "pass",
        {"comparison", "invariants"},
    ),
    "a walk that is remembered for the table before": (
        "memory.page_tables", "PageTables", "_walk_anew", "walk.table = place",
        "walk.table = walk.table if walk.table != 0 else place",
        {"comparison", "invariants"},
    ),
    "a stack that can be executed": (
        "processes.programs", "Programs", "_fill", "USER | WRITABLE)", "USER | WRITABLE | 8)", {"comparison"},
    ),
    "zeros that can be executed": (
        "memory.virtual_memory", "VirtualMemory", "make_readable", "self._flags(region, USER)",
        "USER | EXECUTE", {"comparison", "invariants"},
    ),
    "entries that forbid nothing": (
        "memory.page_tables", "PageTables", "_ban", "self.access.bits.no_execute", "0", {"comparison", "invariants"},
    ),
    "pages that are protected and executed": (
        "memory.spaces", "AddressSpaces", "restrict", "permissions & (USER | EXECUTE)", 
        "permissions & USER | EXECUTE",
        {"comparison", "invariants"},
    ),
    "a table of places that the kernel may execute": (
        "memory.spaces", "AddressSpaces", "_map_text", "KERNEL_READ)", "KERNEL_EXECUTE)", {"comparison", "invariants"},
    ),
}  # fmt: skip
"""Of what only page tables that can forbid execution have."""
ALL = MISTAKES | WIDE_MISTAKES


OF_KERNEL_STACKS = {
    "a kernel stack unmapped without invalidation", "a kernel stack that stays mapped when it is free",
    "a kernel stack without a guard", "a kernel stack that is left and never freed",
}  # fmt: skip
"""Those of kernel stacks in slots of their own."""
NOT_IN_A_COURSE = {
    # It is in a space of its own whenever it changes another's, and has each page at its own address.
    "a window without invalidation", "a switch without a new page directory", "a fork without invalidation",
    "a changed entry without invalidation",
    # It has one stack, all tables at once, two lowest ones, and no promise, and fork copies at once.
    "a kernel stack that is left and never freed", "an empty table that is kept",
    "a table that stays promised when it is made", "a parent that may write what it shares",
    "a copy for the last holder",
    "a walk that is remembered when its table is gone", "a walk that is remembered for the table before",
    # It has none of these parts: ranges of pages, malloc pages, libraries, programs that start others, waiting.
    "pages unmapped without invalidation", "pages protected without invalidation",
    "a region that stays when its pages go", "promises that unmap keeps", "zeros that can be executed",
    "pages that are protected and executed", "a malloc page that comes by touch",
    "malloc pages given back without invalidation", "malloc pages given back and not looked at again",
    "a malloc region that keeps its end", "a malloc page that a child does not count",
    "library data that all may write", "library pages that their process may unmap",
    "a child that does not count as a library's user", "a library that stays loaded when nobody has it",
    "a process that ends and keeps its libraries", "a slot that names a library after its unload",
    "a program of another name", "a parent that is not woken", "a parent that is woken without an answer",
    "the last zombie first", "a child that is in no list",
}  # fmt: skip


def concerns(name: str, layout: Layout) -> bool:
    """Say whether a kernel has the code that a mistake is in, and it does there what it does elsewhere."""
    if name in NOT_IN_A_COURSE and layout.name == "teaching":
        return False
    if name in WIDE_MISTAKES and not layout.paging.no_execute:
        return False
    if name in OF_KERNEL_STACKS and layout.kernel_stack_slots == 0:
        return False
    if name == "the stack's page table forgotten":  # by its address
        return layout.stack_top == MICROKERNEL.stack_top
    if name == "a result in the wrong register":  # by its name
        return layout.paging.word_bits == 32
    return name != "a pointer that changes without a load of cr3" or layout.paging is PAE


@contextmanager
def seeded(module, owner, method, right, wrong):
    """Replace a piece of a method's source for a while."""
    place = importlib.import_module(f".{module}", "keelback.kernel")
    cls = getattr(place, owner)
    before = cls.__dict__[method]
    source = textwrap.dedent(inspect.getsource(before))
    assert source.count(right) == 1, f"{method} does not have {right!r} once"
    names = dict(vars(place))
    exec(source.replace(right, wrong), names)
    setattr(cls, method, names[method])
    try:
        yield
    finally:
        setattr(cls, method, before)
