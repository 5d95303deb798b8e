"""Pages that travel in messages: they leave the sender's space and are the receiver's, all of them or none."""

import random
import struct

import pytest

from keelback.abi.errors import (
    BadAddress,
    BadArgument,
    NoRoom,
    TimedOut,
    TooLarge,
    TooManyRegions,
)
from keelback.abi.handles import CAME_SHIFT, GRANT, MAP, MOST_PAGES, NAMES, NO_WAIT, PAGES_CAME, UNHEARD
from kernel.driven import (
    ANYWHERE,
    BSS,
    DATA,
    EAGER,
    LIMITED,
    MALLOC,
    MOST_REGIONS,
    PAGE,
    SMALL,
    STACK,
    TEXT,
    Call,
    Died,
    blocks,
    driven,
    driven_threads,
    in_each_cell,
    memory_for,
    of_its_own,
    register,
)

READ, WRITE, SPARSE, GUARD = 1, 2, 4, 16
SERVER, SENDER = 1, 2
ENDPOINT, WORDS = 1, 2
RECORD, OTHER_RECORD = DATA + 128, DATA + 256
FAR = ANYWHERE + 0x40_0000
"""Its page has a table of its own."""
PAGES = 3


def make(life="interpreted", layout=SMALL):
    """Return a machine whose SENDER, a child of SERVER, has three pages, the first two of which it wrote."""
    return prepared(driven("it", life=life, layout=layout, memory=memory_for(layout)))


def prepared(made):
    made.call(Call.DROP, NAMES)
    assert [made.call(Call.ENDPOINT_CREATE, most) for most in (PAGE, 0)] == [ENDPOINT, WORDS]
    assert made.fork() == SENDER
    assert made.call(Call.MAP, ANYWHERE, PAGES * PAGE, WRITE, pid=SENDER) == ANYWHERE
    made.put(ANYWHERE, b"first", SENDER)
    made.put(ANYWHERE + PAGE, b"second", SENDER)
    return made


@pytest.fixture
def machine(life):
    made = make(life)
    yield made
    made.check()


def sends(machine, pages=ANYWHERE, page_count=PAGES, call=Call.SEND, **fields):
    """Let SENDER send pages in a message that waits."""
    blocks(machine, SENDER, call, ENDPOINT, given(machine, SENDER, pages=pages, page_count=page_count, **fields))


def given(machine, pid, **fields):
    return machine.put_message(RECORD, pid, **fields)


def receive(machine, pid=SERVER, endpoint=ENDPOINT, **fields):
    """Let a process receive what is there; return the result."""
    fields = {"most_pages": MOST_PAGES, "buffer": BSS, "room": PAGE, **fields}
    return machine.call(Call.RECEIVE, endpoint, given(machine, pid, **fields), pid=pid)


def came(machine, pid=SERVER):
    """Return what a process's record says of pages that came: where, and how many."""
    assert register(machine.thread(pid).frame, "dx") & PAGES_CAME
    at, width = (48, 4) if machine.word_bits == 32 else (72, 8)
    count = int.from_bytes(machine.get(RECORD + at, 4, pid), "little")
    return int.from_bytes(machine.get(RECORD + at + width, width, pid), "little"), count


def regions(machine, pid):
    """Return the regions of a process from ANYWHERE on."""
    found = [(each.start, each.end, each.permissions) for each in machine.regions(pid) if each.start >= ANYWHERE]
    return [each for each in found if each[0] < MALLOC]


@in_each_cell
@pytest.mark.parametrize("place", [0, FAR])
def test_pages_are_the_receivers_and_no_longer_the_senders(life, layout, place):
    machine = make(life, layout)
    frames = [machine.frame(ANYWHERE + page * PAGE, SENDER) for page in range(2)]
    sends(machine)
    assert receive(machine, place=place) == 0
    there, count = came(machine)
    assert (there, count) == (place or ANYWHERE, PAGES)
    assert [machine.frame(there + page * PAGE) for page in range(2)] == frames
    assert machine.entry(there + 2 * PAGE) == 0, "a page that was never touched has no frame yet"
    assert machine.get(there, 5) == b"first" and machine.get(there + PAGE, 6) == b"second"
    machine.check()
    machine.write(there, 7)
    assert machine.read(there) == 7 and machine.frame(there) == frames[0]
    machine.write(there + 2 * PAGE, 8)
    assert regions(machine, SENDER) == [] and len(regions(machine, SERVER)) == 1
    machine.check()
    with pytest.raises(Died):
        machine.read(ANYWHERE, SENDER)
    machine.check()


