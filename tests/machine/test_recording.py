"""A recorded run: wherever it is gone back to, the machine is what it was there, in both lives."""

import random
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from itertools import count, product

import pytest

from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64, TEACHING, with_paging
from keelback.lang import Panic
from keelback.machine.observed import CALL, Outcome
from keelback.machine.recorded import recording as recording_module
from keelback.machine.recorded.pages import Pages
from keelback.machine.recorded.recording import STRIDE, Recording
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from support import MIB, programs_of, some_of
from variants import VARIANTS, word_for

LINES = ("family", "ping 9", "pong 9", "primes 2000", "cow", "null", "sleeper 3")
SHORT_LINES = ("forktree 3", "ping 60", "pong 60", "null")
LAYOUTS = [*VARIANTS, TEACHING]
LIVES = ["interpreted", "compiled"]
EVERY_RUN = [*product([MICROKERNEL], LIVES), (MICROKERNEL_64, "compiled"), (TEACHING, "interpreted")]
PAGINGS = ["i386", "PAE", "x86-64"]
KEPT = [(life, paging, False) for life in LIVES for paging in PAGINGS] + [
    ("interpreted", each, True) for each in PAGINGS
]
"""Lives, page tables, and whether the kernel is checked as it runs."""


@cache
def image_of(layout, life, lines, own=()):
    lines = lines or (SHORT_LINES if layout is TEACHING else LINES)
    names = {line.split()[0] for line in (*lines, "hello")}
    programs = {name: content for name, content in programs_of(layout).items() if name in names}
    members = {"etc/init": "".join(line + "\n" for line in lines).encode(), **programs, **dict(own)}
    kernel = (compiled(layout),) if life == "compiled" else ()
    return make_image(layout, make_payload(members), *kernel)


def machine(layout, life, lines=None, memory=16 * MIB, programs=(), **options):
    made = CompiledPc if life == "compiled" else InterpretedPc
    return made(layout, image_of(layout, life, lines, programs), memory=memory, **options)


def recorded(pc, every=STRIDE):
    recording = Recording(pc, every=every)
    recording.boot()
    return recording


def digest(pc):
    """Return what a machine is: RAM, console, and how it stands."""
    return sha256(pc.contents).digest(), bytes(pc.console), pc.time, pc.instructions, pc.traps, pc.frame, pc.outcome


def host_state(part, seen, path="pc"):
    """Yield every plain value that the machine's own objects have, by its path, however deep."""
    if id(part) in seen or isinstance(part, Callable):
        return
    seen[id(part)] = part
    if isinstance(part, list | tuple | set | frozenset):
        items = [(f"[{number}]", each) for number, each in enumerate(part)]
    elif isinstance(part, dict):
        items = [(f"[{key}]", each) for key, each in part.items()]
    elif type(part).__module__.startswith("keelback.machine"):
        items = [(f".{name}", each) for name, each in getattr(part, "__dict__", {}).items()]
    else:
        items = []
    for name, each in items:
        if isinstance(each, int | str | bytes | bytearray | None):
            yield path + name, each
        else:
            yield from host_state(each, seen, path + name)


@pytest.mark.parametrize(("layout", "life"), some_of(product(LAYOUTS, LIVES), EVERY_RUN), ids=word_for)
def test_going_anywhere_leads_to_the_same_machine(layout, life):
    """Each place is compared with a machine that was never recorded and came there in one go."""
    plain, places = machine(layout, life), {}
    plain.boot()
    while plain.outcome is Outcome.RUNNING:
        if plain.traps % 17 == 0:
            places[plain.traps] = digest(plain)
        plain.step()
    recording = recorded(machine(layout, life))
    recording.run()
    assert recording.end == recording.at and recording.at - plain.traps in (0, 1) and plain.traps > 3 * STRIDE
    assert digest(recording.pc) == digest(plain)
    chosen = random.Random(layout.name + life)
    for place in [0, *chosen.sample([*places], 6)]:
        if place < recording.at:
            recording.back(recording.at - place)
        else:
            recording.go(place)
        assert digest(recording.pc) == places[place]
    later = chosen.choice([each for each in places if each > recording.at])
    while recording.at < later:
        recording.step()
    assert digest(recording.pc) == places[later]
    recording.run()
    assert digest(recording.pc) == digest(plain)


