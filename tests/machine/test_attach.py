"""A QEMU that somebody else runs is looked at and runs on, whatever happens to who looks; nobody is moved who stood."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest

from keelback.errors import UserError
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.image.toolchain import TARGETS
from keelback.inspect.invariants import check
from keelback.inspect.moment import Stands
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64, USERMODE
from keelback.machine.attach import attach
from keelback.machine.moments import save
from keelback.machine.qemu import attaching, trap_end
from keelback.machine.qemu.qemu import BY_INSTRUCTIONS, CPU, Medium, Qemu, find_qemu
from keelback.machine.qemu.qmp import Qmp
from support import MIB, c_program, some_of
from variants import VARIANTS, name_of

BUSY = """
int main(void)
{
    struct ending ending;

    sys_puts("busy\\n", 5);
    for (;;) {
        if (sys_fork_child() == 0)
            return 0;
        sys_wait(-1, &ending);
    }
}"""
SLEEPS = "int main(void) { for (;;) sys_sleep(1000); }"


@cache
def image_of(layout=MICROKERNEL, text=BUSY):
    busy = c_program(text, layout.image_base, target=TARGETS[layout.paging.word_bits])
    payload = make_payload({"etc/init": b"busy\nbusy\n", "busy": busy})
    return make_image_file(layout, make_image(layout, payload, compiled(layout)))


@contextmanager
def running(folder, image, *, memory=64 * MIB, medium=Medium.KERNEL, arguments=()):
    """Start a QEMU as `keelback run` does, with RAM in a file; yield its monitor's socket."""
    monitor = folder / "qmp"
    options = ("-qmp", f"unix:{monitor},server=on,wait=off", *arguments)
    with Qemu(image, memory=memory, medium=medium, arguments=options) as machine:
        yield monitor, machine.process


