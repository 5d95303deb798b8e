"""A call that fails has changed nothing, wherever its answer was to go: not a byte of the caller's either."""

from collections.abc import Iterator
from typing import Any

import pytest

from kernel.driven import ANYWHERE, BSS, BSS_PAGES, LIBRARY, MALLOC, NAME, PAGE, STACK, TEXT, Call, Died, Driven, driven
from kernel.traces import console, memory, range_of, state

READ, WRITE = 1, 2
ACTOR = 2  # process 1 goes on when it dies
GUARD = STACK - (255 + 1) * PAGE

# The edge of two pages of which the caller may write one, by what the other is.
EDGES = {
    "absent": ANYWHERE + PAGE,
    "read-only": ANYWHERE + 3 * PAGE,
    "without access": ANYWHERE + 5 * PAGE,
    "malloc's, and not taken": MALLOC + PAGE,
    "a library's link page": BSS + BSS_PAGES * PAGE,
    "read-only, and comes first": TEXT + PAGE,
    "absent, and comes first": ANYWHERE,
    "the guard, and comes first": GUARD + PAGE,
    "the end of user space": STACK + PAGE,
}
READABLE = ("read-only", "read-only, and comes first", "a library's link page")
# What each call is told besides: None is where the edge comes in.
REQUESTS = [
    (Call.PUTS, None, 8), (Call.EXEC, None, NAME), (Call.EXEC, NAME, None), (Call.SPAWN, None, NAME),
    (Call.SPAWN, NAME, None), (Call.WAIT, -1, None), (Call.PAGE_ALLOC, None), (Call.MAP, None, 8, WRITE),
    (Call.UNMAP, None, 8), (Call.PROTECT, None, 8, READ), (Call.FRAME_COUNTS, None), (Call.FREE_PAGES, None, 2),
    (Call.LOAD_LIBRARY, None), (Call.UNLOAD_LIBRARY, None), (Call.PROCESS_AFTER, 0, None),
]  # fmt: skip
READERS = (Call.PUTS, Call.EXEC, Call.SPAWN, Call.LOAD_LIBRARY)
FAILURES = [
    (request, edge) for request in REQUESTS for edge in EDGES if request[0] not in READERS or edge not in READABLE
]


# Where nothing was touched a text is empty: no program has that name, but any may have that argument.
SERVED = ((Call.EXEC, NAME, None), (Call.SPAWN, NAME, None))
UNTOUCHED = [(request, edge) for request, edge in FAILURES if request not in SERVED]


@pytest.fixture(scope="module", params=["interpreted", "compiled"])
def machine(request) -> Iterator[Driven]:
    """Return a machine whose process 2 has a page on one side of each edge, full of letters, and a dead child."""
    yield from with_edges(request.param, touched=True)


@pytest.fixture(scope="module", params=["interpreted", "compiled"])
def fresh(request) -> Iterator[Driven]:
    """Return a machine as `machine`, but nobody has touched those pages yet."""
    yield from with_edges(request.param, touched=False)


def with_edges(life: str, *, touched: bool) -> Iterator[Driven]:
    made = driven("it", "it", life=life)
    assert made.fork(ACTOR) == 3
    with pytest.raises(Died):
        made.call(Call.EXIT, 7, pid=3)
    for page, permissions in ((0, WRITE), (2, WRITE), (3, READ), (4, WRITE), (5, 0)):
        place = ANYWHERE + page * PAGE
        assert made.call(Call.MAP, place, PAGE, permissions, pid=ACTOR) == place
    assert made.call(Call.MALLOC_PAGES, 1, pid=ACTOR) & 0xFFFF_FFFF == MALLOC
    assert made.call(Call.LOAD_LIBRARY, LIBRARY, pid=ACTOR) == EDGES["a library's link page"]
    for edge in EDGES.values() if touched else ():
        for place in (*range(edge - 4, edge), edge):
            if place != NAME and may_write(made, place):
                made.write(place, ord("x"), ACTOR)
    yield made
    assert made.call(Call.WAIT, -1, BSS, pid=ACTOR) == 3
    made.check()


def may_write(machine: Driven, address: int) -> bool:
    space = machine.process(ACTOR).space
    return machine.lens.regions.find(space, address).permissions & 2 != 0


def named(failures: list[tuple[tuple[int | None, ...], str]]) -> list[Any]:
    return [pytest.param(*each, id=f"{each[0][0].name} {each[0].index(None)}, {each[1]}") for each in failures]


@pytest.mark.parametrize(("request_", "edge"), named(FAILURES))
def test_a_call_that_fails_at_an_edge_has_changed_nothing(machine, request_, edge):
    fails_without_a_trace(machine, request_, edge)


@pytest.mark.parametrize(("request_", "edge"), named(UNTOUCHED))
def test_a_call_that_fails_at_an_edge_has_touched_nothing(fresh, request_, edge):
    fails_without_a_trace(fresh, request_, edge)


def fails_without_a_trace(machine: Driven, request_: tuple[int | None, ...], edge: str) -> None:
    address = EDGES[edge] - 4
    machine.run(ACTOR)
    before = (memory(machine.lens, ACTOR), rest(machine))
    result = machine.call(*(address if each is None else each for each in request_), pid=ACTOR)
    assert -255 <= result < 0
    assert (memory(machine.lens, ACTOR), rest(machine)) == before


def rest(machine: Driven) -> bytearray:
    """Return all else in RAM that counts: the caller's registers and the scheduler's turns are not of it."""
    kernel = machine.kernel
    threads = [range_of(kernel.threads.table[pid]) for pid in (1, ACTOR)]
    return state(machine.pc, *threads, range_of(kernel.first_cpu), *console(kernel))


def test_an_answer_over_two_pages_that_may_be_written_is_whole(life):
    machine = driven("it", life=life)
    edge = BSS + PAGE
    assert machine.call(Call.FRAME_COUNTS, edge - 4) == 0
    words = [memory(machine.lens, 1)[page] for page in (BSS, edge)]
    counts = machine.counts
    found = int.from_bytes(words[0][-4:], "little"), int.from_bytes(words[1][:4], "little")
    assert found == (counts.kernel_free, counts.kernel_total)
