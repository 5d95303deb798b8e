"""Frames, address spaces, regions, and pages on demand."""
