"""Forks several times in a row, and so does every child from there on: each fork doubles the number of processes."""

from keelback.abi.errors import NoChild
from keelback.abi.records import ANY_CHILD, Ending
from keelback.lang import Ram, Region, i32, u32, word
from keelback.user.calls import Kernel
from keelback.user.system import Program, failed

NO_CHILD = NoChild.number & 0xFFFF_FFFF


class ForkTree(Program):
    """Counts the processes: the status of each is the size of the tree that it is the root of."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.ending = records.struct(Ending)

    def main(self, argument: word) -> i32:
        """Fork as often as the argument says, at most 8 times."""
        forks: u32 = min(self.number(argument, 3), 8)
        root: u32 = self.system.getpid()
        size: i32 = 1
        expected: i32 = 1
        for _ in range(forks):
            expected *= 2
            child: u32 = self.system.fork()
            if failed(child):
                self.output.write("forktree: fork failed\n")
                return 1
            if child == 0:
                size = 1
        ended: u32 = self.system.wait(ANY_CHILD, self.ending)
        while not failed(ended):
            size += self.ending.status
            ended = self.system.wait(ANY_CHILD, self.ending)
        if ended != NO_CHILD:
            self.output.write("forktree: wait failed\n")
            return 1
        if self.system.getpid() != root:
            return size

        self.output.write(f"forktree: we were processes: {size}\n")
        return 0 if size == expected else 1


PROGRAM = ForkTree
