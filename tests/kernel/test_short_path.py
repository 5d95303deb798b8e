"""The short path of messages leaves what the long way does, whatever happens before and between."""

import hashlib
import random
from collections import Counter
from contextlib import ExitStack

import pytest

from keelback.kernel.messages.short_path import ShortPath
from keelback.kernel.processes.threads import ThreadState
from kernel.driven import BSS, DATA, PAGE, Blocked, Call, driven
from kernel.mistaken import mistaken
from kernel.traces import range_of, state
from support import some_of

SERVERS, CLIENTS = (1, 2), (3, 4)
ENDPOINT = 1
RECORD = DATA + 128
STEPS = 150


class Walk:
    """Processes that send and receive at random, the same for the same seed, wherever the machine can go on."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.machine = driven("it")
        assert self.machine.call(Call.ENDPOINT_CREATE, PAGE) == ENDPOINT
        assert [self.machine.fork() for _ in range(3)] == [2, 3, 4]

    def states(self):
        """Make the steps; return a digest of RAM after each, and what each was."""
        return [self.step() for _ in range(STEPS)]

    def step(self):
        pids = [pid for pid in (*SERVERS, *CLIENTS) if self.is_free(pid)]
        pid = self.random.choice(pids) if pids else 0
        request = self.request(pid) if pid else ()
        if not pid:
            return "stuck", ""
        try:
            result = self.machine.call(*request, pid=pid)
        except Blocked:
            result = None
        self.machine.check()
        return (pid, Call(request[0]).name, request[1:], result), self.digest()

    def is_free(self, pid):
        return self.machine.is_alive(pid) and self.machine.thread(pid).state != ThreadState.WAITING

    def request(self, pid):
        record = self.record(pid) if self.random.random() < 0.4 else 0
        words = [self.random.randrange(1 << 16) for _ in range(3)]
        if pid in CLIENTS:
            call = self.random.choice([Call.CALL] * 6 + [Call.SEND, Call.SIGNAL])
            if call == Call.SIGNAL:
                return call, ENDPOINT, self.random.randrange(3)
            return call, ENDPOINT, record, *words
        others = any(self.is_free(each) for each in CLIENTS)
        right = self.right_of(pid)
        if self.random.random() < 0.1:
            return self.random.choice([(Call.MINT, ENDPOINT, 1, 7), (Call.DROP, self.random.randrange(2, 6))])
        if right and (self.random.random() < 0.8 or not others):
            call = self.random.choice([Call.REPLY, Call.REPLY_RECEIVE, Call.REPLY_RECEIVE])
            return call, right << 16 | ENDPOINT if call == Call.REPLY_RECEIVE else right, record, *words
        if self.is_free(3 - pid) or others:
            return self.random.choice([Call.RECEIVE, Call.REPLY_RECEIVE]), ENDPOINT, record
        return Call.SIGNAL, ENDPOINT, 1

    def record(self, pid):
        size = self.random.choice([0, 1, 100, PAGE])
        fields = {"data": BSS + self.random.randrange(PAGE), "length": size}
        fields |= {"buffer": BSS + 2 * PAGE + self.random.randrange(PAGE), "room": self.random.choice([0, 100, PAGE])}
        if self.random.random() < 0.2:
            fields |= self.random.choice([{"handle": ENDPOINT}, {"deadline": 100_000}, {"length": PAGE + 1}])
        return self.machine.put_message(RECORD, pid, **fields)

    def right_of(self, pid):
        """Return the number of a handle to reply, 0 when a process has none."""
        few = self.machine.lens.handles.tables[pid].few
        return next((number for number, each in enumerate(few, 1) if each.kind == 2), 0)

    def digest(self):
        kernel = self.machine.pc.kernel
        waiting = [each for each in kernel.threads.table if each.state == ThreadState.WAITING]
        notes = [range_of(each.exchange, "badge", "awaits_reply") for each in waiting]  # of a caller they say nothing
        notes += [range_of(kernel.messages.parcels.of(each)) for each in waiting]
        return hashlib.sha256(state(self.machine.pc, *notes)).hexdigest()


def counted(walk, taken):
    """Count how often the short path was taken."""
    before = {name: getattr(ShortPath, name) for name in ("_call", "_reply_receive")}

    def counting(name):
        def count(self, thread):
            was_taken = before[name](self, thread)
            taken[name, was_taken] += 1
            return was_taken

        return count

    with pytest.MonkeyPatch.context() as patch:
        for name in before:
            patch.setattr(ShortPath, name, counting(name))
        return walk.states()


@pytest.mark.parametrize("seeds", some_of([range(1), range(3)], [range(1)]), ids=str)
def test_it_leaves_what_the_long_way_leaves(tmp_path, seeds):
    taken = Counter()
    short = [counted(Walk(seed), taken) for seed in seeds]
    with ExitStack() as stack:
        for name in ("_call", "_reply_receive"):
            first = "if not 0 < number <= FEW" + (" or not 0 < place <= FEW" if name == "_reply_receive" else "")
            place = ("messages.short_path", "ShortPath", name, first, "if True or not 0 < number <= FEW")
            (tmp_path / name).mkdir()
            stack.enter_context(mistaken(tmp_path / name, *place))
        assert [Walk(seed).states() for seed in seeds] == short
    assert all(taken[name, was_taken] for name in ("_call", "_reply_receive") for was_taken in (True, False))
