"""Memory objects in the model of processes and their memory: pages whose bytes are the same for all."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from keelback.abi.errors import BadArgument, BadHandle, NotPermitted
from keelback.abi.handles import CHANGE, GRANT, MAP
from keelback.inspect.snapshot import Snapshot
from kernel.driven import ANYWHERE, PAGE, Call
from kernel.memory_model import EXECUTE, FAR, READ, WRITE, MemoryModel, ModelPage, ModelProcess, page_numbers

MOST_OBJECTS = 4
MOST_HANDLES = 12
permissions_of_parts = st.sampled_from([WRITE, WRITE, READ, READ, 0, EXECUTE, WRITE | EXECUTE, 4])
rights_of_handles = st.sampled_from([MAP | CHANGE | GRANT, MAP | GRANT, MAP, GRANT, CHANGE])


@dataclass(eq=False)
class ModelObject:
    """One object: the kernel's number of it, and the bytes of its pages."""

    number: int
    content: list[bytearray]


class ObjectModel(MemoryModel):
    """The same requests, and those that are about memory objects."""

    @initialize(pages=st.sampled_from([1, 2, 3]), rights=rights_of_handles)
    def share(self, pages: int, rights: int) -> None:
        """Let the first process show a full object where its first pages were, and its end by a handle with rights."""
        for page in (ANYWHERE, ANYWHERE + PAGE, FAR):
            assert self.machine.call(Call.UNMAP, page, PAGE, pid=2) == 0
            self.processes[2].pages.pop(page, None)
        self.create_now(2, pages)
        self.mint_now(2, 1, rights)
        self.map_now(2, 1, ANYWHERE, min(pages, 2), 0, WRITE)
        for number in range(min(pages, 2)):
            self.fill(2, ANYWHERE + number * PAGE)
        self.map_now(2, 2, FAR, 1, min(pages, 2) - 1, READ)

    # What the model knows.

    def objects(self) -> list[ModelObject]:
        """Return the objects that a handle names or a page shows."""
        found = {}
        for process in self.processes.values():
            for named, _ in process.handles.values():
                found[named.number] = named
            for page in process.pages.values():
                if isinstance(page.object, ModelObject):
                    found[page.object.number] = page.object
        return list(found.values())

    def handle(self, data: st.DataObject, pid: int) -> int:
        """Draw the number of a handle, mostly of one that the process has."""
        numbers = list(self.processes[pid].handles)
        return data.draw(st.sampled_from([*numbers, *numbers, *numbers, 0, 9]), label="handle")

    @staticmethod
    def free_number(taken) -> int:
        return next(number for number in range(1, 100) if number not in taken)

    # Requests.

    @precondition(lambda self: self.has_actor() and len(self.objects()) < MOST_OBJECTS)
    @rule(data=st.data(), pages=st.integers(0, 3))
    def object_create(self, data: st.DataObject, pages: int) -> None:
        pid = self.actor(data)
        if len(self.processes[pid].handles) < MOST_HANDLES:
            self.create_now(pid, pages)

    def create_now(self, pid: int, pages: int) -> None:
        handles = self.processes[pid].handles
        expected = self.free_number(handles) if pages else BadArgument.number
        number = self.free_number({each.number for each in self.objects()})
        assert self.machine.call(Call.OBJECT_CREATE, pages, pid=pid) == expected
        if pages:
            handles[expected] = (ModelObject(number, [bytearray(PAGE) for _ in range(pages)]), MAP | CHANGE | GRANT)

    @precondition(MemoryModel.has_actor)
    @rule(
        data=st.data(),
        page=page_numbers | st.just(0) | st.just(0),
        count=st.sampled_from([1, 1, 2, 3, 0]),
        offset=st.sampled_from([0, 0, 1, 2, 3]),
        allowed=permissions_of_parts,
    )
    def object_map(self, data: st.DataObject, page: int, count: int, offset: int, allowed: int) -> None:
        pid = self.actor(data)
        self.map_now(pid, self.handle(data, pid), page, count, offset, allowed)

    def map_now(self, pid: int, handle: int, page: int, count: int, offset: int, allowed: int) -> None:
        process = self.processes[pid]
        expected, new = self.shown(process, handle, page, count, offset, allowed)
        part = offset * PAGE | allowed
        assert self.machine.call(Call.OBJECT_MAP, handle, page, count * PAGE, part, pid=pid) == expected
        process.pages |= new

    def shown(
        self, process: ModelProcess, handle: int, page: int, count: int, offset: int, allowed: int
    ) -> tuple[int, dict[int, ModelPage]]:
        """Return the result of mapping a part of an object, and the pages that are new then."""
        if handle not in process.handles:
            return BadHandle.number, {}
        named, rights = process.handles[handle]
        if allowed & ~(READ | WRITE | EXECUTE):
            return BadArgument.number, {}
        if not rights & MAP or (allowed & WRITE and not rights & CHANGE):
            return NotPermitted.number, {}
        if offset + count > len(named.content):
            return BadArgument.number, {}
        kind = f"{'shared' if rights & CHANGE else 'view'} {named.number}"
        part = named.content[offset : offset + count]
        return self.mapped(process, page, [ModelPage(kind, self.with_reading(allowed), each, named) for each in part])

    @precondition(MemoryModel.has_actor)
    @rule(data=st.data(), rights=rights_of_handles)
    def mint(self, data: st.DataObject, rights: int) -> None:
        pid = self.actor(data)
        if len(self.processes[pid].handles) < MOST_HANDLES:
            self.mint_now(pid, self.handle(data, pid), rights)

    def mint_now(self, pid: int, handle: int, rights: int) -> None:
        handles = self.processes[pid].handles
        named, known = handles.get(handle, (None, 0))
        expected = self.free_number(handles) if not rights & ~known else NotPermitted.number
        expected = expected if named else BadHandle.number
        assert self.machine.call(Call.MINT, handle, rights, 0, pid=pid) == expected
        if expected > 0:
            handles[expected] = (named, rights)

    @precondition(MemoryModel.has_actor)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        pid = self.actor(data)
        handle = self.handle(data, pid)
        expected = 0 if handle in self.processes[pid].handles else BadHandle.number
        assert self.machine.call(Call.DROP, handle, pid=pid) == expected
        self.processes[pid].handles.pop(handle, None)

    # What holds after each.

    @invariant()
    def objects_hold(self) -> None:
        handles, shown = Counter(), Counter()
        for process in self.processes.values():
            handles.update(named.number for named, _ in process.handles.values())
            shown.update(each.object.number for each in process.pages.values() if each.object)
        found = Snapshot(self.machine.lens).objects
        expected = {each.number: (handles[each.number], shown[each.number]) for each in self.objects()}
        assert {number: (each.handles, each.shown) for number, each in found.items()} == expected
        for each in self.objects():
            for frame, content in zip(found[each.number].frames, each.content, strict=True):
                assert self.machine.pc.ram.contents[frame * PAGE : (frame + 1) * PAGE] == content
