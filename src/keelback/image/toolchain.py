"""The C compiler, assembler and linker: zig's, run once for each distinct input and target.

Every build is kept in the cache (`cache.py`), so that asking again costs a few file reads.

1. An output depends on the text of its inputs, never on where they lie; zig itself refuses `__DATE__`.
2. An object says for which target it is; the linker refuses to mix them.

A file named by the assembler's own `.incbin` or `.include` is not noticed when it changes; `#include` is.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Final

from keelback.image import as_written, division, integers_only
from keelback.image.cache import Entry, digest_of, find_or_build, key_of
from keelback.image.progress import working_on
from keelback.image.symbols import thread_locals_in
from keelback.image.zig import ToolchainError as ToolchainError
from keelback.image.zig import run_zig, zig_folder, zig_version


@dataclass(frozen=True)
class Target:
    """A machine that code is built for."""

    word_bits: int
    zig: str
    """What zig calls it …"""
    musl: str
    """… and musl."""
    flags: tuple[str, ...]
    """zig's for it."""
    c_flags: tuple[str, ...]
    """Those for C only."""
    emulation: str
    """What the linker calls it."""


I386: Final = Target(32, "x86", "i386", ("-target", "x86-freestanding-none", "-mcpu=i686"), (), "elf_i386")
X86_64: Final = Target(
    64,
    "x86_64",
    "x86_64",
    ("-target", "x86_64-freestanding-none"),
    # An interrupt overwrites what lies below the stack pointer; everything lies in the lowest 2 GiB.
    ("-mno-red-zone", "-mcmodel=small"),
    "elf_x86_64",
)
TARGETS: Final = MappingProxyType({each.word_bits: each for each in (I386, X86_64)})
"""The targets by the bits of their words."""

DEFINED_FLAGS: Final = (
    "-fno-finite-loops",  # a loop without an effect may run for ever (C11 takes it to end: 6.8.5, paragraph 6)
    "-fno-builtin",  # a function's name alone says nothing of it, and no loop becomes a call of memset or strlen
    "-fno-strict-aliasing",  # memory has no types: a view is a cast
    "-fno-delete-null-pointer-checks",  # address 0 is memory, and a use of it proves nothing
    "-fwrapv",  # signed numbers wrap: those of Kernel Python have room, those of users' C may not
)
"""Flags that give a meaning to what C leaves open, where Python and machine code have one.

The rest needs no flag.  Kernel Python checks divisors, shifts and indices before it uses them, sets each local before
it reads it, and calculates addresses as integers; the places of its records are symbols that the linker knows.
"""

C_FLAGS: Final = (
    *DEFINED_FLAGS,
    "-ffreestanding",
    "-nostdlib",
    "-fno-stack-protector",
    "-fno-sanitize=all",
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",  # zig asks for them by itself
    "-fno-pic",
    "-fno-pie",
    "-mno-mmx",
    "-mno-sse",
    "-mno-sse2",
    "-mno-avx",
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
    "-UNDEBUG",  # zig defines it, with -O2
)

OPTIMISED: Final = ("-O2",)
"""Flags for C that is to be fast."""

USER_FLAGS: Final = ("-Xclang", "-fstack-clash-protection")
"""Flags for code in ring 3: a large stack frame is touched page by page, so that none lands behind the guard."""

HOSTED_FLAGS: Final = ("-fhosted",)
"""Flags for C whose main is as ISO C has it; no call of a library function is changed or left out (`-fno-builtin`)."""

SECTION_FLAGS: Final = ("-ffunction-sections", "-fdata-sections")
"""Flags for code of which the linker takes, with `--gc-sections`, only what a program uses."""

NO_WARNINGS: Final = ("-Werror",)
"""Flags for our own C, which has to compile without a warning."""

PROGRAM_LINKER_FLAGS: Final = ("--strip-debug", "--gc-sections")
"""Flags to link a program with: it has no line tables, and of the objects only those sections that it uses."""

