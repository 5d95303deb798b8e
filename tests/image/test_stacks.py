"""The stacks of the kernel: what is proven of them, and what they are seen to need."""

import logging
import re
from collections import Counter
from functools import cache

import pytest
from unicorn import UC_HOOK_CODE
from unicorn import x86_const as x86

from keelback.cli.libraries import payload_libraries
from keelback.compiler import compile_program
from keelback.compiler.errors import CompileError
from keelback.compiler.names import STRICT_C
from keelback.image.compiled import C_FLAGS, KERNEL_FLAGS, compile_kernel
from keelback.image.images import make_image
from keelback.image.kernel_image import CompiledKernel
from keelback.image.kernels import FOR_SPEED, compiled
from keelback.image.linked import make_symbols
from keelback.image.live_kernels import entries_of, kernel_of
from keelback.image.payload import make_payload
from keelback.image.stacks import bounds
from keelback.image.stacks.bounds import MARGIN, StackTooDeep, prove
from keelback.image.stacks.chains import Chains
from keelback.image.stacks.code import Code
from keelback.image.stacks.proven import ENTRY, INTERRUPT
from keelback.image.stacks.ways import Unbounded
from keelback.image.toolchain import I386, TARGETS, X86_64, compile_c, link_elf
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64, PUBLISHED, TEACHING, USERMODE, with_paging
from keelback.lang import PAGE_SIZE, Component, Ram, u32
from keelback.machine.simulated.compiled import CompiledPc
from support import MIB, programs_of
from variants import name_of

USERMODE_64 = with_paging(USERMODE, "x86-64")
UNTOUCHED = 0xA5
DEEP_CALLS = ("family", "forkexit", "libraries", "mallocs", "regions")
"""Programs that make the calls which take the kernel deepest."""


@cache
def elf_of(layout):
    return make_symbols(layout, compiled(layout))


@cache
def chains_of(layout):
    """Return the chains of all functions of a kernel."""
    chains = Chains(Code(elf_of(layout)))
    for function in chains.code.functions:
        chains.of(function.start)
    return chains


def pc_of(layout, *lines):
    libraries = payload_libraries(TARGETS[layout.paging.word_bits]) if layout.parts else {}
    named = {line.split()[0] for line in lines}
    programs = {name: each for name, each in programs_of(layout).items() if name in named or layout.parts}
    init = "".join(f"{line}\n" for line in lines).encode()
    image = make_image(layout, make_payload({"etc/init": init, **programs, **libraries}), compiled(layout))
    return CompiledPc(layout, image, memory=min(max(8 * MIB, layout.owned_end + 2 * MIB), layout.physical_limit))


def lines_for(layout):
    return DEEP_CALLS if layout.parts else ("fork 3", "allocator 5", "cow")


# What is proven.


@pytest.mark.parametrize("layout", PUBLISHED, ids=name_of)
def test_each_stack_of_each_published_kernel_has_its_margin(layout):
    kernel, in_long_mode = compiled(layout), layout.paging.word_bits == 64
    names = ["kernel stack", "entry stack", "boot stack", "double fault stack", *["interrupt stack"] * in_long_mode]
    assert [each.stack for each in kernel.stacks] == names
    for each in kernel.stacks:
        print(f"{name_of(layout)}: {each.stack}: {each.taken:,} of {each.size:,}: {each.chain}")
        assert each.taken + each.free == each.size and each.free >= each.size // MARGIN
        assert (each.chain[-1][0] == INTERRUPT) is not in_long_mode, "in long mode it has a stack of its own"
    way = kernel.stacks[0].way()
    assert way.startswith("kernel_trap → ") and " → kernel_panic → " in way
    assert CompiledKernel.unpack(kernel.pack()) == kernel


def test_a_stack_without_its_margin_is_refused_with_its_chain(monkeypatch):
    monkeypatch.setattr(bounds, "MARGIN", 1)
    with pytest.raises(StackTooDeep) as caught:
        prove(MICROKERNEL, elf_of(MICROKERNEL))
    stack = compiled(MICROKERNEL).stacks[0]
    chain = " → ".join(f"{function} {taken:,}" for function, taken in stack.chain)
    message = (
        f"the kernel stack has 4,096 bytes, of which 4,096 are to be left; this chain takes {stack.taken:,}: {chain}"
    )
    assert str(caught.value) == message
    assert dict(stack.chain)[caught.value.functions[0]] == max(taken for _, taken in stack.chain)


class Doubler(Component):
    def twice(self, n: u32) -> u32:
        return (n & 0xFFFF) * 2


def test_what_nothing_is_proven_of_is_told_at_its_python():
    doubler, told = Doubler(), []
    for function in ("twice", "memmove"):

        def refuse(made, function=function):
            raise Unbounded(function, "so it is")

        with pytest.raises(CompileError) as caught:
            compile_kernel(doubler, Ram(PAGE_SIZE), {"twice": doubler.twice}, prove=refuse)
        told.append((caught.value.rule, caught.value.message, caught.value.file, caught.value.line))
    line = Doubler.twice.__code__.co_firstlineno
    assert told == [
        ("stack", "how much stack twice takes is not known: so it is", __file__, line),
        ("stack", "how much stack memmove takes is not known: so it is", __file__, line),  # the kernel's first entry
    ]


