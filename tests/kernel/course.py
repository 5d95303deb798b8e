"""The `teaching` layout on page tables of 32 bits: to hold its policies in the kernel that has been there longest."""

from dataclasses import replace

from keelback.kernel.layout import KIB, TEACHING
from keelback.kernel.x86.paging import I386

COURSE = replace(TEACHING, name="course", number=104, paging=I386, entry_stack=24 * KIB)
