"""The invariants of the kernel: named sentences with executable bodies, checked on any RAM.

Each body gets a census and yields what contradicts its sentence, in words; nothing yielded means that it holds.
"""

from keelback.inspect.census import Census
from keelback.inspect.invariants import frames, messages, objects, pages, processes, promises, regions, spaces, threads
from keelback.inspect.invariants.sentences import INVARIANTS
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.kernel import Kernel
from keelback.lang import Panic
from keelback.lang.strict import words_of

PARTS = (frames, spaces, regions, pages, promises, objects, processes, threads, messages)
"""What the sentences are about: each part adds its own to the list."""


class InvariantBroken(Exception):
    """A sentence that should always be true is not; `sentence` and `finding` say which and why."""

    def __init__(self, sentence: str, finding: str) -> None:
        self.sentence = sentence
        self.finding = finding
        super().__init__(f"{finding} (the rule: {sentence})")


def check(kernel: Kernel) -> None:
    """Check all invariants of a kernel that has booted.  Raises: InvariantBroken for the first that does not hold."""
    with words_of(kernel.layout.paging.word_bits):
        try:
            census = Census(Snapshot(kernel))
        except Panic as panic:
            raise InvariantBroken("every page table lies in RAM", panic.message) from panic
        for sentence, body in INVARIANTS.items():
            for finding in body(census):
                raise InvariantBroken(sentence, finding)
