"""The line of a panic is the first of its statement, whatever CPython says of its instructions."""

import linecache
import textwrap

import pytest

from keelback.lang import MISTAKES, Panic
from keelback.lang.lines import statement_line

# The statement starts at the line with the mark; x is 0.
SPREAD = {
    "operator": "return (  # here\n    1\n    // x\n)",
    "call": "f(  # here\n    1,\n    1 // x,\n)",
    "callee": "(  # here\n    f\n    .nothing\n)",
    "index": "return (1, 2)[  # here\n    x + 7\n]",
    "condition": "if (  # here\n    x == 0\n    and 1 // x\n): return 1",
    "condition of a part": "if x == 1:\n    pass\nelif (  # here\n    1 // x\n):\n    pass",
    "loop": "while (  # here\n    1 // x\n):\n    pass",
    "body of a loop": "for n in range(\n    2\n):\n    y = (  # here\n        n // x\n    )",
    "body on the line of a head": "if (\n    x == 0\n): y = (1  # here\n    // x)",
    "head before a body on its line": "if (1  # here\n    // x): return (\n    3)",
    "two on a line": "y = (1 +\n    2); z = (y  # here\n    // x)",
    "handler": "try:\n    raise KeyError\nexcept KeyError:\n    y = (  # here\n        1 // x)",
    "target": "class C: pass\n(f  # here\n    .g\n    .h) = (\n        x)",
    "text": "return (f'{x}'  # here\n    f'{1 // x}')",
    "augmented": "x += (  # here\n    1 //\n    x)",
    "beyond ASCII": "y = 'é'; z = ('ü',  # here\n    1 // x)",
}


@pytest.mark.parametrize("body", SPREAD.values(), ids=SPREAD)
def test_line_is_the_first_of_the_statement(body, tmp_path):
    path = tmp_path / "program.py"
    path.write_text("def f(x):\n" + textwrap.indent(body, "    ") + "\n")
    linecache.checkcache(str(path))
    namespace = {}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    with pytest.raises(MISTAKES) as caught:
        namespace["f"](0)
    panic = Panic.of(caught.value)
    line = next(number for number, line in enumerate(path.read_text().splitlines(), 1) if "# here" in line)
    assert (panic.file, panic.line) == (str(path), line)


def test_place_without_a_source_keeps_its_line():
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile("\n\n1 // 0", "<nowhere>", "exec"), {})
    assert Panic.of(caught.value).line == 3
    assert statement_line("def f(:", (7, 0)) == statement_line("x = 1\n", (7, 0)) == 7
