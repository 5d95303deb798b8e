"""Random requests of processes against the model, for as long as one likes: memory_fuzz.py SECONDS [SEED]."""

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from kernel.memory_model import MemoryModel

BATCH = 10


class Counted(MemoryModel):
    """The model in the compiled life, with its requests counted."""

    life = "compiled"
    requests = 0

    @invariant()
    def count(self) -> None:
        Counted.requests += 1


def main() -> None:
    """Run batches until the time is up; Hypothesis shows a failing sequence, shortened."""
    seconds = float(sys.argv[1])
    first = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1_000_000)
    end, number = time.monotonic() + seconds, first
    how = settings(
        max_examples=BATCH,
        stateful_step_count=100,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    while time.monotonic() < end:
        run_state_machine_as_test(seed(number)(type("Seeded", (Counted,), {})), settings=how)
        number += 1
    print(f"seeds {first} to {number - 1}: {Counted.requests:,} requests as the model says")


if __name__ == "__main__":
    main()