_IR: Final = "output.ll"
_UNUSED_IS_WELL: Final = "-Wno-unused-command-line-argument"  # IR knows nothing of headers and macros
_LINKER_FLAGS: Final = ("-z", "max-page-size=4096", "--no-dynamic-linker")
_NO_DEFINES: Final[Mapping[str, int]] = MappingProxyType({})
_NO_OBJECTS: Final[Mapping[str, bytes]] = MappingProxyType({})
_RULES: Final = f"{integers_only.RULE}; {division.RULE}; no thread-local variables"
_THREAD_LOCAL: Final = """\
{}: error: {} is thread-local, which no variable can be here; \
thread_key, thread_get and thread_set of thread.h keep what is each thread's own"""

_log = logging.getLogger(__name__)


def compile_c(
    source: Path,
    *,
    includes: Sequence[Path] = (),
    defines: Mapping[str, int] = _NO_DEFINES,
    flags: Sequence[str] = (),
    target: Target = I386,
) -> bytes:
    """Compile one C file, optimised, to an object with debug information, without floating point (`integers_only.py`).

    Warnings go to this module's logger, whether or not the object comes from the cache.

    Raises:
        ToolchainError: the compiler refused it, or it needs floating point or a thread-local variable.
        OSError: the source can't be read.
    """
    flags = (*OPTIMISED, *C_FLAGS, *target.c_flags, *flags)
    return _translate(source, includes, defines, flags, target, "does not compile", finish=_finished, rule=_RULES)


def compile_c_as_written(
    source: Path, *, includes: Sequence[Path] = (), flags: Sequence[str] = (), target: Target = I386
) -> bytes:
    """Compile one C file as `compile_c` does, but leave nothing out that its source does (`as_written.py`).

    Raises: ToolchainError; OSError.
    """
    flags = (*as_written.AS_WRITTEN_FLAGS, *C_FLAGS, *target.c_flags, *flags)
    rules, keeping_all = f"{_RULES}; {as_written.RULE}", partial(as_written.keeping_all, word_bits=target.word_bits)
    return _translate(source, includes, {}, flags, target, "does not compile", _finished, rules, change_ir=keeping_all)


def _finished(source: Path, compiled: bytes) -> bytes:
    """Return an object as it is kept.  Raises: ToolchainError: it has a thread-local variable or floating point."""
    if names := thread_locals_in(compiled):
        raise ToolchainError(source, "does not compile", _THREAD_LOCAL.format(source.name, names[0]))
    # First, because the decoder takes clang's trap for two bytes only, and what follows for what it is not.
    made = division.with_divide_errors(compiled)
    if use := integers_only.first_use(made):
        raise ToolchainError(source, "does not compile", str(use))
    return made


def build_support(target: Target = I386, *, flags: Sequence[str] = ()) -> bytes:
    """Return the object of the functions that a C compiler may call by itself: memory blocks, division of two words.

    Raises: ToolchainError.
    """
    return compile_c(Path(__file__).parent / "support.c", flags=(*NO_WARNINGS, *flags), target=target)


def assemble(
    source: Path,
    defines: Mapping[str, int] = _NO_DEFINES,
    *,
    includes: Sequence[Path] = (),
    target: Target = I386,
) -> bytes:
    """Assemble one `.S` file, after the C preprocessor, to an object.

    Raises:
        ToolchainError: the assembler refused it.
        OSError: the source can't be read.
    """
    # Absolute, because the assembler lets a file's directory be renamed but not be added.
    return _translate(source.absolute(), includes, defines, (), target, "does not assemble")


def link_elf(
    objects: Mapping[str, bytes],
    script: str,
    *,
    archive: Mapping[str, bytes] = _NO_OBJECTS,
    flags: Sequence[str] = (),
    target: Target = I386,
) -> bytes:
    """Link objects, each with a file name for messages, to an ELF executable by a linker script.

    Objects of the archive come in only where another needs them.

    Raises:
        ToolchainError: the linker refused them, or a symbol is undefined, weak ones included.
    """
    source = Path(next(iter(objects)))

    def build(work: Path) -> Entry:
        entry = _link(work, objects, script, flags, target, archive)
        if missing := _undefined_symbols(entry.output):
            raise ToolchainError(source, "does not link", f"undefined symbols: {', '.join(missing)}")
        return entry

    given = (tuple(objects.items()), tuple(archive.items()))
    return built(build, source, target, "elf", *given, script, tuple(flags))


