"""Keelback: an x86 microkernel and process manager in Python, centred on virtual memory."""


def __getattr__(name: str) -> str:
    """Return `__version__`, looked up by whoever asks: that takes longer than all else in the command's start."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("keelback")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+unknown"
