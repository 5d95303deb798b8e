"""Counts primes: a program that computes, and is pre-empted."""

from keelback.lang import i32, u32, word
from keelback.user.system import Program


class Primes(Program):
    """Counts the primes up to its argument by trial division."""

    def main(self, argument: word) -> i32:
        """Print how many there are."""
        last: u32 = min(self.number(argument, 20000), 1_000_000)
        count: u32 = 0
        for candidate in range(2, last + 1):
            if self.is_prime(candidate):
                count += 1
        self.output.write(f"primes: {count} primes up to {last}\n")
        return 0

    def is_prime(self, candidate: u32) -> bool:
        """Say whether a number above 1 is prime."""
        divisor: u32 = 2
        while divisor * divisor <= candidate:
            if candidate % divisor == 0:
                return False
            divisor += 1
        return True


PROGRAM = Primes