def link_flat(objects: Mapping[str, bytes], script: str, *, flags: Sequence[str] = (), target: Target = I386) -> bytes:
    """Link objects to bare bytes, from the first section in the script to the last that has contents.

    Raises:
        ToolchainError: the linker refused them, or a symbol is undefined, weak ones included.
    """
    elf = link_elf(objects, script, flags=flags, target=target)

    def build(_work: Path) -> Entry:
        return Entry(_bare_bytes(elf), "")

    return built(build, Path(next(iter(objects))), target, "flat", tuple(objects.items()), script, tuple(flags))


def built(build: Callable[[Path], Entry], source: Path, target: Target, *parts: object) -> bytes:
    """Return the output of a build, kept or new, and tell its warnings; `parts` are all else that decides it."""
    key = key_of(zig_version(source), target, _LINKER_FLAGS, parts)
    entry = find_or_build(key, build)
    if entry.warnings:
        _log.warning("%s", entry.warnings)
    return entry.output


def _header_names(directory: Path) -> list[str]:
    """Return the headers beside a source: a new one may hide another without changing any file."""
    return sorted(name for name in os.listdir(directory) if name.endswith(".h"))


def _translate(
    source: Path,
    includes: Sequence[Path],
    defines: Mapping[str, int],
    flags: Sequence[str],
    target: Target,
    failure: str,
    finish: Callable[[Path, bytes], bytes] = lambda _source, output: output,
    rule: str = "",
    change_ir: Callable[[str], str] | None = None,
) -> bytes:
    """Compile or assemble one file, by its suffix; `finish` makes of the output what is kept, or refuses it.

    `change_ir` changes the LLVM IR that C becomes before it becomes machine code.
    """
    text = source.read_bytes()
    options = (*flags, *(f"-D{name}={value}" for name, value in defines.items()))
    # The path as given is part of the key because messages repeat it.
    directories = (source.parent, *includes)
    places = [(str(place), str(place.absolute()), _header_names(place)) for place in directories]

    def build(work: Path) -> Entry:
        output, inputs = work / "output.o", work / "inputs"
        code = [*target.flags, "-g", *options]
        arguments = [*code, *_same_everywhere(source, includes), *(f"-I{include}" for include in includes)]
        arguments += ["-MMD", "-MT", "output", "-MF", str(inputs)]
        with working_on(source.name):
            if change_ir is None:
                said = _run_compiler(source, failure, work, [*arguments, "-c"], output)
            else:
                said = _write_ir(source, failure, work, arguments, change_ir)
                _compile_ir(source, failure, work, code, arguments, output)
        return Entry(finish(source, output.read_bytes()), said, _files_read(inputs.read_text(errors="surrogateescape")))

    return built(build, source, target, "object", source.name, text, places, options, rule)


def _run_compiler(source: Path, failure: str, work: Path, arguments: Sequence[str], output: Path) -> str:
    """Make an output of a source and return what the compiler said.  Raises: ToolchainError."""
    try:
        return run_zig(source, failure, work, Path.cwd(), ["cc", *arguments, _as_operand(source), "-o", str(output)])
    except ToolchainError as error:
        raise ToolchainError(source, failure, integers_only.explained(error.diagnostics)) from None


def _write_ir(source: Path, failure: str, work: Path, arguments: Sequence[str], change: Callable[[str], str]) -> str:
    """Write the changed LLVM IR of a C file and return what the compiler said.  Raises: ToolchainError."""
    ir = work / _IR
    # Not by -S -emit-llvm, whose output zig forgets beside that of -MF.
    said = _run_compiler(source, failure, work, [*arguments, "-c", "-Xclang", "-emit-llvm"], ir)
    ir.write_bytes(change(ir.read_bytes().decode(errors="surrogateescape")).encode(errors="surrogateescape"))
    return said