def test_the_frames_and_the_promises_are_as_many_as_before(machine):
    before = machine.spare(), machine.counts.user_promised
    sends(machine)
    assert receive(machine) == 0
    assert (machine.spare()[0], machine.counts.user_promised) == (before[0][0], before[1])
    assert machine.call(Call.UNMAP, came(machine)[0], PAGES * PAGE) == 0
    assert machine.counts.user_promised == before[1] - PAGES


def test_a_receiver_that_waits_gets_them_at_once(machine):
    blocks(machine, SERVER, Call.RECEIVE, ENDPOINT, given(machine, SERVER, most_pages=PAGES, place=FAR))
    message = given(machine, SENDER, pages=ANYWHERE, page_count=PAGES)
    assert machine.call(Call.SEND, ENDPOINT, message, pid=SENDER) == 0
    assert machine.finish(SERVER) == 0 and came(machine) == (FAR, PAGES)
    machine.check()
    with pytest.raises(Died):
        machine.write(ANYWHERE, 1, SENDER)


def test_a_call_takes_pages_there_and_its_reply_back(machine):
    sends(machine, call=Call.CALL, most_pages=1, place=FAR)
    reply = receive(machine)
    there, _ = came(machine)
    answer = given(machine, SERVER, pages=there + PAGE, page_count=1)
    assert machine.call(Call.REPLY, reply, answer) == 0
    assert machine.finish(SENDER) == 0 and came(machine, SENDER) == (FAR, 1)
    assert machine.get(FAR, 6, SENDER) == b"second"
    expected = [(there, there + PAGE), (there + 2 * PAGE, there + 3 * PAGE)]
    assert [each[:2] for each in regions(machine, SERVER)] == expected


def test_bytes_and_a_handle_come_with_them(machine):
    machine.put(BSS, b"beside", SENDER)
    assert machine.call(Call.OBJECT_CREATE, 1, pid=SENDER) == 3
    sends(machine, data=BSS, length=6, handle=3, rights=MAP | GRANT)
    assert receive(machine) == 0
    assert register(machine.thread(SERVER).frame, "dx") == 6 | PAGES_CAME | 3 << CAME_SHIFT
    assert machine.get(BSS, 6) == b"beside" and came(machine) == (ANYWHERE, PAGES)
    assert machine.call(Call.OBJECT_SIZE, 3) == 1


def test_bytes_that_lie_in_pages_that_move_are_copied_first(machine):
    sends(machine, data=ANYWHERE, length=5)
    assert receive(machine) == 0
    assert machine.get(BSS, 5) == b"first" and machine.get(came(machine)[0], 5) == b"first"


def test_pages_that_a_fork_shares_stay_shared_until_somebody_writes(machine):
    child = machine.fork(SENDER)
    sends(machine)
    assert receive(machine, place=FAR) == 0
    assert machine.frame(FAR) == machine.frame(ANYWHERE, child)
    machine.check()
    machine.write(FAR, ord("F"))
    assert machine.frame(FAR) != machine.frame(ANYWHERE, child)
    assert machine.get(FAR, 5) == b"First" and machine.get(ANYWHERE, 5, child) == b"first"
    machine.check()
    machine.write(ANYWHERE + PAGE, ord("S"), child)
    assert machine.get(FAR + PAGE, 6) == b"second" and machine.get(ANYWHERE + PAGE, 6, child) == b"Second"
    machine.check()
    machine.write(FAR + PAGE, ord("Z"))  # nobody else has it any more
    assert machine.get(FAR + PAGE, 6) == b"Zecond"


def test_pages_whose_other_holder_has_ended_are_the_receivers_alone(machine):
    child = machine.fork(SENDER)
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=child)
    frame = machine.frame(ANYWHERE, SENDER)
    sends(machine)
    assert receive(machine, place=FAR) == 0
    machine.write(FAR, 1)
    assert machine.frame(FAR) == frame


def test_a_page_goes_back_to_who_still_shares_it(machine):
    """The parent of the sender has the frame already, at the same place or another."""
    child = machine.fork(SENDER)
    message = machine.put_message(RECORD, child, pages=ANYWHERE, page_count=1)
    blocks(machine, child, Call.SEND, ENDPOINT, message)
    assert receive(machine, SENDER, place=FAR) == 0
    assert machine.frame(FAR, SENDER) == machine.frame(ANYWHERE, SENDER)
    machine.check()
    machine.write(FAR, ord("F"), SENDER)
    assert machine.get(ANYWHERE, 5, SENDER) == b"first" and machine.get(FAR, 5, SENDER) == b"First"
    machine.check()
    assert machine.call(Call.UNMAP, ANYWHERE, PAGE, pid=SENDER) == 0


