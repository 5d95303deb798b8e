"""What all models of requests are run by: a fixed slice, a search for a mistake, and a campaign."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, run_state_machine_as_test

from campaigns import seeds
from keelback.kernel.layout import Layout
from keelback.lang import Panic
from kernel.mistaken import mistaken
from variants import in_turn, name_of

BATCH = 4
Model = type[RuleBasedStateMachine]


def a_slice(examples: int, **more: Any) -> settings:
    """Return the settings of a run that makes the same so many sequences of requests each time."""
    return settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        **more,
    )


def is_found(
    model: Model,
    folder: Path,
    mistake: tuple[str, str, str, str, str],
    number: int,
    examples: int,
    signs: tuple[type[BaseException], ...] = (AssertionError, Panic),
    steps: int = 40,
) -> bool:
    """Say whether a short run of random requests finds a mistake, with nobody else watching the kernel."""
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with mistaken(folder, *mistake):
        try:
            run_state_machine_as_test(seed(number)(type("Seeded", (model,), {"watched": False})), settings=how)
        except signs:
            return True
    return False


def fuzz(model: Model, layout_of: Callable[[Layout], Layout]) -> None:
    """Run batches in the compiled life until the time is up; Hypothesis shows a failing sequence, shortened.

    Each kernel has its turn, with the layout that is made of its own.
    """
    requests: Counter[str] = Counter()

    def count(machine: Any) -> None:
        requests[name_of(machine.layout)] += 1

    def told() -> str:
        return "requests as the model says: " + ", ".join(f"{name} {each:,}" for name, each in requests.items())

    how = settings(
        max_examples=BATCH,
        stateful_step_count=100,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    for number in seeds(told):
        layout = layout_of(in_turn(number))
        kind = type("Seeded", (model,), {"life": "compiled", "layout": layout, "count": invariant()(count)})
        try:
            run_state_machine_as_test(seed(number)(kind), settings=how)
        except BaseException:
            print(f"{name_of(layout)}, seed {number}", file=sys.stderr)
            raise
