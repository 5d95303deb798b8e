"""Which entry code a kernel that is interpreted has, by the width of its layout's words."""

from keelback.kernel.layout import Layout
from keelback.lang import Ram
from keelback.machine.simulated.entry_code import EntryCode
from keelback.machine.simulated.long_entry_code import LongModeEntryCode
from keelback.machine.simulated.models import WIDE
from keelback.machine.simulated.processor import Processor


def entry_code_of(layout: Layout, ram: Ram, processor: Processor) -> EntryCode:
    """Return what the entry code of a layout's kernel does on a processor."""
    return (LongModeEntryCode if processor.state.width is WIDE else EntryCode)(layout, ram, processor)
