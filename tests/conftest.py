"""All tests run the kernel strictly: integers, asserts and memory are checked as compiled code checks them."""

import gc
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from keelback.lang import strict

strict.install("keelback.kernel")

# Every run makes the same examples, so that it fails for what was changed alone; `make fuzz` makes others each time.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("random", deadline=None)
settings.load_profile("fixed")


def pytest_configure():
    """Let commands that tests end notice it, also where a shell runs the tests beside something else, or `nohup`."""
    defaults = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGHUP: signal.SIG_DFL,
        signal.SIGTERM: signal.SIG_DFL,
    }
    for number, default in defaults.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, default)


def pytest_collection(session):
    """Keep the garbage collector from looking through thousands of tests that are being collected …"""
    gc.disable()
    session.config.args = shared_out(session.config)


def shared_out(config):
    """Return what to collect: each worker begins at another file, for what one has rewritten the others only read."""
    worker, folders = getattr(config, "workerinput", None), [Path(each) for each in config.args]
    if worker is None or not all(each.is_dir() for each in folders):
        return config.args
    files = sorted(str(file) for folder in folders for file in folder.rglob("test_*.py"))
    first = len(files) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    return files[first:] + files[:first]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Put the tests back in the order that they have in all workers."""
    items.sort(key=lambda item: item.path)


def pytest_collection_finish():
    """… and that stay to the end; and let machines be made between its looks, and not a tenth of one."""
    gc.freeze()
    gc.set_threshold(100_000, 10, 1_000)
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Have it look at all that a file's tests have left, and not again at what stays."""
    done = yield
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()
    return done


def pytest_sessionfinish():
    """At the end pytest has it look five times, and all that is there goes anyway."""
    gc.freeze()
