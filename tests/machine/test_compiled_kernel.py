"""The real kernel, compiled, on the simulated PC: equal to the interpreted one, and its panics are Python's."""

import pytest

from keelback.image.kernel_image import CompiledKernel
from keelback.image.payload import make_payload
from keelback.kernel.frames import Frames
from keelback.kernel.layout import MICROKERNEL
from keelback.lang import Panic
from keelback.machine.boot_loader import make_image
from keelback.machine.compare import compare
from keelback.machine.compiled import CompiledPc
from keelback.machine.kernels import compiled
from keelback.machine.pc import Outcome
from support import MIB, make_pc, payload_programs

NULL_CALLS = """
int main(const char *argument) {
    for (uint32_t left = number_in(argument, 0); left > 0; left--)
        sys_getpid();
    return 0;
}"""


def compiled_pc(*lines, kernel: CompiledKernel | None = None, memory=8 * MIB):
    members = {"etc/init": "".join(line + "\n" for line in lines).encode(), **payload_programs()}
    image = make_image(MICROKERNEL, make_payload(members), kernel or compiled(MICROKERNEL))
    return CompiledPc(MICROKERNEL, image, memory=memory)


def test_all_programs_together_leave_equal_ram_after_every_trap():
    names = sorted(payload_programs())
    report = compare(make_pc(*names, check=False), compiled_pc(*names))
    assert report.difference is None
    assert report.traps > 80 and report.bytes > 500 * MIB


@pytest.mark.parametrize("memory", [4 * MIB, 16 * MIB, 64 * MIB])
def test_both_lives_are_equal_in_any_memory(memory):
    lines = ("hello x", "ping 2", "pong 2", "null", "nobody", "sleeper 1")
    assert compare(make_pc(*lines, check=False, memory=memory), compiled_pc(*lines, memory=memory)).difference is None


def test_too_little_memory_is_refused_in_both_lives():
    first, second = make_pc("hello", check=False, memory=2 * MIB), compiled_pc("hello", memory=2 * MIB)
    first.boot()
    second.boot()
    assert first.outcome is second.outcome is Outcome.REFUSED
    assert first.console == second.console


def test_a_null_system_call_takes_less_than_120_instructions():
    counts = []
    for calls in (100, 1100):
        from support import c_program

        program = c_program(
            "int main(const char *a) { for (uint32_t n = number_in(a, 0); n; n--) sys_getpid(); return 0; }"
        )
        members = {"etc/init": f"calls {calls}\n".encode(), "calls": program}
        image = make_image(MICROKERNEL, make_payload(members), compiled(MICROKERNEL))
        pc = CompiledPc(MICROKERNEL, image, memory=8 * MIB)
        pc.boot()
        pc.run()
        counts.append(pc.kernel_instructions)
    assert (counts[1] - counts[0]) / 1000 < 120


def test_a_panic_of_compiled_code_is_at_the_line_of_the_python():
    """Break an invariant from outside: both lives stop at the same assert."""
    panics = []
    for pc in (make_pc("hello", check=False), compiled_pc("hello")):
        pc.boot()
        pc.kernel.memory.frames.table[pc.kernel.processes.table[1].space].references = 0
        with pytest.raises(Panic) as caught:
            pc.run()
        panics.append((caught.value.message.removeprefix("assertion failed: "), caught.value.line))
        assert caught.value.file.endswith("kernel/frames.py")
    assert panics[0] == panics[1]
    assert panics[0][0] == "a dropped frame had a reference"
    assert Frames._drop.__code__.co_firstlineno < panics[0][1]
