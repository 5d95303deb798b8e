"""Functions that are called seldom."""

from keelback.lang import rare


@rare
def following(number: int) -> int:
    """Return the next number."""
    return number + 1


def test_a_rare_function_is_itself_in_python_and_says_that_it_is_rare():
    assert following(1) == 2
    assert following.is_rare
    assert (following.__name__, following.__doc__) == ("following", "Return the next number.")
