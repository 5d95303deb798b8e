"""The end of interrupts, spurious ones among them."""

import pytest

from support import make_pc


class Controllers:
    """Both controllers with lines in service, as hardware has them; notes what is ended."""

    def __init__(self, pc, main, second):
        self.main, self.second = pc.ports.ports[0x20][0], pc.ports.ports[0xA0][0]
        self.main.in_service, self.second.in_service = main, second

    def in_service(self):
        return self.main.in_service, self.second.in_service


@pytest.mark.parametrize(
    ("vector", "before", "after"),
    [
        (32, (0x01, 0), (0, 0)),
        (36, (0x10, 0), (0, 0)),
        (39, (0x80, 0), (0, 0)),
        (39, (0x00, 0), (0x00, 0)),  # spurious
        (39, (0x01, 0), (0x01, 0)),  # spurious, while the timer is served
        (40, (0x04, 0x01), (0, 0)),
        (47, (0x04, 0x80), (0, 0)),
        (47, (0x04, 0x00), (0, 0)),  # spurious in the second one only
        (47, (0x04, 0x01), (0, 0x01)),
    ],
)
def test_an_interrupt_ends_what_was_in_service_and_a_spurious_one_ends_nothing(vector, before, after):
    pc = make_pc("hello")
    pc.boot()
    controllers = Controllers(pc, *before)
    pc.kernel.interrupts.finish(vector)
    assert controllers.in_service() == after
