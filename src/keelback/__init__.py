"""Keelback: an x86 microkernel and process manager in Python, centred on virtual memory."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("keelback")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"
