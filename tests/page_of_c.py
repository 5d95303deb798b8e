"""docs/compiler.md's page of C: methods of the kernel, each beside the function that it becomes."""

import re
import textwrap
from pathlib import Path

from consoles import ROOT
from keelback.compiler import compile_program
from keelback.compiler.print_c import Form, Printer
from keelback.compiler.source import end_line
from keelback.image.live_kernels import entries_of, kernel_of
from keelback.kernel.layout import MICROKERNEL

PAGE = ROOT / "docs" / "compiler.md"
PAIR = re.compile(r"```python\n(.*?)```\n\nbecomes `(\w+)`:\n\n```c\n(.*?)```", re.DOTALL)


def page_now():
    """Return the page's text with each pair as the kernel's source and the compiler have it now."""
    kernel, ram = kernel_of(MICROKERNEL)
    program = compile_program(kernel, ram, entries_of(kernel))
    printer = Printer(ram, program.functions, form=Form(lines=False))

    def pair(match):
        function = program.functions[match[2]]
        file, first = function.place
        lines = Path(file).read_text().splitlines()[first - 1 : end_line(file, first)]
        python, c = textwrap.dedent("\n".join(lines)), printer.function_text(function).rstrip()
        return f"```python\n{python}\n```\n\nbecomes `{match[2]}`:\n\n```c\n{c}\n```"

    return PAIR.sub(pair, PAGE.read_text())
