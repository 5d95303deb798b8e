"""The runtime of programs: C, and what of it is Kernel Python."""
