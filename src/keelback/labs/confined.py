"""Run a command within limits, and as far from everything else as this system lets us: a script by itself.

    python -I -S confined.py HOW COMMAND…

    this process ── waits ──> the first process of a namespace ── waits ──> the command
                                                                             its own session's, with its limits

1. The command's limits are set before it starts, and nothing that it does raises them.
2. In namespaces, it sees no network, no process but its own, files that it can only read but for one folder, and
   nothing of folders that are hidden.  When the first process ends, all others in its namespace do.
3. What can't be done is told by the status CANNOT, and then no command has been run.

Source: Linux's manual, namespaces(7), mount_namespaces(7), pid_namespaces(7).
"""

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

CANNOT = 120
BY_SIGNAL = 128
"""Statuses above this one say which signal has ended a process."""
NEW_MOUNTS, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NETWORK = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
KEPT_FLAGS = {"nosuid": 2, "nodev": 4, "noexec": 8, "noatime": 1024, "nodiratime": 2048, "relatime": 1 << 21}
"""Flags of a mount that a namespace may not take away."""
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
MOST_RIGHTS = 64


def main() -> None:
    """Do what the arguments say."""
    how, command = json.loads(sys.argv[1]), sys.argv[2:]
    _end_with_parent()
    if how["namespaces"]:
        try:
            _enter(how)
        except (OSError, AttributeError):  # a system without them
            os._exit(CANNOT)
        _go_on_in_child()  # the first process of the namespace …
        _hide_processes()
        _go_on_in_child()  # … which takes no signal from inside it
    for what, most in how["limits"]:
        _limit(what, most)
    _drop_rights(how["user"])
    os.execv(command[0], command)


def _end_with_parent() -> None:
    """Have this process killed when its parent ends, where the system can do that."""
    with suppress(OSError, AttributeError):
        _libc("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _drop_rights(user: int | None) -> None:
    """Become another user, where that is wanted, and give up what root may and others may not, for good."""
    for right in range(MOST_RIGHTS):
        with suppress(OSError, AttributeError):  # there are fewer, or none is ours to give up
            _libc("prctl", PR_CAPBSET_DROP, right, 0, 0, 0)
    if user is not None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    with suppress(OSError, AttributeError):
        _libc("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    # Of the CPU's time the soft limit is told by a signal of its own.
    resource.setrlimit(what, (most, most + 1 if what == resource.RLIMIT_CPU and hard < 0 else most))


def _libc(name: str, *arguments: Any) -> None:
    """Call a function of libc.  Raises: OSError."""
    given = [each.encode() if isinstance(each, str) else each for each in arguments]
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*given) != 0:
        raise OSError(ctypes.get_errno(), name)


def _enter(how: dict[str, Any]) -> None:
    """Enter namespaces of this process's own.  Raises: OSError."""
    user, group, is_root = os.geteuid(), os.getegid(), os.geteuid() == 0
    _libc("unshare", NEW_MOUNTS | NEW_IPC | NEW_PIDS | NEW_NETWORK | (0 if is_root else NEW_USER))
    if not is_root:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    shown = [(os.open(each, os.O_PATH | os.O_DIRECTORY), each) for each in (how["cache"], how["folder"])]
    for place in how["hidden"]:
        _mount("none", place, "tmpfs", 0)
    for descriptor, place in shown:
        os.makedirs(place, exist_ok=True)
        _mount(f"/proc/self/fd/{descriptor}", place, None, MS_BIND)
        os.close(descriptor)
    for place, flags in _mounts():
        if place != how["folder"]:
            _mount(None, place, None, MS_REMOUNT | MS_BIND | MS_RDONLY | flags)
    os.chdir(how["folder"])


def _hide_processes() -> None:
    """Show in /proc the processes of this namespace, or none where that may not be done."""
    try:
        _mount("proc", "/proc", "proc", 0)
    except OSError:
        _mount("none", "/proc", "tmpfs", MS_RDONLY)


def _mount(source: str | None, target: str, kind: str | None, flags: int) -> None:
    _libc("mount", source, target, kind, ctypes.c_ulong(flags), None)


def _mounts() -> Iterator[tuple[str, int]]:
    """Yield where something is mounted, and the flags that it keeps; what is hidden below another mount is left out."""
    with open("/proc/self/mountinfo") as file:
        found = [line.split() for line in file]
    for words in found:
        place = words[4].encode().decode("unicode_escape")
        if os.path.exists(place):
            yield place, sum(KEPT_FLAGS.get(option, 0) for option in words[5].split(","))


def _go_on_in_child() -> None:
    """Return in a child that ends with this process, which waits for it and ends as it does."""
    child = os.fork()
    if child == 0:
        _end_with_parent()
        return
    ended = 0
    while ended != child:  # the first process of a namespace is told of all that are left behind
        ended, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    code = code if code >= 0 else BY_SIGNAL - code
    if code > BY_SIGNAL:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError):  # no signal has that number
            os.kill(os.getpid(), code - BY_SIGNAL)
    os._exit(code)


if __name__ == "__main__":
    main()
