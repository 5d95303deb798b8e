"""What commands take: cold, with an empty cache, and warm, when all that they build is kept."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

REPEATS = 5
BUILDS = (
    ("run", "hello"),
    ("run", "--kernel", "compiled", "hello"),
    ("run", "--machine", "qemu", "hello"),
    ("compare", "hello"),
    ("check", "hello"),
    ("story",),
    ("build", "-o", os.devnull, "hello"),
)
"""Commands that build something."""
OTHERS = (("--help",), ("run", "--help"), ("programs",), ("layouts",), ("compile",), ("doctor",))


def rows() -> Iterator[tuple[str, float]]:
    """Yield each command as it is typed and the seconds that it takes; for a run, also to its first output."""
    for words in OTHERS:
        yield f"keelback {' '.join(words)}", median(words)
    for words in BUILDS:
        typed = f"keelback {' '.join(words)}"
        with TemporaryDirectory() as cache:
            first, whole = took(words, cache)
            yield f"{typed}, cold, first output", first
            yield f"{typed}, cold", whole
            yield f"{typed}, warm", median(words, cache)


def median(words: tuple[str, ...], cache: str | None = None) -> float:
    """Return the median of the seconds that a command takes."""
    return statistics.median(took(words, cache)[1] for _ in range(REPEATS))


def took(words: tuple[str, ...], cache: str | None) -> tuple[float, float]:
    """Run a command; return the seconds to its first output and to its end."""
    environment = os.environ | ({} if cache is None else {"KEELBACK_CACHE": cache})
    start = time.perf_counter()
    command = [Path(sys.executable).parent / "keelback", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        first = time.perf_counter() - start
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    return first, time.perf_counter() - start
