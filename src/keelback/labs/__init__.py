"""Assignments: parts of the kernel that students write, and what is said of what they wrote."""
