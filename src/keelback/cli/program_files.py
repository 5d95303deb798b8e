"""Program files that a user names by path: in C, in Kernel Python, or built elsewhere to an ELF file."""

from collections.abc import Sequence
from pathlib import Path

from keelback.cli.needs import named_in_elf, named_in_source
from keelback.errors import UserError
from keelback.image.c_options import COptions
from keelback.image.programs import build_program as build_c_program
from keelback.image.toolchain import TARGETS
from keelback.inspect.executables import broken_rule
from keelback.kernel.layout import Layout
from keelback.kernel.loading.elf_file import RULES, Rule
from keelback.user import RUNTIME

MACHINES = {2: "SPARC", 3: "i386", 8: "MIPS", 20: "PowerPC", 40: "ARM", 62: "x86-64", 183: "AArch64", 243: "RISC-V"}
_OURS = {32: "i386, 32-bit, little-endian", 64: "x86-64, 64-bit, little-endian"}


def build_files(paths: Sequence[Path], layout: Layout, options: COptions) -> bytes:
    """Return the ELF file that a path names, or that a Python file or some C files become.  Raises: UserError."""
    path, target = paths[0], TARGETS[layout.paging.word_bits]
    if path.suffix == ".py":
        from keelback.cli.python_files import build_program_file  # here, because most need no compiler

        content = build_program_file(path, layout.image_base, target)
    elif path.suffix == ".c":
        base, symbols = layout.image_base, _addresses(layout)
        content = build_c_program(
            *paths, runtime=RUNTIME, image_base=base, options=options, symbols=symbols, target=target
        )
    else:
        content = _read(path, layout.kernel_limit)
    if problem := elf_problem(content, layout):
        raise UserError(f"{path}: {problem}")
    return content


def _addresses(layout: Layout) -> dict[str, int]:
    """Return where a process's memory lies, by the names that `keelback.h` has for it."""
    return {
        "__user_start": layout.user_base,
        "__user_end": layout.user_end,
        "__malloc_start": layout.malloc_base,
        "__malloc_end": layout.malloc_limit,
        "__stack_bottom": layout.stack_bottom,
        "__stack_top": layout.stack_top,
    }


def names_in_file(path: Path, content: bytes) -> set[str]:
    """Return what a file, which became `content`, may start or load by name."""
    if path.suffix not in (".c", ".py"):
        return named_in_elf(content)
    return named_in_source(path.read_text(errors="replace"))


def _read(path: Path, most: int) -> bytes:
    """Return the bytes of a file, which may be a pipe or without an end.  Raises: UserError."""
    try:
        with path.open("rb") as file:
            content = file.read(most)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    if kept := _kept(path, content):
        raise UserError(f"{path}: {kept}")
    if len(content) == most:
        raise UserError(f"{path}: {most >> 20} MiB or more: the payload lies below that address, with the kernel")
    return content


def _kept(path: Path, content: bytes) -> str:
    """Return what is meant where a file is none of programs but one that Keelback has kept, else nothing."""
    # Imported here: hardly anybody mistakes one for the other.
    from keelback.inspect.saved import form
    from keelback.machine.recorded import run_file

    if content.startswith(form.KIND.magic):
        return f"it is a saved machine, no program; --on file:{path} looks at it"
    if content.startswith(run_file.KIND.magic):
        return f"it is a recorded run, no program; `keelback replay {path}` makes it again"
    return ""


def elf_problem(content: bytes, layout: Layout) -> str:
    """Return why a file can't be a program of this machine, empty when it breaks no rule of the kernel's."""
    broken = broken_rule(content, layout)
    if broken == Rule.NONE:
        return ""
    if broken == Rule.WHOLE and content[:4] != b"\x7fELF":
        return "not an ELF file, and its name ends neither in .c nor in .py"
    if broken in (Rule.CLASS, Rule.WIDE_CLASS, Rule.BYTE_ORDER, Rule.MACHINE, Rule.WIDE_MACHINE):
        return f"an ELF file for {_machine(content)}; this machine is {_OURS[layout.paging.word_bits]}"
    if broken == Rule.PLACE:
        area = f"from {layout.image_start:#x} to {layout.image_limit:#x} in the {layout.name} layout"
        return f"the file {RULES[broken]}: they lie {area}; link it for {layout.image_base:#x}"
    return f"the file {RULES[broken]}"


def _machine(content: bytes) -> str:
    """Return what the header of an ELF file says of its machine."""
    bits = {1: "32-bit", 2: "64-bit"}.get(content[4], f"class {content[4]}")
    order = {1: "little-endian", 2: "big-endian"}.get(content[5], f"byte order {content[5]}")
    number = int.from_bytes(content[18:20], "big" if content[5] == 2 else "little")
    return f"{MACHINES.get(number, f'machine {number}')}, {bits}, {order}"
