"""C as it is written: nothing of it is left out, and a wrong asm has its place."""

import shutil

import pytest

from keelback.image.as_written import keeping_all
from keelback.image.c_options import NO_C_OPTIONS, COptions
from keelback.image.libraries import build_library
from keelback.image.toolchain import ToolchainError, compile_c_as_written
from keelback.image.user_c import compile_user_c
from keelback.user import RUNTIME

OPTIMISED = COptions(optimise=True)


def instructions(compiled):
    """Return the mnemonics and operands of an object's .text."""
    from io import BytesIO

    from capstone import CS_ARCH_X86, CS_MODE_32, Cs
    from elftools.elf.elffile import ELFFile

    code = ELFFile(BytesIO(compiled)).get_section_by_name(".text").data()
    return [f"{mnemonic} {operands}" for _, _, mnemonic, operands in Cs(CS_ARCH_X86, CS_MODE_32).disasm_lite(code, 0)]


def test_loads_and_divisions_of_ir_are_kept_and_nothing_else_changes():
    ir = (
        '@text = constant [9 x i8] c" = load x\\00"\n'
        "  %1 = load i32, ptr %0, align 4, !dbg !7\n"
        "  %2 = load volatile i32, ptr %0, align 4\n"
        "  %3 = load atomic i32, ptr %0 seq_cst, align 4\n"
        "  %4 = srem i32 %1, %2, !dbg !8\n"
        "  %5 = sdiv i64 %9, %8\n"
        '  call void asm sideeffect "%1 = load i32", ""()\n'
    )
    changed = ir.replace("%1 = load i32,", "%1 = load volatile i32,", 1)
    kept = '  call void asm sideeffect "", "r"(i32 %4), !dbg !8\n'
    assert keeping_all(ir) == changed.replace("!dbg !8\n", f"!dbg !8\n{kept}", 1)


def test_what_nobody_uses_is_in_the_code(tmp_path):
    source = tmp_path / "unused.c"
    source.write_text("int f(int *p, int a, int b) { *p; p[1] + 1; (void)p[2]; a / b; p[3] = 1; p[3] = 2; }\n")
    written, optimised = (instructions(compile_user_c(source, RUNTIME, options=o)) for o in (NO_C_OPTIONS, OPTIMISED))
    loads = ("[eax]", "[eax + 4]", "[eax + 8]")
    assert all(f"mov eax, dword ptr {place}" in written for place in loads)
    assert any(each.startswith("idiv ") for each in written)
    assert [each for each in written if each.startswith("mov dword ptr [eax + 0xc], ")] == [
        "mov dword ptr [eax + 0xc], 1",
        "mov dword ptr [eax + 0xc], 2",
    ]
    assert not any(f"mov eax, dword ptr {place}" in optimised for place in loads)


def test_a_library_is_as_written_too(tmp_path):
    source = tmp_path / "libpeek.c"
    source.write_text('#include "keelback.h"\nEXPORT int peek(int *p) { *p; return 7; }\n')
    written, optimised = (build_library(source, runtime=RUNTIME, options=each) for each in (NO_C_OPTIONS, OPTIMISED))
    load = "mov eax, dword ptr [eax]"
    assert load in instructions(written) and load not in instructions(optimised)


def test_the_same_text_makes_the_same_object_anywhere(tmp_path):
    source = tmp_path / "one" / "it.c"
    source.parent.mkdir()
    source.write_text("int twice(int *number) { return *number + *number; }\n")
    elsewhere = shutil.copytree(source.parent, tmp_path / "other") / "it.c"
    assert compile_c_as_written(source) == compile_c_as_written(elsewhere)


def test_what_stands_behind_a_division_is_not_taken_for_floating_point(tmp_path):
    source = tmp_path / "many.c"
    for size in range(4, 12):
        source.write_text(f"int f(int n, int m) {{ int a[{size}]; a[n / m] = n; return a[3] / (n - {size}) / m; }}\n")
        assert compile_user_c(source, RUNTIME)


def test_a_wrong_asm_is_told_with_its_place(tmp_path):
    source = tmp_path / "wrong.c"
    source.write_text('int main(void)\n{\n    __asm__("blah");\n    return 0;\n}\n')
    with pytest.raises(ToolchainError, match=r"wrong\.c:3:\d+: error: invalid instruction mnemonic 'blah'"):
        compile_c_as_written(source)
