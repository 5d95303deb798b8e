"""Programs that say something and then let others run."""

from keelback.lang import i32, u32, word
from keelback.user.system import Program


class Turns(Program):
    """Prints numbered lines and yields after each; a subclass has the `name`."""

    name: str

    def main(self, argument: word) -> i32:
        """Print as many lines as the argument says, else 5."""
        rounds: u32 = min(self.number(argument, 5), 1_000_000)
        for number in range(1, rounds + 1):
            self.output.write(self.name)
            self.output.write(f"{number}\n")
            self.system.give_way()
        return 0
