"""A Python that has imported what `keelback` commands need, and forks a process for each that a test asks for.

    python command_server.py SOCKET KERNEL

It ends when its test's end of the socket is closed.
"""

import gc
import json
import os
import pkgutil
import signal
import socket
import sys
from importlib import import_module
from typing import Any

import keelback
from keelback.lang import strict

HEAVY = ("keelback.__main__", "keelback.looking", "keelback.view.watch", "keelback.cli.watch", "keelback.debug")
"""Modules that are not imported beforehand: they do something at once, or few commands need what they need."""


def prepare() -> None:
    """Import all modules, and find out once what each process would find out of its emulator."""
    for module in pkgutil.walk_packages(keelback.__path__, "keelback."):
        if not module.name.startswith(HEAVY):
            import_module(module.name)
    for model in import_module("keelback.machine.simulated.models").USUAL.values():
        import_module("keelback.machine.simulated.offsets").offsets(model)
    gc.freeze()


def next_command(connection: socket.socket) -> Any:
    """Serve one command after the other; return one in the process that is to be it."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        if not message:
            os._exit(0)
        process = os.fork()
        if process == 0:
            connection.close()
            become(descriptors)
            return json.loads(message)
        for each in descriptors:
            os.close(each)
        connection.send(b"%d" % process)
        connection.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))


def become(descriptors: list[int]) -> None:
    """Take three descriptors for the standard streams."""
    for number, each in enumerate(descriptors):
        os.dup2(each, number)
        os.close(each)


def main() -> None:
    """Serve, and in each command's process run the command."""
    connection, kernel = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    connection.set_inheritable(False)
    if kernel == "strictly":
        strict.install("keelback.kernel")
    prepare()
    words, folder, environment = next_command(connection)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = ["-c", *words]
    sys.path[0] = ""
    from keelback.cli import main as run

    run()


main()
