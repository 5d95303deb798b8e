"""A layout names its parts: of the others the kernel has nothing, and their calls are unknown, in both lives."""

from dataclasses import replace
from io import BytesIO
from itertools import combinations

import pytest
from elftools.elf.elffile import ELFFile

from keelback.abi.calls import CALLS
from keelback.abi.errors import UnknownCall
from keelback.abi.parts import Part
from keelback.image.images import make_image
from keelback.image.live_kernels import kernel_of
from keelback.image.payload import make_payload
from keelback.kernel.layout import LAYOUTS, MICROKERNEL, WrongLayout
from keelback.lang import static_parts
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from kernel.driven import LIMITED, Call, Died, driven
from kernel.quick import compiled_quickly
from support import MIB, console, payload_programs, run, sliced, some_of

SMALL = replace(MICROKERNEL, name="small", number=100, processes=8, threads=8)
BARE = replace(SMALL, name="bare", parts=())
PLAIN = replace(SMALL, name="plain", parts=tuple(part for part in Part if part not in (Part.LIBRARIES, Part.MALLOC)))
SUBSETS = [chosen for count in range(len(Part) + 1) for chosen in combinations(Part, count)]


def test_the_published_layouts_with_an_address_space_of_4_gib_have_all_parts():
    assert all(set(layout.parts) == set(Part) for layout in LAYOUTS if layout.user_end > 1 << 31)


@pytest.mark.parametrize("parts", [("mapping",), (Part.MALLOC, Part.MALLOC), (None,)], ids=str)
def test_what_is_no_part_or_named_twice_is_refused(parts):
    with pytest.raises(WrongLayout, match=f"each is a part, named once: {', '.join(Part)}"):
        replace(MICROKERNEL, parts=parts)


@pytest.mark.parametrize(
    ("parts",), sliced([(each,) for each in SUBSETS], 5), ids=lambda parts: "+".join(parts) or "none"
)
def test_with_any_parts_processes_fork_write_and_end_and_other_parts_calls_are_unknown(parts):
    machine = driven(layout=replace(SMALL, parts=parts))
    child = machine.fork()
    assert machine.call(Call.PAGE_ALLOC, 0x2000_0000, pid=child) == 0
    machine.write(0x2000_0000, 7, pid=child)
    for call in CALLS:
        if call.part is not None and call.part not in parts:
            assert machine.call(call.number, 1, 2, 3) == UnknownCall.number, call.name
    with pytest.raises(Died):
        machine.call(Call.EXIT, 5, pid=child)
    assert machine.call(Call.GETPID) == 1
    machine.check()


@pytest.mark.parametrize("life", ["interpreted", "compiled"])
def test_a_child_that_nobody_can_wait_for_leaves_nothing_behind(life):
    machine = driven(life=life, layout=BARE)
    before = machine.used(), machine.alive()
    for _ in range(20):  # more than there are places for
        child = machine.fork()
        with pytest.raises(Died):
            machine.call(Call.EXIT, 5, pid=child)
        assert (machine.used(), machine.alive(), machine.process(child).pid) == (*before, 0)
    assert machine.call(Call.WAIT, -1, 0) == UnknownCall.number
    machine.check()


def test_of_a_part_that_is_not_named_the_kernel_has_no_component_and_no_record():
    found = {type(part).__name__ for _, part in static_parts(kernel_of(PLAIN)[0])}
    whole = {type(part).__name__ for _, part in static_parts(kernel_of(SMALL)[0])}
    assert whole - found >= {"Libraries", "LoadedLibraries", "LibraryCalls", "MallocPages", "MallocCalls"}
    assert found <= whole
    assert len(kernel_of(PLAIN)[1].records) < len(kernel_of(SMALL)[1].records)


def text_of(layout):
    """Return the bytes of a compiled kernel's text."""
    files = [ELFFile(BytesIO(each)) for each in compiled_quickly(layout).objects.values()]
    return sum(s["sh_size"] for each in files for s in each.iter_sections() if s.name.startswith(".text"))


@pytest.mark.campaign
def test_the_compiled_kernel_leaves_out_what_is_not_named(record_property):
    assert len(compiled_quickly(PLAIN).sections) < len(compiled_quickly(LIMITED).sections)
    whole, plain, bare = (text_of(layout) for layout in (LIMITED, PLAIN, BARE))
    print(f"kernel text: {whole} bytes; {plain} without libraries and malloc; {bare} without any part")
    record_property("text", [whole, plain, bare])
    assert bare < 0.8 * whole and bare < plain < 0.95 * whole


@pytest.mark.parametrize("layout", some_of([PLAIN, BARE], [BARE]), ids=lambda layout: layout.name)
def test_both_lives_are_equal_in_such_a_layout(layout):
    programs = {name: payload_programs()[name] for name in ("hello", "forktree", "libraries", "mallocs", "regions")}
    payload = make_payload({"etc/init": "".join(f"{name}\n" for name in programs).encode(), **programs})
    image = make_image(layout, payload, compiled_quickly(layout))
    lives = [kind(layout, image, memory=8 * MIB) for kind in (InterpretedPc, CompiledPc)]
    report = compare(*lives)
    assert report.difference is None and report.traps > 30
    assert all(pc.outcome is Outcome.POWERED_OFF for pc in lives)


# What each program says where no part is there; those that are not here do what they do elsewhere.
ERRORS = {
    "cow": "panic: cow: wait failed",
    "family": "panic: family: a child ended otherwise than it should",
    "forktree": "panic: forktree: wait failed",
    "hostile": "panic: hostile: wait failed",
    "joins": "panic: joins: no thread",
    "libraries": "panic: libraries: ",
    "liar": "panic: liar: map failed",
    "lost": "panic: lost: there are no messages",
    "mallocs": "panic: mallocs: there is no memory",
    "philosophers": "panic: philosophers: no thread",
    "producers": "panic: producers: no thread",
    "regions": "panic: regions: ",
    "ring": "panic: ring: there are no messages",
    "server": "panic: server: there are too many clients, or no messages",
    "sharing": "panic: sharing: there is no object",
    "stack": "panic: stack: wait failed",
}


@pytest.mark.parametrize("name", sorted(payload_programs()))
def test_a_program_that_needs_a_part_that_is_not_there_ends_with_an_error_that_it_prints(name):
    def said(layout):
        return console(run(f"{name} {'300' * (name == 'primes')}", layout=layout, memory=4 * MIB, check=False))

    lines = said(BARE)
    assert any(ERRORS[name] in line for line in lines) if name in ERRORS else lines == said(SMALL)
