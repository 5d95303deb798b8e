"""Takes turns: run together, ping and pong interleave."""

from keelback.user.turns import Turns


class Pong(Turns):
    """Says pong, and lets others run, as often as its argument says."""

    name = "pong "


PROGRAM = Pong
