"""Runs of the simulated PC that are recorded: going back in them, and who changed what."""
