"""How fast time runs on the machines: an instruction takes as long on the simulated PC as on QEMU.

A timer tick of 10 ms is 78,125 instructions, the kernel's own included on QEMU.
"""

SHIFT = 7
"""An instruction takes 2^7 nanoseconds: what a CPU of 8 MHz would need, so that ticks come often."""
INSTRUCTIONS_PER_SECOND = 1_000_000_000 >> SHIFT