@of_its_own
def test_a_fork_copies_them_like_all_others(life):
    machine = make(life, EAGER)
    sends(machine)
    assert receive(machine) == 0
    child = machine.fork()
    machine.write(ANYWHERE, ord("F"), child)
    assert machine.get(ANYWHERE, 5) == b"first"
    machine.check()


@pytest.fixture
def threads(life):
    """Return the same machine, where SENDER has threads 2, 3 and 4."""
    made = prepared(driven_threads("it", life=life))
    assert [made.start(SENDER), made.start(SENDER)] == [3, 4]
    yield made
    made.check()


@pytest.mark.parametrize("page_count", [1, 2, PAGES])
def test_a_process_may_send_pages_to_a_thread_of_its_own(threads, page_count):
    before = threads.spare()[0], threads.counts.user_promised
    record = threads.put_message(OTHER_RECORD, SENDER, most_pages=PAGES)
    sends(threads, page_count=page_count)
    assert threads.call(Call.RECEIVE, ENDPOINT, record, pid=3) == 0
    there = ANYWHERE + PAGES * PAGE
    assert threads.get(there, 5, SENDER) == b"first" and threads.entry(ANYWHERE, SENDER) == 0
    assert (threads.spare()[0], threads.counts.user_promised) == before
    threads.write(there, 1, 3)


def test_the_record_that_says_what_came_may_move_itself(threads):
    record = threads.put_message(ANYWHERE + PAGE + 64, SENDER, pages=ANYWHERE, page_count=PAGES, most_pages=PAGES)
    blocks(threads, SENDER, Call.SEND, ENDPOINT, record)
    assert threads.call(Call.RECEIVE, ENDPOINT, record, pid=3) == 0
    there = ANYWHERE + PAGES * PAGE
    assert threads.get(there + PAGE + 64 + 48, 8, SENDER) == struct.pack("<2I", PAGES, there)


def test_who_waits_on_a_word_of_a_page_that_moves_is_told(threads):
    blocks(threads, 3, Call.WAIT_ON, ANYWHERE + PAGE + 8, 0, 0)
    blocks(threads, 4, Call.WAIT_ON, ANYWHERE + 2 * PAGE, 0, 0)
    sends(threads, page_count=2)
    assert receive(threads) == 0
    threads.check()
    assert threads.finish(3) == BadAddress.number
    assert threads.call(Call.WAKE, ANYWHERE + 2 * PAGE, 1, pid=SENDER) == 1 and threads.finish(4) == 0


def test_what_is_gone_when_the_receiver_comes_is_the_senders_error(threads):
    sends(threads)
    assert threads.call(Call.UNMAP, ANYWHERE + PAGE, PAGE, pid=3) == 0
    blocks(threads, SERVER, Call.RECEIVE, ENDPOINT, given(threads, SERVER, most_pages=PAGES))
    assert threads.finish(SENDER) == BadAddress.number
    assert threads.get(ANYWHERE, 5, SENDER) == b"first"


@pytest.mark.parametrize("gone", ["record", "buffer"])
def test_what_a_receiver_has_no_more_is_its_error(threads, gone):
    """The pages come nowhere, though they would come where the record was, or the buffer."""
    assert threads.call(Call.MAP, FAR, PAGE, WRITE, pid=3) == FAR
    fields = {"buffer": FAR + 256 if gone == "buffer" else BSS, "room": 8, "most_pages": PAGES, "place": FAR - PAGE}
    record = threads.put_message(FAR if gone == "record" else OTHER_RECORD, SENDER, **fields)
    blocks(threads, 3, Call.RECEIVE, ENDPOINT, record)
    assert threads.call(Call.UNMAP, FAR, PAGE, pid=4) == 0
    assert threads.call(Call.MAP, ANYWHERE, PAGES * PAGE, WRITE) == ANYWHERE
    threads.put(BSS, b"beside")
    message = given(threads, SERVER, pages=ANYWHERE, page_count=PAGES, data=BSS, length=6)
    blocks(threads, SERVER, Call.SEND, ENDPOINT, message)
    assert threads.finish(3) == BadAddress.number
    assert receive(threads, SENDER, place=FAR - PAGE) == 0 and came(threads, SENDER) == (FAR - PAGE, PAGES)


