"""Clang's trap for a division by zero becomes the CPU's divide error, wherever it stands, and nothing else changes."""

import shutil
import subprocess

import pytest

from keelback.image.division import _traps, with_divide_errors
from keelback.image.toolchain import I386, X86_64
from keelback.image.user_c import compile_user_c
from keelback.user import RUNTIME

TRAP = bytes.fromhex("0fb94003")


def traps_in(code):
    from capstone import CS_ARCH_X86, CS_MODE_32, Cs

    decoder = Cs(CS_ARCH_X86, CS_MODE_32)
    decoder.skipdata = True
    return list(_traps(decoder, code, TRAP))


def test_traps_are_found_one_after_another_and_not_within_instructions():
    assert traps_in(b"") == []
    assert traps_in(b"\x90" + TRAP + TRAP + TRAP) == [1, 5, 9]
    assert traps_in(b"\xb8" + TRAP + TRAP) == [5]  # mov eax, the same bytes
    assert traps_in(b"\x68" + TRAP + b"\xc3") == []


@pytest.mark.parametrize(("target", "error"), [(I386, "aam"), (X86_64, "31 c9                \txor")])
def test_only_the_traps_of_an_object_change(target, error, tmp_path):
    source = tmp_path / "many.c"
    source.write_text(
        "".join(f"int f{i}(int a, int b) {{ return a / b + a % (b - {i}); }}\n" for i in range(1, 21))
        + "int g(void) { return 0x0340b90f; }\n"
    )
    compiled = compile_user_c(source, RUNTIME, target=target)
    (tmp_path / "many.o").write_bytes(compiled)
    shown = subprocess.run(
        [shutil.which("objdump") or "objdump", "-d", tmp_path / "many.o"], capture_output=True, text=True, check=True
    ).stdout
    assert shown.count(error) == 40 and "ud1" not in shown and "$0x340b90f" in shown


def test_an_object_without_divisions_stays_as_it_is():
    assert with_divide_errors(b"no object at all") == b"no object at all"
