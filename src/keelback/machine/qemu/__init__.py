"""QEMU: started, looked at, ended."""
