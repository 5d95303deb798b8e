"""The machines that Keelback runs on: the simulated PC, with its two lives, and QEMU."""
