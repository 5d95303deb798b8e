"""Enums whose members have a text."""

import pytest

from keelback.lang import TextEnum, texts


class Colour(TextEnum):
    RED = 0, "red"
    GREEN = 1, "green"


def test_a_member_is_its_number_and_has_its_text():
    assert Colour.GREEN == 1 and Colour(1) is Colour.GREEN and Colour.GREEN.text == "green"
    assert f"{Colour.GREEN}" == "1"
    assert texts(Colour) == ("red", "green")


@pytest.mark.parametrize(
    ("number", "text"), [(2, "late"), (0, "again"), (1, "gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n")]
)
def test_a_number_out_of_turn_and_a_text_that_no_sink_takes_are_refused(number, text):
    with pytest.raises(ValueError, match=f"Wrong: {number}, .* is not member 1, in ASCII"):
        TextEnum("Wrong", {"FIRST": (0, "first"), "SECOND": (number, text)})
