"""A fixed slice of the random requests of those that exchange messages, and of the mistakes that they find.

`make fuzz` runs all.
"""

import pytest
from hypothesis import Phase
from hypothesis.stateful import run_state_machine_as_test

from kernel.exchange.mistakes import MISTAKES, SOON, is_found
from kernel.exchange.model import ExchangeModel
from kernel.mistaken import mistaken
from kernel.modelled import a_slice
from support import some_of


def test_random_requests_do_what_the_model_says():
    run_state_machine_as_test(ExchangeModel, settings=a_slice(4, phases=[Phase.generate]))


def test_random_requests_do_what_the_model_says_in_the_compiled_life():
    class Compiled(ExchangeModel):
        life = "compiled"
        watched = False

    run_state_machine_as_test(Compiled, settings=a_slice(6, phases=[Phase.generate]))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_has_its_place_in_the_source(name, tmp_path):
    with mistaken(tmp_path, *MISTAKES[name]):
        pass


@pytest.mark.parametrize("name", some_of(MISTAKES, SOON))
def test_a_mistake_in_the_kernel_is_found_by_the_model_alone(name, tmp_path):
    assert is_found(tmp_path, name, number=1, examples=300)
