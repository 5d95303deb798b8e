"""What differs in two memories is found wherever it lies, and nothing else is."""

import random

from keelback.inspect.memory_pair import CHUNK, PAGE, MemoryPair


def test_parts_that_differ_are_those_that_python_finds():
    chosen = random.Random(3)
    one = bytearray(3 * CHUNK + 700)
    for _ in range(60):
        other = bytearray(one)
        for _ in range(chosen.randrange(4)):
            other[chosen.randrange(len(other))] ^= chosen.randrange(2)
        start, end = sorted(chosen.choices(range(len(one) + 1), k=2))
        pages = range(start - start % PAGE, end, PAGE)
        parts = [(max(start, page), min(end, page + PAGE)) for page in pages]
        expected = [(first, last) for first, last in parts if one[first:last] != other[first:last]]
        pair = MemoryPair(one, other)
        assert list(pair.differing(start, end)) == expected
        assert pair.differs(start, end) == (one[start:end] != other[start:end])
