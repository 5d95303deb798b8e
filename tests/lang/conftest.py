"""What the tests of the language share: a RAM, regions of it, and a check of what a panic says and where."""

import traceback
from contextlib import contextmanager

import pytest

from keelback.lang import Panic, Ram, Region

SIZE = 1 << 16


@pytest.fixture
def ram():
    return Ram(SIZE)


@pytest.fixture
def region(ram):
    return Region(ram, 0x1000, 0x8000)


@pytest.fixture
def panics(request):
    """Return a context: what is done in it panics with just this message, at its last line in the test's own file."""

    @contextmanager
    def expect(message):
        with pytest.raises(Panic) as caught:
            yield
        panic = caught.value
        own = [step for step in traceback.extract_tb(panic.__traceback__) if step.filename == str(request.path)]
        assert panic.message == message
        assert (panic.file, panic.line) == (own[-1].filename, own[-1].lineno)
        assert str(panic) == f"{message} ({request.path.name}:{own[-1].lineno})"

    return expect
