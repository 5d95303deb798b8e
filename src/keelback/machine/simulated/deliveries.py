"""Which delivery a processor has, by its width."""

from keelback.machine.simulated.delivery import Delivery
from keelback.machine.simulated.long_mode import LongModeDelivery
from keelback.machine.simulated.models import WIDE
from keelback.machine.simulated.processor import Processor
from keelback.machine.simulated.protected_mode import ProtectedModeDelivery


def delivery_of(processor: Processor) -> Delivery:
    """Return what delivers a processor's traps."""
    wide = processor.state.width is WIDE
    return LongModeDelivery(processor) if wide else ProtectedModeDelivery(processor)
