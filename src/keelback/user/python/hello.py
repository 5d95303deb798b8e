"""Greets: the smallest program."""

from keelback.abi.records import ArgumentText
from keelback.lang import i32, view, word
from keelback.user.system import Program


class Hello(Program):
    """Says who it is, and whether it was told something."""

    def main(self, argument: word) -> i32:
        """Print one line."""
        told = view(self.ram, ArgumentText, argument).text
        self.output.write(f"hello: I am process {self.system.getpid()}")
        if told[0] != 0:
            self.output.write(", and I was told: ")
            for index in range(len(told)):
                if told[index] == 0:
                    break
                self.output.put(told[index])
        self.output.write("\n")
        return 0


PROGRAM = Hello