@pytest.mark.parametrize(
    ("pages", "page_count", "error"),
    [
        (ANYWHERE + 1, 1, BadArgument),
        (ANYWHERE, MOST_PAGES + 1, BadArgument),
        (ANYWHERE, PAGES + 1, BadAddress),
        (ANYWHERE - PAGE, 1, BadAddress),
        (ANYWHERE - PAGE, 2, BadAddress),
        (0, 1, BadAddress),
        (0xFFFF_F000, 1, BadAddress),
        (0xFFFF_E000, MOST_PAGES, BadAddress),
        (TEXT, 1, BadAddress),
        (DATA, 1, BadAddress),
        (BSS, 1, BadAddress),
        (STACK, 1, BadAddress),
    ],
)
@pytest.mark.parametrize("call", [Call.SEND, Call.CALL])
def test_what_a_sender_cant_give_is_its_error_alone(machine, pages, page_count, error, call):
    blocks(machine, SERVER, Call.RECEIVE, ENDPOINT, given(machine, SERVER, most_pages=MOST_PAGES))
    message = given(machine, SENDER, pages=pages, page_count=page_count)
    assert machine.call(call, ENDPOINT, message, pid=SENDER) == error.number
    machine.check()
    assert machine.call(Call.SEND, ENDPOINT, 0, pid=SENDER) == 0 and machine.finish(SERVER) == 0


def test_other_memory_than_anonymous_that_may_be_written_stays(machine):
    assert machine.call(Call.OBJECT_CREATE, 1, pid=SENDER) == 3
    assert machine.call(Call.OBJECT_MAP, 3, FAR, PAGE, WRITE, pid=SENDER) == FAR
    assert machine.call(Call.MAP, FAR + PAGE, PAGE, READ, pid=SENDER) == FAR + PAGE
    assert machine.call(Call.MAP, FAR + 2 * PAGE, 2 * PAGE, WRITE | GUARD, pid=SENDER) == FAR + 2 * PAGE
    assert machine.call(Call.MAP, FAR + 4 * PAGE, PAGE, WRITE | SPARSE, pid=SENDER) == FAR + 4 * PAGE
    assert machine.call(Call.MALLOC_PAGES, 1, pid=SENDER) & 0xFFFF_FFFF == MALLOC
    for pages, count in ((FAR, 1), (FAR + PAGE, 1), (FAR + 2 * PAGE, 2), (FAR + 4 * PAGE, 1), (MALLOC, 1)):
        message = given(machine, SENDER, pages=pages, page_count=count, deadline=NO_WAIT)
        assert machine.call(Call.SEND, ENDPOINT, message, pid=SENDER) == BadAddress.number
    sends(machine, FAR + 3 * PAGE, 1)
    assert receive(machine) == 0


def test_words_alone_take_no_pages(machine):
    message = given(machine, SENDER, pages=ANYWHERE, page_count=1)
    assert machine.call(Call.SEND, WORDS, message, pid=SENDER) == TooLarge.number


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"most_pages": PAGES - 1}, TooLarge),
        ({"most_pages": 0}, TooLarge),
        ({"room": 0}, TooLarge),
        ({"most_pages": MOST_PAGES + 1}, BadArgument),
        ({"place": FAR + 1}, BadArgument),
        ({"place": 0xFFFF_F000}, BadAddress),
        ({"place": MALLOC}, BadAddress),
        ({"place": BSS}, NoRoom),
        ({"place": BSS - 4 * PAGE}, NoRoom),
        ({"buffer": ANYWHERE}, BadAddress),
    ],
)
def test_no_room_is_the_receivers_error_and_the_sender_keeps_its_pages(machine, fields, error):
    machine.put(BSS, b"beside", SENDER)
    sends(machine, data=BSS, length=6)
    used, free = machine.used(), regions(machine, SERVER)
    assert receive(machine, **fields) == error.number
    machine.check()
    assert regions(machine, SERVER) == free and machine.get(ANYWHERE, 5, SENDER) == b"first"
    assert machine.used()[1] == used[1]
    assert receive(machine) == 0 and came(machine) == (ANYWHERE, PAGES)


@pytest.mark.parametrize(
    ("fields", "error"),
    [({"place": FAR + 1}, BadArgument), ({"place": MALLOC}, BadAddress), ({"place": BSS}, NoRoom)],
)
def test_a_call_that_has_no_place_for_pages_is_not_sent(machine, fields, error):
    """Though somebody waits for it, and takes what has no fault."""
    blocks(machine, SERVER, Call.RECEIVE, ENDPOINT, given(machine, SERVER, buffer=BSS, room=8))
    message = given(machine, SENDER, most_pages=1, **fields)
    assert machine.call(Call.CALL, ENDPOINT, message, pid=SENDER) == error.number
    assert machine.thread(SERVER).queue, "it still waits"


