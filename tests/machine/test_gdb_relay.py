"""What a machine prints before a stop is shown before gdb hears of the stop, however slow the terminal is."""

import socket
import time
from threading import Thread

import pytest

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.kernel.layout import MICROKERNEL
from keelback.machine.qemu.gdb_relay import GdbRelay
from keelback.machine.qemu.gdb_remote import GdbRemote
from keelback.machine.qemu.running_qemu import RunningQemu
from support import MIB, payload_programs

GREETING, OUTPUT = b"keelback: microkernel layout, ", b"hello: I am process 1\n"


@pytest.fixture
def relayed(tmp_path):
    """Return a machine whose terminal is slow, what it has shown, and a gdb that is relayed to it."""
    shown = bytearray()

    def show(data):
        time.sleep(0.05)
        shown.extend(data)

    payload = make_payload({"etc/init": b"hello\n", "hello": payload_programs()["hello"]})
    image = make_image_file(MICROKERNEL, make_image(MICROKERNEL, payload, compiled(MICROKERNEL)))
    with RunningQemu(image, memory=8 * MIB, output=show) as machine:
        relay = Thread(target=GdbRelay(machine, tmp_path / "gdb").run)
        relay.start()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(tmp_path / "gdb"))
            connection.settimeout(60)
            yield machine, shown, GdbRemote(connection)
        machine.process.kill()
        relay.join()


def test_what_was_printed_is_shown_before_the_stop(relayed):
    machine, shown, gdb = relayed
    gdb.set_breakpoint(machine.header["booted"])
    assert gdb.go_on()
    assert shown.startswith(GREETING)


def test_all_is_shown_before_gdb_hears_of_the_end(relayed):
    _, shown, gdb = relayed
    assert not gdb.go_on()
    assert OUTPUT in shown


def test_a_gdb_that_leaves_leaves_the_machine_running(relayed):
    machine, shown, gdb = relayed
    gdb.detach()
    until = time.monotonic() + 60
    while OUTPUT not in shown and time.monotonic() < until:
        time.sleep(0.02)
    assert OUTPUT in shown
    machine.process.wait(60)
