"""A fixed slice of the random requests, and of the mistakes that they find; `make fuzz` runs all."""

import pytest
from hypothesis.stateful import run_state_machine_as_test

from kernel.mistaken import mistaken
from kernel.model_mistakes import MISTAKES, is_found
from kernel.modelled import a_slice
from kernel.object_model import ObjectModel
from support import sliced


def test_random_requests_do_what_the_model_says():
    run_state_machine_as_test(ObjectModel, settings=a_slice(5))


def test_random_requests_do_what_the_model_says_in_the_compiled_life():
    class Compiled(ObjectModel):
        life = "compiled"

    run_state_machine_as_test(Compiled, settings=a_slice(5))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_has_its_place_in_the_source(name, tmp_path):
    with mistaken(tmp_path, *MISTAKES[name]):
        pass


@pytest.mark.parametrize("name", sliced(MISTAKES, 18))
def test_a_mistake_in_the_kernel_is_found_by_the_model_alone(name, tmp_path):
    assert is_found(tmp_path, name, number=1, examples=1000)