def test_a_reply_whose_pages_find_no_room_ends_the_call_and_leaves_them(machine):
    blocks(machine, SERVER, Call.CALL, ENDPOINT, given(machine, SERVER, most_pages=1))
    reply = receive(machine, SENDER)
    message = given(machine, SENDER, pages=ANYWHERE, page_count=2)
    assert machine.call(Call.REPLY, reply, message, pid=SENDER) == UNHEARD
    assert machine.finish(SERVER) == TooLarge.number
    assert machine.get(ANYWHERE, 5, SENDER) == b"first"


def test_a_reply_that_cant_be_given_leaves_the_caller_waiting(machine):
    blocks(machine, SERVER, Call.CALL, ENDPOINT, given(machine, SERVER, most_pages=1))
    reply = receive(machine, SENDER)
    message = given(machine, SENDER, pages=BSS, page_count=1)
    assert machine.call(Call.REPLY, reply, message, pid=SENDER) == BadAddress.number
    message = given(machine, SENDER, pages=ANYWHERE, page_count=1)
    assert machine.call(Call.REPLY, reply, message, pid=SENDER) == 0
    assert machine.finish(SERVER) == 0 and came(machine) == (ANYWHERE, 1)


def test_a_sender_or_receiver_with_too_many_regions_is_told_so(life):
    machine = make(life, LIMITED)
    for pid, last in ((SENDER, MOST_REGIONS), (SERVER, MOST_REGIONS)):
        place = FAR
        while len(machine.regions(pid)) < last:
            assert machine.call(Call.MAP, place, PAGE, READ, pid=pid) == place
            place += 2 * PAGE
    message = given(machine, SENDER, pages=ANYWHERE + PAGE, page_count=1)
    assert machine.call(Call.SEND, ENDPOINT, message, pid=SENDER) == TooManyRegions.number
    sends(machine, page_count=2)
    assert receive(machine) == TooManyRegions.number
    machine.check()
    assert machine.call(Call.UNMAP, FAR, PAGE) == 0
    assert receive(machine) == 0


def test_a_deadline_leaves_the_pages_with_the_sender(machine):
    message = given(machine, SENDER, pages=ANYWHERE, page_count=PAGES, deadline=NO_WAIT)
    assert machine.call(Call.SEND, ENDPOINT, message, pid=SENDER) == TimedOut.number
    assert machine.get(ANYWHERE, 5, SENDER) == b"first"


def test_random_ranges_move_to_and_fro_as_a_model_says(life):
    """Two processes send each other ranges of their pages; each has what the model says, and all invariants hold."""
    chance, machine = random.Random(7), make(life)
    memory = {SERVER: {}, SENDER: {0: 1, 1: 2, 2: 0}}
    machine.write(ANYWHERE, 1, SENDER)
    machine.write(ANYWHERE + PAGE, 2, SENDER)
    for step in range(120):
        sender, receiver = chance.sample([SERVER, SENDER], 2)
        if not memory[sender]:
            continue
        first, there = chance.choice([*memory[sender]]), chance.randrange(12)
        count = chance.randrange(1, 4)
        pages = range(first, first + count)
        if any(page not in memory[sender] for page in pages):
            continue
        if chance.random() < 0.3:
            written = chance.choice(pages)
            machine.write(ANYWHERE + written * PAGE, step % 256, sender)
            memory[sender][written] = step % 256
        message = machine.put_message(RECORD, sender, pages=ANYWHERE + first * PAGE, page_count=count)
        blocks(machine, sender, Call.SEND, ENDPOINT, message)
        taken = any(there + page in memory[receiver] for page in range(count))
        result = receive(machine, receiver, place=ANYWHERE + there * PAGE)
        assert result == (NoRoom.number if taken else 0)
        if taken:
            assert receive(machine, receiver, place=ANYWHERE + 100 * PAGE) == 0
            there = 100
        memory[receiver] |= {there + page: memory[sender].pop(first + page) for page in range(count)}
        if taken:  # out of the way
            assert machine.call(Call.UNMAP, ANYWHERE + 100 * PAGE, count * PAGE, pid=receiver) == 0
            memory[receiver] = {page: value for page, value in memory[receiver].items() if page < 100}
            hole = next(page for page in range(50) if not {page, page + 1} & {*memory[receiver]})
            assert machine.call(Call.MAP, ANYWHERE + hole * PAGE, PAGE, WRITE, pid=receiver) > 0
            memory[receiver][hole] = 0
        for pid, pages in memory.items():
            assert {page: machine.read(ANYWHERE + page * PAGE, pid) for page in pages} == pages
            assert sum(end - start for start, end, _ in regions(machine, pid)) == len(pages) * PAGE
        machine.check()
