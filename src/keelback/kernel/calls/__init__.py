"""The way in: traps, system calls, faults; and what is left to say when the kernel itself is wrong."""