# What is seen.


def kernel_stacks(pc, lens):
    """Return where in RAM the kernel stacks lie that there are."""
    layout, spaces = pc.layout, lens.spaces
    if layout.one_stack:
        return [slice(layout.double_fault_stack, layout.records_end)]
    ends = [each.kernel_stack for each in lens.threads.table if each.kernel_stack != 0]
    assert layout.kernel_stack == PAGE_SIZE
    if layout.kernel_stack_slots == 0:
        return [slice(end - PAGE_SIZE, end) for end in ends]
    frames = [spaces.frame(spaces.kernel.directory, end - PAGE_SIZE) for end in ends]
    return [slice(frame << 12, frame + 1 << 12) for frame in frames]


@pytest.mark.parametrize("layout", [MICROKERNEL, MICROKERNEL_64, TEACHING], ids=name_of)
def test_no_trap_takes_more_of_its_stack_than_is_proven_and_some_take_most_of_it(layout):
    pc = pc_of(layout, *lines_for(layout))
    lens, painted, taken = look(layout, pc.contents), [], []

    def measure():
        for place in painted:
            content = bytes(pc.ram.bytes[place])
            if content[0] == UNTOUCHED:  # else it was freed, and its frame spoiled
                taken.append(len(content.lstrip(bytes([UNTOUCHED]))))
        painted[:] = kernel_stacks(pc, lens)
        for place in painted:
            pc.ram.bytes[place] = bytes([UNTOUCHED]) * (place.stop - place.start)

    pc.after_trap.append(measure)
    pc.boot()
    pc.run()
    chain = compiled(layout).stacks[0].chain
    fault = [function for function, _ in chain].index(ENTRY, 1)
    most, proven = max(taken), sum(each for _, each in chain[:fault])
    print(f"{name_of(layout)}: {most} bytes in {pc.traps} traps; at most {proven} without a panic")
    assert 0.75 * proven < most <= proven


@pytest.mark.parametrize("layout", [USERMODE, USERMODE_64, TEACHING], ids=name_of)
def test_wherever_the_kernel_is_its_return_address_lies_as_deep_as_was_calculated(layout):
    """Kernel stacks lie at their own addresses here.  Each instruction is looked at as it runs."""
    pc, chains = pc_of(layout, "hello", "null", "fork 1"), chains_of(layout)
    code, seen, wrong = chains.code, set(), []
    behind_calls = places_behind_calls(code)

    def check(uc, address, _size, _data):
        function = code.function(address)
        if function is not None:
            seen.add(address)
            place = uc.reg_read(pointer) + chains.stretches[function.start].places[address]
            returned = int.from_bytes(pc.ram.bytes[place : place + code.word], "little")
            if (function.start, returned) not in behind_calls:
                wrong.append((hex(address), function.name))

    pointer = x86.UC_X86_REG_ESP if code.word == 4 else x86.UC_X86_REG_RSP
    pc.processor.engine.uc.hook_add(UC_HOOK_CODE, check, begin=layout.kernel_start, end=layout.places)
    pc.boot()
    pc.run()
    print(f"{name_of(layout)}: {len(seen):,} instructions in {pc.traps} traps")
    assert not wrong and len(seen) > 4_000


def places_behind_calls(code):
    """Return which function is called in front of which address, in all the code, by decoding it from end to end."""
    text, found = code.bytes, set()
    for place in range(len(text) - 5):
        if text[place] == 0xE8:
            behind = code.start + place + 5
            found.add((behind + int.from_bytes(text[place + 1 : place + 5], "little", signed=True), behind))
    return found


FRAME_SIZE = re.compile(r"stack frame size \((\d+)\) exceeds limit \(0\) in '(\w+)'")


@pytest.mark.campaign
def test_no_function_takes_less_than_the_compiler_says_of_it(tmp_path, caplog):
    kernel, ram = kernel_of(MICROKERNEL)
    source = tmp_path / "kernel.c"
    source.write_text(compile_program(kernel, ram, entries_of(kernel)).c)
    flags = [each for each in KERNEL_FLAGS if "frame-larger" not in each]
    with caplog.at_level(logging.WARNING):
        compile_c(source, flags=(STRICT_C, *C_FLAGS, *flags, *FOR_SPEED, "-Wframe-larger-than=0"))
    said = {name: int(size) for size, name in FRAME_SIZE.findall(caplog.text)}
    chains = chains_of(MICROKERNEL)
    ours = {each.name: chains.stretches[each.start].deepest for each in chains.code.functions}
    assert len(said) > 90 and said.keys() <= ours.keys()
    more = {name: ours[name] - size for name, size in said.items()}
    # The frame pointer, what is pushed for a call, and its return address are not in the compiler's figure.
    assert min(more.values()) >= 0 and max(more.values()) <= 4 + 4 + 4 * 9
    assert Counter(more.values()).most_common(1)[0][0] == 4 + 4


