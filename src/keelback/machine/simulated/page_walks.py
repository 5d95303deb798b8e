"""The page walks of a processor: its control registers choose the paging scheme.

Source: Intel SDM volume 3, section 4.1.1 (paging modes).
"""

from keelback.inspect.walk import Walker, reader
from keelback.machine.simulated.models import EFER, LONG_MODE
from keelback.machine.simulated.saved_state import SavedState

CR4_PAE = 1 << 5


class PageWalks:
    """Walkers over a machine's RAM, one a scheme."""

    def __init__(self, memory: memoryview) -> None:
        read = reader(memory)
        self.two_levels = Walker("i386", read)
        self.three_levels = Walker("PAE", read)
        self.four_levels = Walker("x86-64", read)

    def of(self, state: SavedState) -> Walker:
        """Return what walks as the processor does in a state, when paging is on."""
        if not state.cr4 & CR4_PAE:
            return self.two_levels
        return self.four_levels if state.msr(EFER) & LONG_MODE else self.three_levels
