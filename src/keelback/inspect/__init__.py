"""The lens: reads what a kernel has in any machine's RAM."""
