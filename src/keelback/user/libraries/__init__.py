"""Shared libraries: a C file or a module in Kernel Python each, called as its stem."""