@pytest.mark.parametrize(("life", "paging", "checked"), KEPT)
def test_nothing_that_a_machine_keeps_in_host_objects_is_forgotten(life, paging, checked):
    options = {"check": True} if checked else {}
    recording = recorded(machine(with_paging(MICROKERNEL, paging), life, **options))

    def all_values():
        return dict(host_state(recording.pc, {})), [each.kept() for each in recording.pc.parts()]

    recording.go(2 * STRIDE)
    before = all_values()
    recording.go(5 * STRIDE + 7)
    assert all_values()[0] != before[0]
    recording.go(2 * STRIDE)
    assert all_values() == before


def go_wrong_at(pc, trap):
    """Make a machine's kernel panic at a trap: it says so, or its code is an invalid instruction."""
    serve = pc._serve_trap

    def fail():
        raise Panic("seeded")

    def interpreted():
        return pc._in_kernel(fail) if pc.traps == trap else serve()

    def compiled():
        if pc.traps == trap:
            pc.ram.bytes[pc.header.leave - CALL :][:2] = b"\x0f\x0b"
            pc.processor.engine.uc.ctl_flush_tb()
        return serve()

    pc._serve_trap = compiled if isinstance(pc, CompiledPc) else interpreted


@pytest.mark.parametrize("life", LIVES)
def test_a_panic_comes_again_after_going_back(life):
    recordings = [recorded(machine(MICROKERNEL, life)) for _ in range(2)]
    for recording in recordings:
        go_wrong_at(recording.pc, 130)
    first, second = recordings
    said = []
    for recording in recordings:
        with pytest.raises(Panic) as caught:
            recording.run()
        said.append(str(caught.value))
    second.back(60)
    assert second.at == second.end - 60
    with pytest.raises(Panic) as caught:
        second.run()
    assert {*said, str(caught.value)} == {said[0]}
    assert digest(first.pc) == digest(second.pc)
    second.back()
    first.go(second.at)
    assert digest(first.pc) == digest(second.pc) and first.pc.traps == first.end - 1


def test_a_kernel_that_refused_to_start_has_one_place():
    recording = recorded(machine(MICROKERNEL, "interpreted", memory=2176 << 10))
    assert (recording.end, recording.pc.outcome) == (0, Outcome.REFUSED)
    recording.step()
    recording.back(3)
    assert recording.run() is Outcome.REFUSED and recording.at == 0


def test_observers_and_the_console_hear_of_each_step_once():
    heard, shown = [], bytearray()
    pc = machine(MICROKERNEL, "interpreted", output=shown.append)
    pc.after_trap.append(lambda: heard.append(pc.traps))
    recording = recorded(pc)
    recording.go(4 * STRIDE)
    for place in (3 * STRIDE - 1, 0, 5 * STRIDE):
        recording.go(place)
    recording.run()
    assert heard == [*range(1, pc.traps + 1)]
    assert shown == pc.console


def test_who_asks_about_one_step_alone_hears_of_that_one():
    recording = recorded(machine(MICROKERNEL, "compiled"))
    recording.go(100)
    heard = []
    recording.replay(60, lambda: heard.append(-recording.pc.traps), lambda: heard.append(recording.pc.traps))
    assert heard == [-61, 61] and recording.at == 61


def test_a_run_that_was_broken_off_within_a_step_goes_on_from_a_checkpoint():
    recording, plain = (recorded(machine(MICROKERNEL, "interpreted")) for _ in range(2))
    plain.go(90)

    def break_off():
        if recording.pc.traps == 90:
            recording.pc.before_trap.clear()
            raise KeyboardInterrupt

    recording.pc.before_trap.append(break_off)
    with pytest.raises(KeyboardInterrupt):
        recording.run()
    recording.go(90)
    assert digest(recording.pc) == digest(plain.pc)


