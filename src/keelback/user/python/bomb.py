"""Forks until it is refused; then all its children exit, and memory is as it was before, if it runs alone."""

from keelback.abi.records import ANY_CHILD, EXITED, Ending, FrameCounts
from keelback.lang import Ram, Region, i32, u32, word
from keelback.user.calls import Kernel
from keelback.user.system import Program, failed


class Bomb(Program):
    """Has as many children as its argument says at most; 0 is no limit."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.before = records.struct(FrameCounts)
        self.after = records.struct(FrameCounts)
        self.ending = records.struct(Ending)

    def main(self, argument: word) -> i32:
        """Print how many there were, and why no more."""
        most: u32 = self.number(argument, 30)
        forked: u32 = 0
        child: u32 = 0
        self.system.frame_counts(self.before)
        while most == 0 or forked < most:
            child = self.system.fork()
            if child == 0:
                return 0
            if failed(child):
                break
            forked += 1
        well: u32 = self.wait_for_all()
        self.system.frame_counts(self.after)

        self.output.write(f"bomb: children: {forked}")
        if failed(child):
            self.output.write(f", then refused: -{0x1_0000_0000 - child}\n")
        else:
            self.output.write(f", last: {child}\n")
        return 0 if well == forked and self.is_as_before() else 1

    def wait_for_all(self) -> u32:
        """Wait until every child has ended; return how many ended well."""
        well: u32 = 0
        while not failed(self.system.wait(ANY_CHILD, self.ending)):
            if self.ending.how == EXITED and self.ending.status == 0:
                well += 1
        return well

    def is_as_before(self) -> bool:
        """Say whether as many frames are free as were."""
        user, kernel = self.after.user_free, self.after.kernel_free
        return user == self.before.user_free and kernel == self.before.kernel_free


PROGRAM = Bomb
