"""What a machine loads: programs and libraries, the payload, the kernel image and its file."""