@contextmanager
def by_hand(folder, image, *, memory=64 * MIB, arguments=()):
    """Start a QEMU as a user does: its RAM is its own."""
    monitor, file = folder / "qmp", folder / "image"
    file.write_bytes(image)
    command = [find_qemu(), "-accel", "tcg", "-cpu", CPU, "-m", f"{memory >> 20}M", "-kernel", file, *arguments]
    command += ["-nodefaults", "-display", "none", "-qmp", f"unix:{monitor},server=on,wait=off"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield monitor, process
    finally:
        process.kill()
        process.wait()


def wait_for(monitor):
    """Wait until a machine's monitor listens."""
    last = time.monotonic() + 20
    while time.monotonic() < last:
        with suppress(OSError):
            return status_of(monitor)
        time.sleep(0.05)
    return status_of(monitor)


def status_of(monitor):
    with asked(monitor) as qmp:
        return qmp.command("query-status")["status"]


@contextmanager
def asked(monitor):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(str(monitor))
    qmp = Qmp(connection)
    try:
        yield qmp
    finally:
        qmp.close()


def attached(monitor, until=lambda moment: b"busy" in moment.console):
    """Return a moment of a machine that has come so far."""
    last = time.monotonic() + 60
    while time.monotonic() < last:
        try:
            with attach(f"qemu:{monitor}") as moment:
                if until(moment):
                    return moment
        except UserError:
            pass
        time.sleep(0.1)
    with attach(f"qemu:{monitor}") as moment:
        raise AssertionError(f"it has not come so far: {moment}")


@pytest.mark.parametrize("start", some_of([running, by_hand], [by_hand]))
def test_a_running_machine_is_looked_at_again_and_again_and_runs_on(start, tmp_path):
    with start(tmp_path, image_of()) as (monitor, _):
        times = []
        for _ in range(3):
            moment = attached(monitor)
            assert moment.stands is Stands.TRAP_END
            snapshot = moment.snapshot()
            check(snapshot.kernel)
            assert {each.name for each in snapshot.processes.values()} == {"busy"}
            assert snapshot.walk(1, moment.layout.image_base).mapping is not None
            assert status_of(monitor) == "running"
            times.append(moment.time)
            time.sleep(0.05)
        assert times == sorted(times) and times[0] < times[-1]


@pytest.mark.parametrize("layout", some_of(VARIANTS[1:], [MICROKERNEL_64]), ids=name_of)
def test_every_other_layout_and_scheme_is_found(layout, tmp_path):
    with running(tmp_path, image_of(layout)) as (monitor, _):
        moment = attached(monitor)
        assert (moment.layout, moment.stands, moment.machine) == (layout, Stands.TRAP_END, "QEMU")
        check(moment.snapshot().kernel)


def test_memory_beyond_four_gib_lies_where_the_machine_has_it(tmp_path):
    with running(tmp_path, image_of(), memory=5 << 30) as (monitor, _):
        before = time.monotonic()
        moment = attached(monitor)
        assert len(moment.contents) == 6 << 30
        check(moment.snapshot().kernel)
        assert time.monotonic() - before < 60


def test_a_machine_that_sleeps_stands_at_a_traps_end(tmp_path):
    with running(tmp_path, image_of(text=SLEEPS), arguments=BY_INSTRUCTIONS) as (monitor, _):
        moment = attached(monitor, lambda moment: len(moment.snapshot().processes) == 2)
        assert moment.stands is Stands.TRAP_END
        check(moment.snapshot().kernel)


def test_a_moment_of_qemus_is_saved_and_read_back(tmp_path):
    with running(tmp_path, image_of()) as (monitor, _):
        moment = attached(monitor)
    save(moment, tmp_path / "machine")
    with attach(f"file:{tmp_path / 'machine'}") as kept:
        assert (kept.machine, kept.time, kept.console) == ("QEMU", moment.time, moment.console)
        assert bytes(kept.contents) == bytes(moment.contents)


def test_a_machine_that_its_user_paused_is_not_moved(tmp_path):
    with running(tmp_path, image_of()) as (monitor, _):
        attached(monitor)
        with asked(monitor) as qmp:
            qmp.command("stop")
            before = qmp.monitor("info registers")
        stands = set()
        for _ in range(2):
            with attach(f"qemu:{monitor}") as moment:
                stands.add(moment.stands)
        with asked(monitor) as qmp:
            assert qmp.command("query-status")["status"] == "paused"
            assert qmp.monitor("info registers") == before
        assert len(stands) == 1


@pytest.mark.parametrize("leave", ["it passes", "it never passes"])
def test_a_kernel_that_is_never_met_outside_is_run_to_the_end_of_its_trap(leave, tmp_path, monkeypatch):
    """User mode is a ring that no CPU has, so that no moment is found."""
    monkeypatch.setattr(trap_end, "USER_RING", 7)
    monkeypatch.setattr(trap_end, "PATIENCE", 1.0)
    run_to_leave = trap_end._run_to_leave
    if leave == "it never passes":
        monkeypatch.setattr(trap_end, "_run_to_leave", lambda qmp, _leave, gdb: run_to_leave(qmp, 0x700, gdb))
    with running(tmp_path, image_of()) as (monitor, _):
        for _ in range(2):
            moment = attached(monitor)
            expected = Stands.TRAP_END if leave == "it passes" else Stands.IN_KERNEL
            assert moment.stands is expected and status_of(monitor) == "running"
        if leave == "it passes":
            check(moment.snapshot().kernel)
        before = moment.time
        assert attached(monitor, lambda moment: moment.time > before).time > before


def test_a_machine_that_somebody_debugs_is_not_taken_from_them(tmp_path, monkeypatch):
    monkeypatch.setattr(trap_end, "USER_RING", 7)
    with running(tmp_path, image_of(), arguments=["-gdb", f"unix:{tmp_path / 'gdb'},server=on,wait=off"]) as (
        monitor,
        _,
    ):
        assert attached(monitor).stands is Stands.IN_KERNEL
        assert (tmp_path / "gdb").is_socket()


ATTACHES = """
import signal, sys
from keelback.machine.qemu import attaching
def linger(*_, **_more):
    print("stopped", flush=True)
    signal.pause()
from keelback.machine.qemu import trap_end
attaching.run_to_trap_end = linger
if sys.argv[2] == "at a breakpoint":
    attaching.run_to_trap_end = lambda qmp, idle, leave, gdb: trap_end._run_to_leave(qmp, leave, gdb)
    trap_end.GdbRemote.remove_breakpoint = linger
if len(sys.argv) > 3:
    from keelback.cli import end_at_once
    signal.signal(int(sys.argv[3]), end_at_once)
from keelback.machine.attach import attach
with attach("qemu:" + sys.argv[1]):
    pass
"""


@pytest.mark.parametrize(
    ("number", "where"),
    [
        (signal.SIGKILL, "stopped"),
        (signal.SIGTERM, "stopped"),
        (signal.SIGKILL, "at a breakpoint"),
        (signal.SIGINT, "at a breakpoint"),
    ],
)
def test_a_machine_runs_on_when_who_stopped_it_is_killed(number, where, tmp_path, scratch):
    with running(tmp_path, image_of()) as (monitor, _):
        before = attached(monitor).time
        own = [str(int(number))] if number in (signal.SIGTERM, signal.SIGHUP) else []
        process = subprocess.Popen(
            [sys.executable, "-c", ATTACHES, monitor, where, *own],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(scratch)},
        )
        assert process.stdout.readline() == b"stopped\n"
        os.killpg(process.pid, number)
        assert process.wait() != 0
        process.stdout.close()
        last = time.monotonic() + 20
        while status_of(monitor) != "running" and time.monotonic() < last:
            time.sleep(0.05)
        assert attached(monitor, lambda moment: moment.time > before + 200_000)
        assert status_of(monitor) == "running"
        assert not left_folders(scratch)


@pytest.fixture
def scratch(monkeypatch):
    """Make a folder for temporary files that no other test uses, with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="keelback-") as path:
        monkeypatch.setattr(tempfile, "tempdir", path)
        yield Path(path)


def left_folders(scratch):
    """Return the guards' folders that are still there, a moment later."""
    last = time.monotonic() + 5
    while (found := [*scratch.glob("keelback-guard-*")]) and time.monotonic() < last:
        time.sleep(0.05)
    return found


