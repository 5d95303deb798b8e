"""The machines that Keelback runs on: the simulated PC."""
