"""Hostile files, calls, payloads and what loaders give, to each kernel in its turn: input_fuzz.py SECONDS [SEED]."""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from campaigns import seeds
from keelback.lang import strict


def main() -> None:
    """Try one input after the other until the time is up; the seed of one that does harm stands before its error."""
    strict.install("keelback.kernel")
    from kernel.inputs import KINDS
    from variants import name_of

    tries = [kind(layout) for kind, layouts in KINDS.items() for layout in layouts]
    for number in seeds(lambda: f"{sum(each.outcomes.total() for each in tries):,} inputs, and none did harm"):
        for each in tries:
            try:
                each.try_one(random.Random(number))
            except BaseException:
                print(f"{type(each).__name__}, {name_of(each.layout)}, seed {number}", file=sys.stderr)
                raise
    for each in tries:
        told = ", ".join(f"{name} {count:,}" for name, count in each.outcomes.most_common())
        print(f"{type(each).__name__}, {name_of(each.layout)}: {told}")


if __name__ == "__main__":
    main()
