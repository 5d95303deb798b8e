"""Floating point is refused where it is built, whatever brings it in, and the place is said."""

import re
from pathlib import Path

import pytest

from keelback.image.integers_only import MARK, first_use
from keelback.image.libraries import build_library
from keelback.image.programs import build_program
from keelback.image.runtime import build_runtime
from keelback.image.toolchain import X86_64, ToolchainError, compile_c
from keelback.kernel.layout import MICROKERNEL
from keelback.user import PROGRAMS, RUNTIME

HEAD = '#include "keelback.h"\n'
BUILTIN = "__builtin_sqrt"
# what is on the third line of a file, in a function `main` that begins on the second: refused for its instruction
BODIES = {
    "double": "volatile double x = number_in(argument, 3); return (int)(x * 1.5);",
    "float": "volatile float x = number_in(argument, 3); return x > 1.0f;",
    "long double": "volatile long double x = number_in(argument, 3); return (int)x;",
    "a store alone": "static volatile double x; x = number_in(argument, 0) ? 1.0 : 2.5; return 0;",
    "a call with a float": "extern float half(float); return (int)half(number_in(argument, 0));",
    "a builtin": f"static volatile double x; x = {BUILTIN}(x); return 0;",
    "a complex number": "static volatile _Complex double x; x = x * 2; return 0;",
    "x87 in assembly": '__asm__ volatile("fninit"); return 0;',
    "wait in assembly": '__asm__ volatile("fwait"); return 0;',
    "MMX in assembly": '__asm__ volatile("movd %eax, %mm0"); return 0;',
    "emms in assembly": '__asm__ volatile("emms"); return 0;',
    "SSE in assembly": '__asm__ volatile("xorps %xmm0, %xmm0"); return 0;',
    "SSE2 in assembly": '__asm__ volatile("movdqu (%esp), %xmm3"); return 0;',
    "AVX in assembly": '__asm__ volatile("vxorps %ymm0, %ymm1, %ymm2"); return 0;',
    "its control in assembly": '__asm__ volatile("ldmxcsr (%esp)"); return 0;',
    "a save in assembly": '__asm__ volatile("fxsave (%esp)"); return 0;',
    "bytes in assembly": '__asm__ volatile(".byte 0xd9, 0xe8"); return 0;',
}


def program(tmp_path: Path, text: str, name: str = "it.c") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def refusal(tmp_path: Path, text: str, name: str = "it.c") -> str:
    """Return why a program or library is refused, without where it lies."""
    source = program(tmp_path, text, name)
    with pytest.raises(ToolchainError) as refused:
        if name.startswith("lib"):
            build_library(source, runtime=RUNTIME)
        else:
            build_program(source, runtime=RUNTIME, image_base=MICROKERNEL.image_base)
    said = str(refused.value)
    assert said.startswith(f"{source} does not compile\n")
    return said.partition("\n")[2]


@pytest.mark.parametrize("body", BODIES)
def test_floating_point_is_refused_with_its_place(tmp_path, body):
    said = refusal(tmp_path, f"{HEAD}int main(const char *argument) {{\n{BODIES[body]}\n}}\n")
    assert re.fullmatch(
        r"it\.c:3: error: main needs floating point \(.+\), which programs do not have here: "
        r"no such register outlives a trap; compute with integers",
        said,
    ), said


def test_half_floats_are_refused_by_the_compiler_itself(tmp_path):
    assert "_Float16 is not supported" in refusal(tmp_path, f"{HEAD}int main(void) {{ return (int)(_Float16)1; }}\n")


def test_a_header_that_uses_it_is_named(tmp_path):
    half = "return (int)((volatile double){0} + n * 0.5);"
    (tmp_path / "half.h").write_text(f"\nstatic int half(int n) {{\n    {half}\n}}\n")
    said = refusal(tmp_path, f'{HEAD}#include "half.h"\nint main(void) {{ return half(sys_getpid()); }}\n')
    assert said.startswith("half.h:3: error: half needs floating point (")


def test_assembly_outside_functions_is_looked_at_too(tmp_path):
    said = refusal(tmp_path, f'{HEAD}__asm__("more: fldpi; ret");\nint main(void) {{ return 0; }}\n')
    assert "error: there is need of floating point (fldpi), which programs" in said


def test_a_library_is_refused_too(tmp_path):
    said = refusal(tmp_path, f"{HEAD}EXPORT int half(int n) {{\n    return (int)(n * 0.5);\n}}\n", "libhalf.c")
    assert said.startswith("libhalf.c:3: error: half needs floating point (")


def test_it_is_refused_every_time(tmp_path):
    text = f"{HEAD}int main(void) {{ volatile double x = 1; return (int)x; }}\n"
    assert refusal(tmp_path, text) == refusal(tmp_path, text)


def test_code_for_64_bits_is_looked_at_as_such(tmp_path):
    with pytest.raises(ToolchainError, match="floating point"):
        compile_c(program(tmp_path, 'void f(void) { __asm__ volatile("movd %r9, %xmm9"); }\n'), target=X86_64)


@pytest.mark.parametrize(
    "body",
    [
        "return (int)(2.5 * 4);",  # the compiler computes it
        "static const double half = 0.5; return ((const int *)&half)[1];",
        "int st = 1, mm0 = 2; return st + mm0;",
        '__asm__ volatile("mfence; lfence; pause"); return 0;',
    ],
)
def test_what_needs_no_such_register_is_built(tmp_path, body):
    text = f"{HEAD}int main(void) {{ {body} }}\n"
    assert build_program(program(tmp_path, text), runtime=RUNTIME, image_base=MICROKERNEL.image_base)


def test_a_program_that_is_to_fault_says_so(tmp_path):
    text = f'{HEAD}FLOATING_POINT_FAULTS;\nint main(void) {{ __asm__ volatile("fldpi"); return 0; }}\n'
    assert build_program(program(tmp_path, text), runtime=RUNTIME, image_base=MICROKERNEL.image_base)


def test_of_our_own_programs_only_the_hostile_one_has_any():
    assert [each.stem for each in sorted(PROGRAMS.glob("*.c")) if "FLOATING_POINT" in each.read_text()] == ["hostile"]
    for name, each in build_runtime(RUNTIME).items():
        assert first_use(each) is None and MARK not in each, name
