"""A process within limits: whatever it does, there is an answer, and nothing of it is left."""

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from keelback.labs import limits
from keelback.labs.limits import Confinement, Limits, confinement, place_of_command, run_limited

LIMITS = Limits(memory=1 << 30, cpu=2, seconds=20.0, file=1 << 20, report=1 << 20)


NAMESPACES = pytest.mark.skipif(not confinement().namespaces, reason="this system gives no namespaces to this user")


@pytest.fixture(params=[True, False], ids=["namespaces", "limits alone"])
def confined(request, monkeypatch):
    """Have commands run in namespaces or without."""
    if request.param and not confinement().namespaces:
        pytest.skip("this system gives no namespaces to this user")
    how = confinement() if request.param else Confinement(namespaces=False, user=None)
    monkeypatch.setattr(limits, "confinement", lambda: how)


@pytest.fixture
def hidden(tmp_path):
    """Return a folder that what runs may not see."""
    (tmp_path / "secret").write_text("42")
    return tmp_path


@pytest.fixture
def ended(hidden):
    """Return what runs some Python within limits."""

    def run(text, **limits):
        with place_of_command(hidden=[hidden]) as place:
            return run_limited([sys.executable, "-I", "-c", text], b"given", place, LIMITS._replace(**limits))

    return run


def test_what_ends_well_has_its_report(ended):
    assert ended("print(input(), end='')") == (b"given", "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("while True: pass", "took more time of the CPU than it may"),
        ("import time; time.sleep(9)", "took longer than 1 second"),
        ("import os; os._exit(3)", "ended with status 3"),
        ("import os; os.abort()", "was killed by SIGABRT"),
        ("x = bytearray(2 << 30)", "ended with status 1"),
        ("while True: print('x' * 4096)", "wrote more than 1,048,576 bytes"),
        ("open('f', 'w').write('x' * (2 << 20))", "ended with status 1"),
    ],
)
def test_what_takes_too_much_is_ended(text, why, ended):
    found = ended(text, seconds=1.0 if "sleep" in text else 20.0)
    assert found.why == why


def test_what_goes_too_deep_is_ended_by_some_limit(ended):
    assert ended("import sys; sys.setrecursionlimit(10**9)\ndef f(): f()\nf()").why


def test_what_it_has_started_ends_with_it(ended, confined):
    """Its report ends when the child's copy of the pipe does: with it in namespaces, else the time ends both."""
    text = "import os, time\nif os.fork() == 0:\n    time.sleep(30)\nprint(os.getpgid(0))"
    started = time.monotonic()
    why = "" if limits.confinement().namespaces else "took longer than 2 seconds"
    assert ended(text, seconds=2.0).why == why
    assert time.monotonic() - started < 15


def test_nothing_is_in_its_environment_but_what_it_is_told(ended):
    os.environ["SECRET"] = "x"
    try:
        assert b"SECRET" not in ended("import os; print(dict(os.environ))").report
    finally:
        del os.environ["SECRET"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import os; os._exit(3)", "ended with status 3"),
        ("import os; os._exit(137)", "was killed by SIGKILL"),
        ("import os; os.abort()", "was killed by SIGABRT"),
        ("while True: pass", "took more time of the CPU than it may"),
        ("print()", ""),
    ],
)
def test_why_it_ended_is_told_alike(text, why, ended, confined):
    why = "ended with status 137" if "137" in text and not limits.confinement().namespaces else why
    assert ended(text, cpu=1).why == why


@pytest.mark.parametrize(
    "text",
    [
        "open('/tmp/keelback-was-here', 'w')",
        "open('HIDDEN/secret')",
        "import socket; socket.create_connection(('127.0.0.1', 9), 1)",
        "import os; os.kill(GRADER, 0)",
        "import ctypes, os\nif ctypes.CDLL(None).mount(None, b'/', None, ctypes.c_ulong(4128), None): os._exit(1)",
        "import os; os.setuid(12)",
        "import os, ctypes\nif ctypes.CDLL(None).unshare(0x20000): os._exit(1)",
    ],
)
@NAMESPACES
def test_in_namespaces_it_reaches_nothing(text, ended, hidden):
    assert ended(text.replace("HIDDEN", str(hidden)).replace("GRADER", str(os.getpid()))).why == "ended with status 1"


@NAMESPACES
def test_in_namespaces_what_leaves_its_session_ends_with_it(ended):
    """The child would keep the report open for as long as it lives."""
    text = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\nprint(os.listdir('.'))"
    started = time.monotonic()
    assert ended(text, seconds=10.0) == (b"[]\n", "")
    assert time.monotonic() - started < 9


@NAMESPACES
def test_in_namespaces_nobody_else_is_there(ended):
    assert int(ended("import os; print(os.getpid())").report) < 10
    with TemporaryDirectory() as other, place_of_command() as place:
        if Path(other).parent.resolve() not in place.hidden:
            pytest.skip("Python itself lies among the temporary files")
        text = f"import os; home = os.environ['HOME']; print(os.path.exists(home), os.path.exists({other!r}))"
        assert ended(text).report == b"True False\n"


def test_a_folder_with_programs_is_not_hidden(tmp_path, monkeypatch):
    """A compiler may be in it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "in").mkdir()
    monkeypatch.setenv("PATH", f"bin:{tmp_path}/bin:{os.environ['PATH']}")
    with place_of_command(hidden=[tmp_path, tmp_path / "in"]) as place:
        assert tmp_path / "in" in place.hidden and tmp_path not in place.hidden
