"""Mistakes in a kernel that the model of messages must find, without the help of any other check."""

from pathlib import Path

from kernel import modelled
from kernel.exchange.model import ExchangeModel

MESSAGES = ("messages.messages", "Messages")
ENDPOINTS = ("messages.endpoints", "Endpoints")
SCHEDULER = ("processes.scheduler", "Scheduler")
JOINING = ("processes.joining", "Joining")
WORDS = ("processes.word_waits", "WordWaits")
PARCELS = ("messages.parcels", "Parcels")
MOVING = ("memory.moving", "Moving")
HANDLES = ("messages.handles", "HandleTables")
ENDINGS = ("processes.endings", "Endings")
STALLS = ("calls.stalls", "Stalls")
PROCESSES = ("processes.processes", "Processes")

# name: (module, class, method, right, wrong)
MISTAKES = {
    "a receiver of a call that waits for its turn": (
        *MESSAGES, "call", "self.scheduler.run_next(receiver)", "self.scheduler.wake(receiver)",
    ),
    "a message without its sender's badge": (
        *MESSAGES, "_hand_over", "set_message(sender.exchange.badge,", "set_message(0,",
    ),
    "callers that wait for a reply from nowhere": (
        *ENDPOINTS, "destroy", "self.scheduler.refuse_all(self.wait_queues.of_callers(number), Closed.number)", "pass",
    ),
    "wake that wakes one too many": (*WORDS, "_wake_each", "woken >= most", "woken > most"),
    "a wake of nobody that wakes who waits alone": (*WORDS, "wake", " or most == 0", ""),
    "a deadline that outlives the wait of who waits alone": (*WORDS, "wake", " or waiter.timed", ""),
    "a wake of who waits alone on another word of the queue": (
        *WORDS, "wake", " or not self._is_awaited_by(waiter)", "",
    ),
    "a wake where no memory is, of a queue in which another waits": (
        *WORDS, "_wake_each", "if woken == 0:", "if False:",
    ),
    "bits that come again": (*MESSAGES, "_take_bits", "endpoint.bits = 0", "pass"),
    "a caller with its reply that waits for its turn": (
        *MESSAGES, "_resume", "self.scheduler.run_next(caller)", "self.scheduler.wake(caller)",
    ),
    "a deadline that comes when the sleeper's tick is over": (
        *SCHEDULER, "wake_sleepers", "sleeper.wake_tick <= ", "sleeper.wake_tick < ",
    ),
    "a detached thread that stays when it has ended": (*JOINING, "end", "if thread.detached:", "if False:"),
    "a handle that is given with more rights than were asked for": (
        *HANDLES, "give", "rights if rights != 0 else handle.rights", "handle.rights",
    ),
    "a message that is longer than its room": (
        *PARCELS, "_check_size", "> room.room", "> room.room + 4096",
    ),
    "a sender that waits for a reply to what it sent": (
        *MESSAGES, "_go_on", "if sender.exchange.awaits_reply:", "if True:",
    ),
    "a joiner that waits for who is gone": (*JOINING, "_answer", "if ended.number == 0:", "if False:"),
    "a sender that is told of its receiver's room": (
        *MESSAGES, "_offer", "self.scheduler.refuse(receiver, error.number)", "raise",
    ),
    "a sender whose message is not looked at again": (
        *MESSAGES, "_can_be_sent", "self.parcels.check_sent(sender)", "pass",
    ),
    # Words.
    "a word of an object that each process has for its own": (
        *WORDS, "make_key", "if process.space.shared != 0:", "if False:",
    ),
    "an unmap that tells nobody who waits on a word": (
        "calls.mapping_calls", "MappingCalls", "unmap", "self._forget_unreadable(process)", "pass",
    ),
    "pages that move, and nobody is told who waits on a word": (
        *PARCELS, "_bring", "self.word_waits.forget_unreadable(self.processes.of(sender))", "pass",
    ),
    "a page that is replaced, and nobody is told who waits on a word": (
        "calls.system_calls", "SystemCalls", "page_alloc", "self.word_waits.forget_page(caller, address)", "pass",
    ),
    "malloc pages that go, and nobody is told who waits on a word": (
        "calls.malloc_calls", "MallocCalls", "free_pages", "self.word_waits.forget_unreadable(process)", "pass",
    ),
    "a wake where no memory is": (*WORDS, "wake", "self._check_there(thread)", "pass"),
    # Pages that move.
    "more pages than there is room for": (
        *PARCELS, "_check_size", " or parcel.page_count > room.most_pages", "",
    ),
    "pages that come elsewhere than asked for": (
        *MOVING, "prepare", "self.virtual_memory.place(target, place,", "self.virtual_memory.place(target, 0,",
    ),
    "pages that are sent by who may not write to them": (
        *MOVING, "check", " or not region.permissions & WRITABLE", "",
    ),
    "pages of an object that are sent": (*MOVING, "check", "region.kind != RegionKind.ANONYMOUS or ", ""),
    "a moved page that a child writes, too": (*MOVING, "_enter", "else USER", "else USER | WRITABLE"),
    "a moved page that its sender keeps": (
        *MOVING, "move", "self.virtual_memory.remove(source, start, end)", "pass",
    ),
    # Objects.
    "a handle to memory that is given, and not counted": (
        *HANDLES, "give", "self._hold(handle.kind, handle.object, given)", "pass",
    ),
    "a space that goes, and still shows an object": (
        "memory.virtual_memory", "VirtualMemory", "release",
        "self._leave(self.objects, space, self.layout.user_base, self.layout.user_end)", "pass",
    ),
    "a view that its process may write to": (
        "calls.object_calls", "ObjectCalls", "object_map",
        "RegionKind.SHARED if handle.rights & CHANGE else RegionKind.VIEW", "RegionKind.SHARED",
    ),
    # Waits by handle.
    "an end that no watcher is told of": (*ENDINGS, "_end", "self.waiting.tell_watchers(process)", "pass"),
    "a watcher that takes a child from its parent": (
        "processes.waiting", "Waiting", "watch", "self._say(process, thread)",
        "self._say(process, thread); self.processes.reap(process)",
    ),
    "a handle to a process that names the next of its number": (
        "calls.waiting_calls", "WaitingCalls", "process_wait", " or process.serial != handle.badge", "",
    ),
    "a kill by handle of the next of its number": (
        "calls.process_calls", "ProcessCalls", "process_kill", "named.serial != handle.badge", "False",
    ),
    "a handle to a thread that names the next of its number": (
        *JOINING, "join_by_handle", "other.serial != serial or ", "",
    ),
    "a joiner by handle that waits for who went with its process": (
        *PROCESSES, "_release_thread",
        "self.scheduler.refuse_all(self.scheduler.wait_queues.of_joiners(thread.number), NoSuchThread.number)", "pass",
    ),
    "an end by handle of the next of its number": (
        *JOINING, "end_by_handle", "thread.serial != serial or ", "",
    ),
    "a kill by handle of who does not descend from what it names": (
        *ENDINGS, "kill_below", "not self.processes.descends(process, top)", "False",
    ),
    "an end by handle that gives another value": (
        *JOINING, "end_by_handle", "thread.frame.set_value(value)", "pass",
    ),
    # Interrupts.
    "a receiver at an endpoint to which an interrupt is bound that is told nobody sends": (
        "messages.drivers", "Drivers", "bind", "self.endpoints.table[endpoint].senders += 1", "pass",
    ),
    "an interrupt that is bound though nobody has a handle to it": (
        *ENDPOINTS, "drop_interrupt", "self.unbind(line)", "pass",
    ),
    "a line that is done, and stays masked": (
        "devices.lines", "Lines", "done", "self.table.lines[line].phase = Phase.OPEN", "return False",
    ),
    # No memory.
    "an object that gets no handle, and stays": (
        "calls.object_calls", "ObjectCalls", "_name", "self.objects.discard(number)", "pass",
    ),
    "malloc pages that find no table, and whose promises stay": (
        "memory.malloc_pages", "MallocPages", "_map", "self._unmap(space, start, end, count)", "pass",
    ),
    "a room for a handle that stays where none comes": (*PARCELS, "move", "self.handles.settle(target)", "pass"),
    "a child that gets no memory, and stays": (*PROCESSES, "fork", "self.discard(child)", "pass"),
    # The end of a machine.
    "a machine that ends though one has a deadline": (
        *STALLS, "end_if_stalled", "self.scheduler.deadlines.count == 0 and ", "",
    ),
    "a caller that is said to wait for its endpoint": (
        *STALLS, "_tell_of", "thread.exchange.holder", "queue - queues.callers",
    ),
    "a receiver that is said to send": (*STALLS, "_tell_of", "queue < queues.receivers", "queue < queues.callers"),
    # Exec and fork.
    "exec that lets the other threads live": (
        "processes.programs", "Programs", "exec", "self.processes.end_others(thread)", "pass",
    ),
    "threads that have ended and outlive exec": (*PROCESSES, "end_others", "self.forget_ended(process)", "pass"),
    "a child that has its parent's handles to reply": (
        *HANDLES, "inherit", "if handle.kind == HandleKind.REPLY:", "if False:",
    ),
}  # fmt: skip


SOON = (
    "a receiver of a call that waits for its turn",
    "a deadline that comes when the sleeper's tick is over",
    "a sender that waits for a reply to what it sent",
)
"""Those that a few sequences find: every run of the tests looks for them."""
STEPS = 80
"""Requests of a sequence: most mistakes take several to show."""


def is_found(folder: Path, name: str, number: int, examples: int) -> bool:
    """Say whether a short run of random requests finds a mistake."""
    return modelled.is_found(ExchangeModel, folder, MISTAKES[name], number, examples, steps=STEPS)
