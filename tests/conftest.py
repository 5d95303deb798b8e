"""All tests run the kernel strictly: integers, asserts and memory are checked as compiled code checks them."""

import gc

from hypothesis import settings

from keelback.lang import strict

strict.install("keelback.kernel")

# Every run makes the same examples, so that it fails for what was changed alone; `make fuzz` makes others each time.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("random", deadline=None)
settings.load_profile("fixed")


def pytest_collection():
    """Keep the garbage collector from looking through thousands of tests that are being collected …"""
    gc.disable()


def pytest_collection_finish():
    """… and that stay to the end; and let a machine or two be made between its looks, and not a tenth of one."""
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


def pytest_sessionfinish():
    """At the end pytest has it look five times, and all that is there goes anyway."""
    gc.freeze()
