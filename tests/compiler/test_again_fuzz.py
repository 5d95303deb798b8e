"""Changed kernels that are compiled again do what they do compiled as a whole: some random ones, the same each time."""

from collections import Counter

import pytest

from compiler.again_fuzz import try_one


@pytest.mark.campaign
def test_what_is_compiled_again_does_what_the_whole_does(tmp_path):
    tried = Counter()
    for seed in range(12):
        try_one(seed, tmp_path, tried)
    assert tried["POWERED_OFF"] and tried["as a whole"] < 4
