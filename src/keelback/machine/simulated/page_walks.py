"""The page walks of a processor: its control registers choose the paging scheme.

Source: Intel SDM volume 3, section 4.1.1 (paging modes).
"""

from keelback.inspect.walk import Walker, reader
from keelback.machine.simulated.saved_state import SavedState

CR4_PAE = 1 << 5


class PageWalks:
    """Walkers over a machine's RAM, one a scheme."""

    def __init__(self, memory: memoryview) -> None:
        read = reader(memory)
        self.two_levels = Walker("i386", read)
        self.three_levels = Walker("PAE", read)

    def by(self, cr4: int) -> Walker:
        """Return what walks as a CPU does that has this value in CR4, when paging is on."""
        return self.three_levels if cr4 & CR4_PAE else self.two_levels

    def of(self, state: SavedState) -> Walker:
        """Return what walks as the processor does in a state."""
        return self.by(state.cr4)