# What is refused.

SCRIPT = "ENTRY(first) SECTIONS { . = 0x100000; .text : { *(.text*) *(.rodata*) } }"
HEAD = "typedef unsigned u; typedef unsigned long w; u other(u); "


def chain_in(tmp_path, text, target=I386, *, called="", level="-O2"):
    """Return the chains of the function `first` in C."""
    source = tmp_path / "own.c"
    source.write_text(f"{HEAD}{text}\n__attribute__((noinline)) u other(u n) {{ {called or 'return n + 1;'} }}\n")
    flags = (level, "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", "-Wno-everything")
    code = Code(link_elf({"own.o": compile_c(source, flags=flags, target=target)}, SCRIPT, target=target))
    return Chains(code).of(code.labels["first"])


REFUSED = {
    "alloca": (
        "u first(u n) { volatile char *room = __builtin_alloca(n); room[0] = 1; return room[n - 1]; }",
        "how much stack first takes is not known: how much it takes is calculated when it runs (",
    ),
    "pointer": (
        "u first(u (*way)(u)) { return way(3) + 1; }",
        "how much stack first takes is not known: what it calls is known when it runs only (call ",
    ),
    "assembly": (
        '__attribute__((naked)) void first(void) { __asm__("1: push $1; jmp 1b"); }',
        "how much stack first takes is not known: it pushes in a loop (",
    ),
    "unbalanced": (
        '__attribute__((naked)) void first(void) { __asm__("push $1; ret"); }',
        "how much stack first takes is not known: it returns with ",
    ),
    "jump": (
        "u first(u n) { void *volatile way = n ? &&a : &&b; goto *way; a: return other(1); b: return other(2); }",
        "how much stack first takes is not known: where it goes is known when it runs only (jmp ",
    ),
    "entered": (
        '__attribute__((naked)) void first(void) { __asm__("enter $8, $0; leave; ret"); }',
        "how much stack first takes is not known: this does with the stack what is not understood (enter ",
    ),
    "narrow": (
        '__attribute__((naked)) void first(void) { __asm__("pushw $8; ret"); }',
        "how much stack first takes is not known: this does with the stack what is not understood (push ",
    ),
}


@pytest.mark.parametrize("target", [I386, X86_64], ids=["i386", "x86-64"])
@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_bound_is_refused_and_says_why(tmp_path, text, says, target):
    with pytest.raises(Unbounded) as caught:
        chain_in(tmp_path, text, target)
    assert str(caught.value).startswith(says) and caught.value.functions == ["first"]


def test_a_cycle_of_calls_is_named(tmp_path):
    text = "__attribute__((noinline)) u first(u n) { return n ? other(n - 1) + 1 : 0; }"
    with pytest.raises(Unbounded, match="it calls itself: first → other → first$"):
        chain_in(tmp_path, text, called="return first(n / 2) * 3;")


BOUNDED = {
    "call": ("u first(u n) { return other(n) + n; }", {32: 4, 64: 8}),
    "switch": (
        "u first(u n) { volatile char room[300]; room[n] = 1;"
        " switch (n) { case 0: return other(7) + 1; case 1: return other(1) - n; case 2: return other(5) * 3;"
        " case 3: return other(n) / 3; case 4: return other(99) ^ n; } return room[2]; }",
        {32: 304, 64: 300},
    ),
    "aligned": ("u first(u n) { _Alignas(64) volatile char room[64]; room[n] = 1; return other(room[3]); }",
                {32: 128, 64: 128}),
}  # fmt: skip


def test_a_call_behind_one_that_never_returns_takes_no_stack(tmp_path):
    """So is what a method leaves in its callers that always panics, which the C compiler does not notice."""
    chain = chain_in(tmp_path, "u first(u n) { return other(n) + other(n + 1); }", called='__asm__("ud2"); return n;')
    assert [each.function for each in chain.links] == ["first", "other"]


def test_a_table_of_jumps_that_is_read_too_short_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(Code, "table", lambda *_: iter(()))
    with pytest.raises(Unbounded, match="no way that is known leads to its call at 0x"):
        chain_in(tmp_path, BOUNDED["switch"][0])


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(("text", "least"), BOUNDED.values(), ids=BOUNDED)
def test_a_bound_has_the_frame_the_call_and_what_is_called(tmp_path, text, least, bits):
    chain = chain_in(tmp_path, text, TARGETS[bits])
    assert [each.function for each in chain.links] == ["first", "other"]
    first, other = (each.bytes for each in chain.links)
    word = bits // 8
    assert other == word, "its frame pointer"
    assert least[bits] + 2 * word <= first < least[bits] + 2 * word + 80


@pytest.mark.parametrize("target", [I386, X86_64], ids=["i386", "x86-64"])
def test_a_jump_by_a_table_is_followed_where_a_register_has_its_target(tmp_path, target):
    chain = chain_in(tmp_path, BOUNDED["switch"][0], target, level="-O0")
    assert [each.function for each in chain.links] == ["first", "other"]
