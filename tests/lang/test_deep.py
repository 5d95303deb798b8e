"""Room for deep walks, also of several threads at once."""

import sys

from keelback.lang.deep import DEEP, deep_walks


def test_there_is_room_until_the_last_walk_ends():
    usual = sys.getrecursionlimit()
    first, second = deep_walks(), deep_walks()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.getrecursionlimit() == DEEP
    second.__exit__(None, None, None)
    assert sys.getrecursionlimit() == usual
