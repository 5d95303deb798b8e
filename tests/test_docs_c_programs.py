"""What docs/c-programs.md says of the C library: what is named is there, and what is not there does not link."""

import re

import pytest

from consoles import ROOT
from keelback.image.c_library import read_parts
from keelback.image.runtime import build_runtime
from keelback.image.symbols import defined_in
from keelback.image.toolchain import ToolchainError
from keelback.image.user_c import compile_user_c
from keelback.user import RUNTIME
from support import c_program

PAGE = (ROOT / "docs" / "c-programs.md").read_text()
ROWS = re.findall(r"^\| ((?:`<[\w/.]+>`(?:, )?)+) \| (.*) \|$", PAGE, re.MULTILINE)


def test_the_page_has_rows():
    assert len(ROWS) > 10


@pytest.mark.parametrize(("headers", "said"), ROWS, ids=[row[0] for row in ROWS])
def test_what_a_header_has_is_there_and_declared(headers, said, tmp_path):
    names = [name for name in re.findall(r"`(\w+)`", said) if name not in ("v",)]
    there = {name for part in read_parts(RUNTIME).values() for name in part}
    there |= set().union(*map(defined_in, build_runtime(RUNTIME).values()))
    there |= {
        re.sub(r"^__|_time64$|64$", "", name) for name in there
    }  # what the headers name otherwise: times of 64 bits
    assert {*names} <= there
    source = tmp_path / "it.c"
    included = "".join(f"#include <{name}>\n" for name in re.findall(r"<([\w/.]+)>", headers))
    uses = "\n".join(f"    (void)({name});" for name in names if name not in ("setjmp",))
    source.write_text(f"#define _GNU_SOURCE\n{included}int main(void)\n{{\n{uses}\n}}\n")
    compile_user_c(source, RUNTIME, flags=("-Werror", "-Wno-unused-value"))


def test_what_is_not_there_does_not_link():
    [paragraph] = re.findall(r"^What the kernel can't do is not there.*\n.*$", PAGE, re.MULTILINE)
    names = re.findall(r"`(\w+)`", paragraph.replace("`int`", ""))
    assert len(names) > 8
    for name in names:
        with pytest.raises(ToolchainError, match=f"undefined symbol: _*{name}"):
            c_program(f'__asm__(".long {name}");\nint main(void) {{ return 0; }}')
