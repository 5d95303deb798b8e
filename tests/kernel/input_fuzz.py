"""Hostile files, calls, payloads and what loaders give, for as long as one likes: input_fuzz.py SECONDS [SEED]."""

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from keelback.lang import strict


def main() -> None:
    """Try one input after the other until the time is up; the seed of one that does harm stands before its error."""
    strict.install("keelback.kernel")
    from kernel.inputs import LAYOUTS, Boots, Calls, Files
    from variants import name_of

    seconds = float(sys.argv[1])
    first = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1_000_000)
    end, number = time.monotonic() + seconds, first
    tries = [kind(layout) for kind in (Files, Calls, Boots) for layout in LAYOUTS]
    while time.monotonic() < end:
        for each in tries:
            try:
                each.try_one(random.Random(number))
            except BaseException:
                print(f"{type(each).__name__}, {name_of(each.layout)}, seed {number}", file=sys.stderr)
                raise
        number += 1
    for each in tries:
        told = ", ".join(f"{name} {count:,}" for name, count in each.outcomes.most_common())
        print(f"{type(each).__name__}, {name_of(each.layout)}, seeds {first} to {number - 1}: {told}")


if __name__ == "__main__":
    main()
