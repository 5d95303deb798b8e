"""The whole kernel compiled: no warning, the same bytes each time, nothing of this machine in it."""

from pathlib import Path

import pytest

from keelback.compiler import compile_program
from keelback.compiler.names import STRICT_C
from keelback.image.live_kernels import entries_of
from keelback.image.toolchain import NO_WARNINGS, compile_c
from keelback.kernel.kernel import make_kernel
from keelback.kernel.layout import MICROKERNEL
from keelback.lang import KernelError, NoHardware, Ram


def compiled():
    ram = Ram(8 << 20)
    kernel = make_kernel(MICROKERNEL, ram, NoHardware())
    return compile_program(kernel, ram, entries_of(kernel))


@pytest.fixture(scope="module")
def kernel():
    return compiled()


def test_kernel_compiles_without_a_warning(kernel, tmp_path, record_property):
    from io import BytesIO

    from elftools.elf.elffile import ELFFile

    source = tmp_path / "kernel.c"
    source.write_text(kernel.c)
    elf = ELFFile(BytesIO(compile_c(source, flags=(STRICT_C, *NO_WARNINGS, "-Os", "-g0"))))
    size = elf.get_section_by_name(".text")["sh_size"]
    print(f"kernel text: {size} bytes, {len(kernel.functions)} functions")
    record_property("text", size)
    assert 0 < size < (MICROKERNEL.places - MICROKERNEL.kernel_start) * 2 // 3, "two thirds of the text's room"


@pytest.mark.campaign  # every run builds an image twice
def test_same_source_gives_the_same_c(kernel):
    assert compiled().c == kernel.c


def test_no_path_of_this_machine_is_in_the_c(kernel):
    assert str(Path(__file__).parents[2]) not in kernel.c
    assert str(Path.home()) not in kernel.c


def test_every_static_record_has_a_section_at_its_address(kernel):
    assert kernel.sections and all(name == f".record.at_{address:08x}" for name, address in kernel.sections)


def test_every_function_was_lowered(kernel):
    assert all(name == function.key.name for name, function in kernel.functions.items())
    text = "".join(repr(function.body) for function in kernel.functions.values())
    assert "Try(" not in text and "Raise(" not in text


def test_an_error_that_nobody_raises_is_not_in_the_c(kernel):
    """Whoever defines one, in the same process: what is kept must not depend on that."""

    class Elsewhere(KernelError):
        """Something is wrong elsewhere."""

        number = -199

    try:
        assert compiled().c == kernel.c
    finally:
        del KernelError.known[Elsewhere.number]


def test_what_is_rare_is_no_part_of_its_callers(kernel):
    heads = [line for line in kernel.c.splitlines() if line.startswith("static") and "_note_sharing(" in line]
    assert heads and all("((cold, noinline, unused))" in line for line in heads)


def test_a_system_call_stays_a_function_that_a_debugger_can_stop_at_unless_it_is_small(kernel):
    heads = {line for line in kernel.c.splitlines() if line.startswith("static") and "calls_" in line}
    assert any("noinline" in line and "calls_puts(" in line for line in heads)
    assert any("noinline" not in line and "calls_getpid(" in line for line in heads)
