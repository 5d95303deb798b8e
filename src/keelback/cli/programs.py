"""The programs and libraries that a command names: from the payload, from ELF files, from C files.

Our libraries are in every payload.  A word that starts with `lib` names one more: it is not started.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from os.path import isfile
from pathlib import Path

from keelback.cli.libraries import BUILT_FROM, add_library, is_library, payload_libraries
from keelback.cli.users_files import check_readable
from keelback.errors import UserError
from keelback.image.own_sources import kept_build
from keelback.image.payload import make_payload, read_payload
from keelback.image.programs import build_program, build_programs
from keelback.image.toolchain import NO_WARNINGS
from keelback.inspect.executables import broken_rule
from keelback.kernel.layout import Layout
from keelback.kernel.loading.elf_file import RULES, Rule
from keelback.user import PROGRAMS, RUNTIME

LONGEST_NAME = 31
LONGEST_ARGUMENT = 255
MACHINES = {2: "SPARC", 3: "i386", 8: "MIPS", 20: "PowerPC", 40: "ARM", 62: "x86-64", 183: "AArch64", 243: "RISC-V"}


@dataclass
class Selection:
    """What goes into the payload, and the lines `name argument` of what to start."""

    files: dict[str, bytes]
    lines: list[str] = field(default_factory=list)
    chosen: dict[str, Path] = field(default_factory=dict)

    def payload(self) -> bytes:
        """Return the payload: the list of what to start, and all programs."""
        init = "".join(line + "\n" for line in self.lines)
        return make_payload({"etc/init": init.encode(), **self.files})


def select(words: Sequence[str], layout: Layout) -> Selection:
    """Return the payload's programs and those that the words name, built for a layout.

    Raises: UserError saying what is wrong with which word.
    """
    programs = payload_programs(layout.image_base)
    selection = Selection(programs | payload_libraries())
    for word in words:
        name, _, argument = word.strip().partition(" ")
        _check_text(name, argument.strip())
        if is_library(name) and name not in programs:
            add_library(name, argument, selection.files)
            continue
        if name in python_programs():
            selection.files.setdefault(name, build_python(name, layout.image_base))
        elif _is_path(name, selection):
            name = _add_file(Path(name), selection, layout)
        elif name not in selection.files:
            known = ", ".join(sorted({*programs, *python_programs()}))
            raise UserError(f"no program {name!r}: the payload has {known}; or give the path of an ELF or C file")
        selection.lines.append(f"{name} {argument.strip()}".strip())
    if words and not selection.lines:
        raise UserError("only libraries are named; name a program to start too")
    return selection


def payload_programs(image_base: int) -> dict[str, bytes]:
    """Return the programs of the payload, built, by name.  Raises: UserError."""
    return read_payload(
        kept_build(BUILT_FROM, "programs", image_base, build=lambda: make_payload(build_folder(PROGRAMS, image_base)))
    )


def build_folder(folder: Path, image_base: int) -> dict[str, bytes]:
    """Return the programs of a folder of our own C files, built, by name.  Raises: UserError."""
    sources = sorted(folder.glob("*.c"))
    return build_programs(sources, runtime=RUNTIME, image_base=image_base, flags=NO_WARNINGS)


def python_programs() -> dict[str, str]:
    """Return the programs in Kernel Python: their names in the payload and those of their modules.

    Where there is one in C too, the one in Kernel Python has `.py` behind its name.
    """
    stems = sorted(path.stem for path in (PROGRAMS.parent / "python").glob("[a-z]*.py"))
    return {f"{stem}.py" if (PROGRAMS / f"{stem}.c").exists() else stem: stem for stem in stems}


def all_programs(image_base: int) -> list[str]:
    """Return the names of all programs of the payload, in C and in Kernel Python."""
    return sorted({*payload_programs(image_base), *python_programs()})


def build_python(name: str, image_base: int) -> bytes:
    """Return a program in Kernel Python, compiled.  Raises: UserError."""
    return kept_build(BUILT_FROM, "program", name, image_base, build=lambda: _compile_python(name, image_base))


def _compile_python(name: str, image_base: int) -> bytes:
    # Imported here: who runs no such program needs no compiler.
    from keelback.image.python_programs import build_python_program
    from keelback.lang import freeze
    from keelback.user.in_cpython import make_program

    module = import_module(f"keelback.user.python.{python_programs()[name]}")
    program, ram = make_program(module.PROGRAM)
    freeze(program)
    return build_python_program(name, program, ram, runtime=RUNTIME, image_base=image_base)


def _check_text(name: str, argument: str) -> None:
    if not name:
        raise UserError("an empty program name")
    if not argument.isascii() or not argument.isprintable():
        raise UserError(f"{name}: the argument {argument!r} is not printable ASCII")
    if len(argument) > LONGEST_ARGUMENT:
        raise UserError(f"{name}: the argument has {len(argument)} characters; {LONGEST_ARGUMENT} are the most")


def _is_path(name: str, selection: Selection) -> bool:
    return "/" in name or name.endswith((".c", ".elf")) or (name not in selection.files and isfile(name))


def _add_file(path: Path, selection: Selection, layout: Layout) -> str:
    """Build or read a file and add it under its stem; return that."""
    name = path.stem
    if selection.chosen.get(name) == path:
        return name
    if name in selection.files:
        other = selection.chosen.get(name, "the payload")
        raise UserError(f"{path}: a program called {name!r} is in {other} already; rename the file")
    if len(name) > LONGEST_NAME or not name.isascii() or not name.isprintable() or " " in name:
        raise UserError(f"{path}: {name!r} is no program name: at most {LONGEST_NAME} ASCII characters, no spaces")
    selection.files[name] = _content(path, layout)
    selection.chosen[name] = path
    return name


def _content(path: Path, layout: Layout) -> bytes:
    """Return the ELF file that a path names, or that its C file becomes.  Raises: UserError."""
    if path.suffix == ".c":
        check_readable(path)
        content = build_program(path, runtime=RUNTIME, image_base=layout.image_base)
    else:
        content = _read(path, layout.kernel_limit)
    if problem := elf_problem(content, layout):
        raise UserError(f"{path}: {problem}")
    return content


def _read(path: Path, most: int) -> bytes:
    """Return the bytes of a file, which may be a pipe or without an end.  Raises: UserError."""
    try:
        with path.open("rb") as file:
            content = file.read(most)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    if len(content) == most:
        raise UserError(f"{path}: {most >> 20} MiB or more: the payload lies below that address, with the kernel")
    return content


def elf_problem(content: bytes, layout: Layout) -> str:
    """Return why a file can't be a program of this machine, empty when it breaks no rule of the kernel's."""
    broken = broken_rule(content, layout)
    if broken == Rule.NONE:
        return ""
    if broken == Rule.WHOLE and content[:4] != b"\x7fELF":
        return "not an ELF file, and its name does not end in .c"
    if broken in (Rule.CLASS, Rule.BYTE_ORDER, Rule.MACHINE):
        return f"an ELF file for {_machine(content)}; this machine is i386, 32-bit, little-endian"
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