@pytest.mark.parametrize("share", [95, 0])
def test_with_little_room_old_checkpoints_are_given_up_and_every_place_can_still_be_reached(share):
    lines = ("ping 200", "pong 200", "cow", "primes 2000")
    plain = recorded(machine(MICROKERNEL, "compiled", lines))
    plain.run()
    full = Recording(machine(MICROKERNEL, "compiled", lines), every=STRIDE, room=plain.size * share // 100)
    full.boot()
    full.run()
    assert len(full.checkpoints) < len(plain.checkpoints) and full.size < plain.size
    for place in (plain.end - 3, 77, 3 * STRIDE, plain.end, 0):
        for each in (plain, full):
            each.go(place)
        assert digest(full.pc) == digest(plain.pc)


@pytest.mark.parametrize("life", some_of(LIVES, ["compiled"]))
def test_checkpoints_stay_right_however_long_steps_take_when_they_are_made_again(life, monkeypatch):
    """What is due depends on time: steps that take longer the second time must make no checkpoint among others."""
    plain, places = machine(MICROKERNEL, life, ("forkexit 300",)), {}
    plain.boot()
    while plain.outcome is Outcome.RUNNING:
        if plain.traps % STRIDE == 0:
            places[plain.traps] = digest(plain)
        plain.step()
    clock = iter(count(0, 1e-4))
    monkeypatch.setattr(recording_module, "perf_counter", lambda: next(clock))
    recording = Recording(machine(MICROKERNEL, life, ("forkexit 300",)))
    monkeypatch.setattr(recording_module, "LEAST_TIME", 1.5 * STRIDE * 1e-4)
    recording.boot()
    recording.run()
    checkpoints = sorted(recording.checkpoints)
    assert 0 < len(checkpoints) - 1 < recording.end // STRIDE
    monkeypatch.setattr(recording_module, "LEAST_TIME", 0.5 * STRIDE * 1e-4)
    for place in sorted(places, reverse=True):
        recording.go(place)
    assert [each for each in sorted(recording.checkpoints) if each <= checkpoints[-1]] == checkpoints
    for place, expected in places.items():
        recording.go(place)
        assert digest(recording.pc) == expected


def test_pages_are_kept_of_moments_one_after_the_other():
    pages = Pages(bytearray(4096))
    pages.take(7)
    for moment in (7, 3):
        with pytest.raises(ValueError, match=f"moment {moment} is not behind 7, the last that is kept"):
            pages.take(moment)


def test_pages_are_what_they_were_at_every_moment_that_is_kept():
    """Against copies of the whole."""
    chosen = random.Random(7)
    ram = bytearray(40 * 4096)
    pages, copies, now = Pages(ram), {}, 0

    def change():
        for _ in range(chosen.randrange(6)):
            ram[chosen.randrange(len(ram))] = chosen.randrange(3)

    for _ in range(300):
        change()
        kind = chosen.randrange(6)
        if kind < 3 or not copies:
            now = max(copies, default=0) + chosen.randrange(1, 4)
            if now - 1 > pages.copied and copies:
                pages.put_back(max(copies))
                change()
            pages.take(now)
            copies[now] = bytes(ram)
        elif kind < 5:
            now = chosen.choice([*copies])
            pages.put_back(now)
            assert bytes(ram) == copies[now]
        elif len(copies) > 3:
            moments = sorted(copies)
            index = chosen.randrange(1, len(moments) - 1)
            if moments[index] != pages.copied:
                pages.forget(moments[index], moments[index + 1])
                del copies[moments[index]]
        for moment in chosen.sample([*copies], min(2, len(copies))):
            assert pages.read(4000, 9000, moment) == copies[moment][4000:9000]
            assert b"".join(pages.content(page, moment) for page in range(40)) == copies[moment]
    assert pages.size == sum(map(len, pages._kept.values()))
