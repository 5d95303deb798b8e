"""The live view for browsers: for those of this machine alone, and nothing of it stays."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from keelback.view.watch.server import MOST_PAGES

LINE = [sys.executable, "-m", "keelback", "watch", "--serve"]


@contextmanager
def serving(*words):
    """Yield a server of a run, and its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen([*LINE, "--port", str(port), *words], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout.readline().startswith(f"http://127.0.0.1:{port} has the live view")
            while socket.socket().connect_ex(("127.0.0.1", port)):
                time.sleep(0.02)  # it says where it will listen, and then does
            yield server, port
        finally:
            server.kill()


def answer(port, path="/", **headers):
    """Return the status of what is asked for, and its text."""

    async def ask():
        where = f"http://127.0.0.1:{port}{path}"
        async with aiohttp.ClientSession() as session, session.get(where, headers=headers) as found:
            return found.status, await found.text()

    return asyncio.run(ask())


async def screen_has(socket, text):
    """Read what a page is sent until it has a text."""
    sent = b""
    while text not in sent:
        message = await socket.receive(timeout=60)
        sent += message.data if isinstance(message.data, bytes) else b""


def children(pid):
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_page_shows_the_run_and_ends_with_the_server():
    async def look(server, port):
        async with aiohttp.ClientSession() as session:
            page = await session.ws_connect(f"http://127.0.0.1:{port}/ws?width=120&height=40")
            await screen_has(page, b"physical memory")
            return children(server.pid)

    with serving("hello") as (server, port):
        status, page = answer(port)
        assert status == 200 and "http" not in page.replace(f"http://127.0.0.1:{port}", "").replace("ws:", "")
        [run] = asyncio.run(look(server, port))
        server.send_signal(signal.SIGKILL)
        server.wait()
        end = time.monotonic() + 20
        while os.path.exists(f"/proc/{run}") and Path(f"/proc/{run}/stat").read_text().split()[2] != "Z":
            assert time.monotonic() < end, "the run outlives its server"
            time.sleep(0.05)


@pytest.mark.parametrize("path", ["/", "/ws", "/static/js/textual.js"])
def test_other_sites_get_nothing(path):
    with serving("hello") as (_, port):
        assert answer(port, path, Origin="http://evil.example")[0] == 403
        assert answer(port, path, Host=f"evil.example:{port}")[0] == 403


def test_no_more_pages_are_open_than_there_may_be():
    async def open_all(port):
        async with aiohttp.ClientSession() as session:
            where = f"http://127.0.0.1:{port}/ws"
            pages = [await session.ws_connect(where) for _ in range(MOST_PAGES)]
            async with session.get(where) as found:
                assert (found.status, await found.text()) == (503, f"{MOST_PAGES} pages are open: close one\n")
            for each in pages:
                await each.close()

    with serving("hello") as (_, port):
        asyncio.run(open_all(port))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nosuch"], "no program 'nosuch'"),
        (["--with", "nosuch.py", "hello"], "nosuch.py: No such file or directory"),
        (["--port", "1", "hello"], "--port 1: "),
    ],
)
def test_a_mistake_is_told_before_anything_is_served(words, says, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        words = [str(taken.getsockname()[1]) if each == "1" else each for each in words]
        taken.listen()
        done = subprocess.run([*LINE, *words], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert says.replace("--port 1: ", "Address already in use") in done.stderr
