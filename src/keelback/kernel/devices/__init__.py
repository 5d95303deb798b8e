"""The devices: those that the kernel drives itself, and what it does for those that programs drive."""
