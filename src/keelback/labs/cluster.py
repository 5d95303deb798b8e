"""Many machines: the workers of a Dask cluster, each with Keelback installed.

A task whose worker is lost is done again once, by another; lost again, it has no result until the next run.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from keelback.errors import UserError, to_install
from keelback.labs.course import sources
from keelback.labs.packed import Facts, Task, run_task

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
R = TypeVar("R")
ADDRESS = re.compile(r"(tcp://)?(\[[0-9A-Fa-f:.]+\]|[\w.-]+):([0-9]{1,5})", re.ASCII)
MOST_PORT = 0xFFFF
PATIENCE = 10
"""Seconds in which a scheduler answers."""
AGAIN = 1
"""How often a task is done again."""


@dataclass(frozen=True)
class Cluster:
    """The workers of a scheduler at an address, `tcp://HOST:PORT`."""

    address: str

    def graded(self, tasks: Mapping[str, Task]) -> Iterator[tuple[str, Facts]]:
        """Yield the facts of each task's result by its name, as they come.  Raises: UserError."""
        return self.done(run_task, tasks)

    def done(self, do: Callable[[T], R], tasks: Mapping[str, T]) -> Iterator[tuple[str, R]]:
        """Yield what each task comes to by its name, as they come; a function does them.  Raises: UserError."""
        # Imported here: an extra, and slow.
        from distributed import KilledWorker, as_completed

        lost = []
        with self._client() as client:
            client.run_on_scheduler(_allow_failures)
            names = {client.submit(_do, sources(), do, each, pure=False): name for name, each in tasks.items()}
            try:
                for future in as_completed(names, loop=client.loop):
                    if isinstance(future.exception(), KilledWorker):
                        lost.append(names[future])
                    else:
                        yield names[future], _outcome_of(future)
            finally:
                client.cancel([*names])
        if lost:
            raise UserError(f"{', '.join(sorted(lost))}: the machine that did it was lost, twice; run this again")

    def _client(self) -> "Client":
        """Return a connection to the scheduler.  Raises: UserError."""
        try:
            from distributed import Client
        except ImportError:
            raise UserError(f"--dask needs Dask: {to_install('cluster')}") from None
        try:
            client = Client(self.address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UserError(f"--dask {self.address}: no scheduler answers: {error}") from None
        if not client.scheduler_info()["workers"]:
            client.close()
            raise UserError(
                f"--dask {self.address}: the scheduler has no worker: start some, dask worker {self.address}"
            )
        return client


def cluster_at(address: str) -> Cluster:
    """Return the cluster of a scheduler's address, as somebody types it.  Raises: UserError."""
    # Dask's own client would say this with the traces of its threads.
    found = ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found[3]) <= MOST_PORT:
        raise UserError(f"--dask {address}: not the address of a scheduler, such as tcp://grader:8786")
    return Cluster(address)


def _outcome_of(future: "Future") -> Any:
    """Return what a task came to.  Raises: UserError."""
    error = future.exception()
    if error is None:
        return future.result()
    raise error if isinstance(error, UserError) else UserError(f"a worker failed: {type(error).__name__}: {error}")


def _do(wanted: str, do: Callable[[T], R], task: T) -> R:
    """Do a task on a worker.  Raises: UserError when its Keelback is another."""
    if sources() != wanted:
        raise UserError("a worker has another Keelback than this one; install the same")
    return do(task)


def _allow_failures(dask_scheduler: Any) -> None:
    """Have a scheduler give up a task when it has lost its worker so often."""
    dask_scheduler.allowed_failures = AGAIN
