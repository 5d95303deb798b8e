"""The gates of an interrupt descriptor table: what their second word says, at any width.

Source: Intel SDM volume 3, sections 6.11 (32-bit gates) and 6.14.1 (64-bit gates).
"""

PRESENT = 1 << 15
USER_LEVEL = 3 << 13
FOR_USERS = PRESENT | USER_LEVEL
KIND, INTERRUPT, TRAP, TASK = 0x1F00, 0x0E00, 0x0F00, 0x0500
OF_32_BITS, OF_64_BITS = frozenset({INTERRUPT, TRAP, TASK}), frozenset({INTERRUPT, TRAP})
STACK = 7
"""Of a 64-bit gate: which stack of the task state it changes to, 0 for none."""
