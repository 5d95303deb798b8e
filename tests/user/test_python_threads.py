"""Threads of programs in Kernel Python: compiled they do what those in C do, in CPython what one thread can."""

import pytest

from keelback.errors import UserError
from keelback.image.python_programs import build_python_program, compile_python_program
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.processes.processes import Ending
from keelback.lang import Panic, Ram, Region, Struct, freeze, i32, u32, word
from keelback.user import RUNTIME
from keelback.user.calls import Kernel
from keelback.user.in_cpython import make_program, run_program
from keelback.user.python.philosophers import Philosophers
from keelback.user.system import Program, failed
from keelback.user.threads import Condition, Mutex, Once, Semaphore, Threads, ThreadValue
from kernel.driven import LIVES, make_machine
from support import MIB, console
from variants import variants

WORKERS = 4


class Shared(Struct):
    """What the threads share."""

    once: Once
    made: u32
    open: u32
    seen: u32
    key: i32


class Office(Program):
    """Workers, of whom the first opens; they wait for a bell, and say that they are done; a late one is detached."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.threads = Threads()
        self.shared = records.struct(Shared)
        self.lock = records.struct(Mutex)
        self.bell = records.struct(Condition)
        self.done = records.struct(Semaphore)
        self.value = records.struct(ThreadValue)

    def main(self, argument: word) -> i32:
        self.shared.key = self.threads.key()
        self.threads.set(self.shared.key, 99)
        last: u32 = 0
        for number in range(WORKERS):
            last = self.threads.start(number) if number != 1 else self.threads.start_on(3000, number)
        self.system.sleep(1)
        self.lock.acquire()
        early: bool = self.bell.sleep_until(self.lock, 1)
        self.shared.open = 1
        self.bell.notify()
        self.bell.notify_all()
        self.lock.release()
        for _ in range(WORKERS):
            self.done.acquire()
        joined: u32 = self.threads.join(last, self.value)
        detached: u32 = self.threads.detach(self.threads.start(WORKERS))
        self.done.acquire()
        none_left: bool = not self.done.try_acquire() and self.lock.try_acquire() and not self.lock.try_acquire()
        kept: bool = self.threads.get(self.shared.key) == 99 and self.threads.own_id() == self.system.thread_self()
        if early or joined != last or self.value.value != 103 or failed(detached) or not none_left or not kept:
            self.output.write("office: something is wrong\n")
            return 1
        self.output.write(f"office: opened {self.shared.made} times, seen {self.shared.seen}\n")
        return 0

    def thread(self, argument: word) -> word:
        if self.shared.once.is_first():
            self.system.give_way()
            self.shared.made += 1
            self.shared.once.done()
        fresh: bool = self.threads.get(self.shared.key) == 0
        self.threads.set(self.shared.key, argument + 100)
        self.lock.acquire()
        while self.shared.open == 0:
            self.bell.sleep(self.lock)
        if fresh and self.shared.made == 1:
            self.shared.seen += 1
        self.lock.release()
        self.done.release()
        return self.threads.get(self.shared.key)


class Enders(Program):
    """Ends a thread that waits for ever, and joins it."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.threads = Threads()
        self.never = records.struct(Semaphore)
        self.value = records.struct(ThreadValue)

    def main(self, argument: word) -> i32:
        id: u32 = self.threads.start(1)
        self.system.give_way()
        ended: u32 = self.threads.end(id, 42)
        joined: u32 = self.threads.join(id, self.value)
        if ended != 0 or joined != id or not failed(self.threads.end(id, 0)):
            return 1
        self.output.write(f"ended with {self.value.value}\n")
        return 0

    def thread(self, argument: word) -> word:
        self.never.acquire()
        return argument


def build(kind, layout=MICROKERNEL):
    program, ram = make_program(kind, word_bits=layout.paging.word_bits)
    freeze(program)
    return build_python_program("it", program, ram, runtime=RUNTIME, image_base=layout.image_base)


def said(kind, line, life, layout=MICROKERNEL):
    machine = make_machine(line, life=life, layout=layout, memory=32 * MIB, programs={"it": build(kind, layout)})
    machine.boot()
    machine.run()
    record = machine.kernel.processes.table[1]
    assert (record.ending, record.exit_status) == (Ending.EXITED, 0), console(machine)
    return console(machine)


@variants
def test_threads_wait_for_each_other_and_have_what_is_their_own(layout):
    assert said(Office, "it", "interpreted", layout) == [f"office: opened 1 times, seen {WORKERS + 1}"]


def test_a_thread_ends_another_that_waits():
    assert said(Enders, "it", "interpreted") == ["ended with 42"]


class Idle(Program):
    """Starts a thread, and does not say what that does."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.threads = Threads()

    def main(self, argument: word) -> i32:
        return 1 if failed(self.threads.start(1)) else 0


class Wordless(Idle):
    """Has a thread that takes nothing."""

    def thread(self) -> word:
        return 0


@pytest.mark.parametrize("kind", [Idle, Wordless])
@pytest.mark.parametrize("word_bits", [32, 64])
def test_a_program_whose_threads_have_nothing_to_run_is_refused(kind, word_bits):
    root, ram = make_program(kind, word_bits=word_bits)
    freeze(root)
    with pytest.raises(UserError) as refused:
        compile_python_program(root, ram)
    assert str(refused.value) == (
        f"{kind.__name__} starts threads, so it has to have: def thread(self, argument: word) -> word"
    )


@pytest.mark.parametrize("life", LIVES)
def test_philosophers_eat_in_both_lives(life):
    assert said(Philosophers, "it 7", life) == ["philosophers: 35 meals eaten by 5"]


def test_in_cpython_there_is_one_thread():
    with pytest.raises(NotImplementedError, match="one thread in CPython: run it compiled"):
        run_program(Philosophers, "3")


class Alone(Program):
    """What one thread does with what others would wait for."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.lock = records.struct(Mutex)
        self.count = records.struct(Semaphore)
        self.once = records.struct(Once)
        self.bell = records.struct(Condition)

    def main(self, argument: word) -> i32:
        self.count.release()
        self.count.acquire()
        self.lock.acquire()
        right: bool = not self.lock.try_acquire() and not self.count.try_acquire() and self.once.is_first()
        self.once.done()
        right = right and not self.once.is_first() and not self.bell.sleep_until(self.lock, 2)
        self.bell.notify_all()
        self.lock.release()
        self.output.write("alone: right\n" if right and self.lock.try_acquire() else "alone: wrong\n")
        if self.number(argument, 0) == 1:
            self.lock.acquire()
        return 0


@pytest.mark.parametrize("life", LIVES)
def test_one_thread_finds_the_same_in_cpython_and_compiled(life):
    assert said(Alone, "it", life) == ["alone: right"] == run_program(Alone)[1].splitlines()


def test_to_wait_for_oneself_ends_a_program_in_cpython():
    with pytest.raises(Panic, match="the only thread would wait for ever"):
        run_program(Alone, "1")