def _compile_ir(
    source: Path, failure: str, work: Path, code: Sequence[str], arguments: Sequence[str], output: Path
) -> None:
    """Make an object of the LLVM IR of a C file, which can fail by a wrong `asm` only.  Raises: ToolchainError."""
    try:
        run_zig(source, failure, work, work, ["cc", *code, _UNUSED_IS_WELL, "-c", _IR, "-o", str(output)])
    except ToolchainError:
        _run_compiler(source, failure, work, [*arguments, "-c"], output)  # knows its place
        raise


def _same_everywhere(source: Path, includes: Sequence[Path]) -> list[str]:
    """Return the flags that keep the places of files out of the object."""
    # The last that fits counts. The first is for the assembler, which leaves out the slash.
    places = [(f"{source.parent.absolute()}", "."), (f"{source.parent}/", "")]
    places += [(f"{include}/", f"{include.absolute().name}/") for include in includes]
    places += [(f"{zig_folder().resolve()}/", "zig/")]
    return ["-fdebug-compilation-dir=.", *(f"-ffile-prefix-map={old}={new}" for old, new in places)]


def _as_operand(source: Path) -> str:
    """Return a path that no tool takes for an option or a response file."""
    return f"./{source}" if str(source).startswith(("-", "@")) else str(source)


def _files_read(rule: str) -> dict[str, str]:
    """Return the digests of the files in a Make rule, as the compiler writes one."""
    _, _, names = rule.replace("\\\n", " ").partition(":")
    paths = [re.sub(r"\\([ #])|\$(\$)", r"\1\2", name) for name in re.split(r"(?<!\\)\s+", names) if name]
    # A file that went away meanwhile gets a digest that none has, so the entry is never current.
    return {path: digest_of(Path(path)) or "" for path in (os.path.join(os.getcwd(), path) for path in paths)}


def _link(
    work: Path,
    objects: Mapping[str, bytes],
    script: str,
    flags: Sequence[str],
    target: Target,
    archive: Mapping[str, bytes] = _NO_OBJECTS,
) -> Entry:
    """Link objects in a scratch directory, under their own names so that messages can be read."""
    source = Path(next(iter(objects)))
    inputs = work / "objects"
    for name, data in {**objects, **archive}.items():
        (inputs / name).parent.mkdir(parents=True, exist_ok=True)
        (inputs / name).write_bytes(data)
    (work / "script").write_text(script)
    arguments = ["-m", target.emulation, *_LINKER_FLAGS, *flags]
    arguments += ["-T", str(work / "script"), "-o", str(work / "output")]
    arguments += [f"./{name}" for name in objects]
    arguments += ["--start-lib", *(f"./{name}" for name in archive), "--end-lib"] if archive else []
    with working_on(source.stem):
        said = run_zig(source, "does not link", work, inputs, ["ld.lld", *arguments])
    return Entry((work / "output").read_bytes(), said)


def _bare_bytes(elf: bytes) -> bytes:
    """Return what lies in the memory of an ELF file that has at least one section with contents there."""
    from elftools.elf.constants import SH_FLAGS
    from elftools.elf.elffile import ELFFile

    sections = [each for each in ELFFile(BytesIO(elf)).iter_sections() if each["sh_flags"] & SH_FLAGS.SHF_ALLOC]
    filled = [each for each in sections if each["sh_type"] != "SHT_NOBITS" and each["sh_size"]]
    start = min(each["sh_addr"] for each in filled)
    content = bytearray(max(each["sh_addr"] + each["sh_size"] for each in filled) - start)
    for each in filled:
        at = each["sh_addr"] - start
        content[at : at + each["sh_size"]] = each.data()
    return bytes(content)


def _undefined_symbols(elf: bytes) -> list[str]:
    """Return the names that an ELF file's symbol table leaves undefined."""
    # Imported here, because that takes longer than all cache hits together.
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    sections = ELFFile(BytesIO(elf)).iter_sections()
    tables = [section for section in sections if isinstance(section, SymbolTableSection)]
    symbols = [symbol for table in tables for symbol in table.iter_symbols()]
    return sorted(symbol.name for symbol in symbols if symbol.name and symbol["st_shndx"] == "SHN_UNDEF")
