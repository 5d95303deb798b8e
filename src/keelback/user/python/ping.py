"""Takes turns: run together, ping and pong interleave."""

from keelback.user.turns import Turns


class Ping(Turns):
    """Says ping, and lets others run, as often as its argument says."""

    name = "ping "


PROGRAM = Ping
