"""The microkernel and process manager, in Kernel Python."""
