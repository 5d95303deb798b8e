"""From what the boot loader says to memory laid out."""
