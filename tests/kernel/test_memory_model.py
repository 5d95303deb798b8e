"""A fixed slice of the random requests; `make fuzz` runs many more."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from kernel.memory_model import MemoryModel


def a_slice(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )


def test_random_requests_do_what_the_model_says():
    run_state_machine_as_test(MemoryModel, settings=a_slice(5))


def test_random_requests_do_what_the_model_says_in_the_compiled_life():
    class Compiled(MemoryModel):
        life = "compiled"

    run_state_machine_as_test(Compiled, settings=a_slice(12))
