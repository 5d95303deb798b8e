"""The model of memory objects: pages whose bytes are the same for all who show them."""

from collections import Counter
from dataclasses import dataclass

from keelback.abi.errors import BadArgument, BadHandle
from keelback.abi.handles import CHANGE, GRANT, MAP
from keelback.abi.rights import READ, WRITE
from kernel.driven import PAGE
from kernel.exchange.handles import Handle, Handles
from kernel.exchange.memory import Memory, with_reading
from kernel.exchange.space import Page
from kernel.exchange.world import error


@dataclass(eq=False, repr=False)
class MemoryObject:
    """The bytes of each page."""

    pages: list[bytearray]


class Objects(Handles, Memory):
    """Processes that share memory."""

    def named(self) -> Counter[MemoryObject]:
        """Return the objects that handles name, and how many do."""
        return Counter(each.thing for each in self.all_handles() if isinstance(each.thing, MemoryObject))

    def shown(self) -> Counter[MemoryObject]:
        """Return the objects that pages show, and how many do."""
        pages = [each for process in self.processes.values() for each in process.space.pages.values()]
        return Counter(each.object for each in pages if each.object)

    def object_create(self, count: int) -> None:
        if count:
            made = Handle(MemoryObject([bytearray(PAGE) for _ in range(count)]), MAP | CHANGE | GRANT)
            self.answer(self.me, self.add(self.me.process, made))
        else:
            self.answer(self.me, BadArgument.number)

    def object_size(self, number: int) -> None:
        handle = self.me.process.handles.get(number)
        is_one = handle is not None and isinstance(handle.thing, MemoryObject)
        self.answer(self.me, len(handle.thing.pages) if is_one else BadHandle.number)

    def object_map(self, number: int, address: int, size: int, part: int) -> None:
        me, space = self.me, self.me.process.space
        first, allowed = part // PAGE, part % PAGE
        wrong = self.wrong_with(number, MemoryObject, MAP | (CHANGE if allowed & WRITE else 0))
        misplaced, start = self.placed(me.process, address, size)
        wrong = wrong + misplaced + ([BadArgument] if allowed & ~(READ | WRITE) else [])
        handle = me.process.handles.get(number)
        is_one = handle is not None and isinstance(handle.thing, MemoryObject)
        if is_one and first + size // PAGE > len(handle.thing.pages):
            wrong.append(BadArgument)
        if wrong or not is_one:
            return self.answer(me, error(*wrong))
        for index in range(first, first + size // PAGE):
            page = Page(handle.thing.pages[index], with_reading(allowed), handle.thing, index)
            page.is_view = not handle.rights & CHANGE
            space.pages[start + (index - first) * PAGE] = page
        return self.answer(me, start)