def test_a_machine_runs_on_after_any_error(tmp_path, monkeypatch):
    with running(tmp_path, image_of()) as (monitor, _):
        attached(monitor)
        for error in (ValueError("any"), KeyboardInterrupt(), UserError("a line")):

            def fail(*_, error=error):
                raise error

            monkeypatch.setattr(attaching, "_copied", fail)
            with pytest.raises(type(error)), attach(f"qemu:{monitor}"):
                pass
            assert status_of(monitor) == "running"


def said_of(target):
    with pytest.raises(UserError) as error, attach(target):
        pass
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
    return str(error.value)


def test_what_is_no_target_is_told(tmp_path):
    for target in ("", "qemu", "qemu:", "file:", "disk:x", "machine.kb"):
        assert said_of(target) == f"{target}: a machine is named by qemu:SOCKET or file:FILE"
    (tmp_path / "file").write_text("hello\n")
    nobody = "there is no QEMU whose QMP monitor it is"
    for name in ("nothing", "file"):
        assert said_of(f"qemu:{tmp_path / name}") == f"{tmp_path / name}: {nobody}"
    assert "too long" in said_of(f"qemu:{tmp_path}/{'x' * 200}")
    assert said_of(f"file:{tmp_path / 'nothing'}") == f"{tmp_path / 'nothing'}: No such file or directory"
    said_of("qemu:a\0b")
    said_of("file:a\0b")


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (b"", "it is no QMP monitor: it ends the connection"),
        (b"QEMU 7.2.22 monitor - type 'help' for more information\n(qemu) ", "it is no QMP monitor"),
        (b"\0\xff\n", "it is no QMP monitor"),
        (None, "within 0.2 seconds"),
    ],
    ids=["nothing", "another monitor", "bytes", "silence"],
)
def test_a_socket_that_is_no_qmp_is_told(says, told, tmp_path, monkeypatch):
    monkeypatch.setattr(attaching, "GREETING", 0.2)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    server.listen()

    def serve():
        connection, _ = server.accept()
        with connection:
            if says is None:
                connection.recv(1)
            else:
                connection.sendall(says)

    thread = threading.Thread(target=serve)
    thread.start()
    assert told in said_of(f"qemu:{tmp_path / 'socket'}")
    thread.join()
    server.close()


GREETING = b'{"QMP": {"version": {}, "capabilities": []}}\n'


@pytest.mark.parametrize(
    ("piece", "pause"),
    [(GREETING[:1], 0.02), (GREETING + b'{"event": "x"}\n' * 4000, 0.0), (b"x" * 4096, 0.0), (b"\n", 0.02)],
    ids=["it drips", "it floods with events", "it floods with one line", "it drips lines"],
)
def test_a_monitor_has_one_time_for_all_that_it_says(piece, pause, tmp_path, monkeypatch):
    monkeypatch.setattr(attaching, "GREETING", 0.3)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    server.listen()

    def serve():
        connection, _ = server.accept()
        with connection, suppress(OSError):
            while True:
                connection.sendall(piece)
                time.sleep(pause)

    thread = threading.Thread(target=serve)
    thread.start()
    started = time.monotonic()
    line = said_of(f"qemu:{tmp_path / 'socket'}")
    assert "it is no QMP monitor" in line and time.monotonic() - started < 3
    thread.join()
    server.close()


def test_a_machine_that_has_not_booted_or_runs_something_else_is_told(tmp_path):
    with running(tmp_path, image_of(), arguments=["-S"]) as (monitor, _):
        wait_for(monitor)
        assert "its machine has not started: QEMU says prelaunch" in said_of(f"qemu:{monitor}")
        assert status_of(monitor) == "prelaunch"
    with running(tmp_path, bytes(512), medium=Medium.DISK) as (monitor, _):
        wait_for(monitor)
        assert "no kernel of Keelback's is in its memory" in said_of(f"qemu:{monitor}")
        assert status_of(monitor) == "running"


def test_another_builds_kernel_is_told(tmp_path, monkeypatch):
    with running(tmp_path, image_of()) as (monitor, _):
        attached(monitor)
        monkeypatch.setattr(attaching, "VERSION", 99)
        assert "another build's" in said_of(f"qemu:{monitor}")
        monkeypatch.undo()
        monkeypatch.setattr(attaching, "PUBLISHED", (USERMODE,))
        assert "its kernel is of layout 1 with 2 levels of tables, which we do not know" in said_of(f"qemu:{monitor}")
        assert status_of(monitor) == "running"


def test_a_machine_that_ends_meanwhile_is_told(tmp_path, monkeypatch):
    with by_hand(tmp_path, image_of()) as (monitor, process):
        attached(monitor)

        def end(*_, **_more):
            process.kill()
            process.wait()
            return trap_end.place_of(_[0])

        monkeypatch.setattr(attaching, "run_to_trap_end", end)
        assert said_of(f"qemu:{monitor}") == f"{monitor}: QEMU has ended meanwhile"
