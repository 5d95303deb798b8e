"""gdb on the compiled kernel, in Python's terms."""
