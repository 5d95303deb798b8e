"""Random requests of processes against the model, each kernel in its turn: memory_fuzz.py SECONDS [SEED]."""

import sys
from collections import Counter
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).parents[1]))

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from campaigns import seeds
from kernel.memory_model import MemoryModel, limited
from variants import in_turn, name_of

BATCH = 4


class Counted(MemoryModel):
    """The model in the compiled life, with its requests counted by kernel."""

    life = "compiled"
    requests: ClassVar[Counter[str]] = Counter()

    @invariant()
    def count(self) -> None:
        Counted.requests[name_of(self.layout)] += 1


def told() -> str:
    """Return how many requests have been made of each kernel."""
    return "requests as the model says: " + ", ".join(f"{name} {count:,}" for name, count in Counted.requests.items())


def main() -> None:
    """Run batches until the time is up; Hypothesis shows a failing sequence, shortened."""
    how = settings(
        max_examples=BATCH,
        stateful_step_count=100,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    for number in seeds(told):
        kind = type("Seeded", (Counted,), {"layout": limited(in_turn(number))})
        try:
            run_state_machine_as_test(seed(number)(kind), settings=how)
        except BaseException:
            print(f"{name_of(kind.layout)}, seed {number}", file=sys.stderr)
            raise


if __name__ == "__main__":
    main()
