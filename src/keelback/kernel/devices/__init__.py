"""The devices that the kernel drives itself: console, screen, timer, power."""
