"""A scheduler of Dask's and its workers, each a process of its own."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress


class Processes:
    """Starts them at the beginning of a context, and kills what is left of them at its end."""

    def __init__(self, workers):
        self.workers = workers
        self.started = []

    def __enter__(self):
        scheduler = self._start(
            "scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard", stderr=subprocess.PIPE
        )
        for line in scheduler.stderr:
            if b"Scheduler at:" in line:
                self.address = line.split()[-1].decode()
                break
        threading.Thread(target=scheduler.stderr.read, daemon=True).start()
        for _ in range(self.workers):
            self._start(
                "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", stderr=subprocess.DEVNULL
            )
        self._await_workers()
        return self

    def _start(self, what, *words, stderr):
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *words]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True)
        self.started.append(process)
        return process

    def _await_workers(self):
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(self.workers, timeout=60)

    def kill_a_worker(self, after):
        """Kill a worker some seconds from now."""

        def kill():
            time.sleep(after)
            os.kill(self.started[-1].pid, signal.SIGKILL)

        threading.Thread(target=kill).start()

    def __exit__(self, *_what):
        for each in self.started:
            with suppress(ProcessLookupError):
                os.killpg(each.pid, signal.SIGKILL)
            each.wait()
