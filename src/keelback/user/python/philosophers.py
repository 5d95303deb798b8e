"""Five philosophers, a thread each, who think, and eat with the two forks beside them; nobody starves."""

from keelback.lang import Array, Ram, Region, Struct, i32, inline, u32, word
from keelback.user.calls import Kernel
from keelback.user.system import Program, failed
from keelback.user.threads import Mutex, Threads, ThreadValue

SEATS = 5


class Table(Struct):
    """What they sit at."""

    forks: Array[Mutex] = inline(SEATS)
    eaten: Array[u32] = inline(SEATS)
    ids: Array[u32] = inline(SEATS)
    meals: u32


class Philosophers(Program):
    """Lets each eat as often as the argument says; who takes the lower fork first can't wait in a circle."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.threads = Threads()
        self.table = records.struct(Table)
        self.value = records.struct(ThreadValue)

    def main(self, argument: word) -> i32:
        """Start them all, and wait until they have eaten."""
        self.table.meals = min(self.number(argument, 20), 100_000)
        for seat in range(SEATS):
            self.table.ids[seat] = self.threads.start(seat)
            if failed(self.table.ids[seat]):
                self.output.write("philosophers: no thread\n")
                return 1
        eaten: u32 = 0
        for seat in range(SEATS):
            joined: u32 = self.threads.join(self.table.ids[seat], self.value)
            if joined != self.table.ids[seat] or self.value.value != seat:
                self.output.write("philosophers: another came back\n")
                return 1
            eaten += self.table.eaten[seat]
        self.output.write(f"philosophers: {eaten} meals eaten by {SEATS}\n")
        return 0 if eaten == self.table.meals * SEATS else 1

    def thread(self, argument: word) -> word:
        """Eat with the forks on both sides of a seat."""
        seat: u32 = argument
        other: u32 = (seat + 1) % SEATS
        for _ in range(self.table.meals):
            self.table.forks[min(seat, other)].acquire()
            self.system.give_way()
            self.table.forks[max(seat, other)].acquire()
            self.table.eaten[seat] += 1
            self.table.forks[max(seat, other)].release()
            self.table.forks[min(seat, other)].release()
        return argument


PROGRAM = Philosophers
