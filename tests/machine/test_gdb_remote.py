"""gdb's remote protocol: packets as its manual has them, and one clear line for every server that misbehaves."""

import socket
import threading
import time

import pytest

from keelback.machine.qemu.gdb_remote import GdbRemote
from keelback.machine.qemu.qmp import QemuError


def packet(text):
    return f"${text}#{sum(text.encode()) & 0xFF:02x}".encode()


@pytest.fixture
def pair():
    """Return a client, and its server's end of the line, which has to have said all before it is asked."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0.05)
    with theirs:
        remote = GdbRemote(ours)
        yield remote, theirs
        remote.close()


def say(server, *texts):
    for text in texts:
        server.sendall(b"+" + packet(text))


def heard(server):
    return server.recv(4096)


def test_a_breakpoint_is_the_cpus_own_and_every_answer_is_acknowledged(pair):
    remote, server = pair
    say(server, "OK", "OK")
    remote.set_breakpoint(0x10003A)
    remote.remove_breakpoint(0x10003A)
    assert heard(server) == b"$Z1,10003a,1#69+$z1,10003a,1#89+"


@pytest.mark.parametrize("refusal", ["", "E22"])
def test_a_breakpoint_in_memory_does_where_the_cpu_has_none(pair, refusal):
    remote, server = pair
    say(server, refusal, "OK", "OK")
    remote.set_breakpoint(0x10)
    remote.remove_breakpoint(0x10)
    assert heard(server) == b"+".join(map(packet, ("Z1,10,1", "Z0,10,1", "z0,10,1"))) + b"+"


@pytest.mark.parametrize(("answer", "stands"), [("T05thread:01;", True), ("S05", True), ("W00", False), ("X09", False)])
def test_a_run_ends_at_a_stop_or_with_the_machine(pair, answer, stands):
    remote, server = pair
    say(server, answer, answer)
    assert (remote.go_on(), remote.step()) == (stands, stands)
    assert heard(server) == packet("c") + b"+" + packet("s") + b"+"


def test_a_server_that_goes_away_has_ended_with_its_machine(pair):
    remote, server = pair
    server.close()
    assert not remote.go_on() and not remote.step()
    remote.detach()
    remote.kill()


def test_the_last_words_are_detach_or_kill(pair):
    remote, server = pair
    say(server, "OK")
    remote.detach()
    assert heard(server) == packet("D") + b"+" and heard(server) == b""


MISTAKES = {
    b"": (lambda remote: remote.go_on(), "QEMU's gdb server does not answer c within 0.05 seconds"),
    b"+" + packet("T02"): (lambda remote: remote.step(), "QEMU's gdb server answers s with 'T02'"),
    b"+" + packet("E01"): (lambda remote: remote.detach(), "QEMU's gdb server answers D with 'E01'"),
    b"+$OK#9b": (lambda remote: remote.detach(), "QEMU's gdb server sends what is no packet: b'$OK'"),
    b"-": (lambda remote: remote.detach(), "QEMU's gdb server sends what is no packet: b'-'"),
    b"+$#00+$E22#a9": (lambda remote: remote.set_breakpoint(16), "QEMU's gdb server sets no breakpoint at 0x10"),
}


@pytest.mark.parametrize("said", MISTAKES)
def test_what_a_server_may_not_say_is_one_clear_line(pair, said):
    remote, server = pair
    server.sendall(said)
    act, message = MISTAKES[said]
    with pytest.raises(QemuError) as caught:
        act(remote)
    assert str(caught.value) == message


def test_a_server_that_ends_before_it_answers_is_one_clear_line(pair):
    remote, server = pair
    server.close()
    with pytest.raises(QemuError) as caught:
        remote.set_breakpoint(16)
    assert str(caught.value) == "QEMU ended before its gdb server answered Z1,10,1"


def test_a_server_has_one_time_for_an_answer(pair):
    remote, server = pair
    is_over = threading.Event()

    def drip():
        while not is_over.wait(0.01):
            server.sendall(b"+")

    thread = threading.Thread(target=drip)
    thread.start()
    started = time.monotonic()
    with pytest.raises(QemuError, match=r"does not answer c within 0\.05 seconds"):
        remote.go_on()
    assert time.monotonic() - started < 2
    is_over.set()
    thread.join()
