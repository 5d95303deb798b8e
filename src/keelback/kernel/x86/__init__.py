"""One CPU family: page tables, descriptors, interrupts, control registers, entry code."""
