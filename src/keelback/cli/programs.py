"""The programs and libraries that a command names, by name or by path, and with them what these need by name.

A word that starts with `lib` names a library, unless its file has a `main`: it is not started.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from os.path import isdir, isfile, lexists
from pathlib import Path
from typing import NamedTuple

from keelback.abi.parts import Part
from keelback.cli.libraries import build, check_library_file, is_library
from keelback.cli.needs import named_in_text, with_needs
from keelback.cli.options import SHELL
from keelback.cli.ours import build_ours
from keelback.cli.program_files import build_files, names_in_file
from keelback.cli.sources import our_libraries, our_programs, outside_programs
from keelback.cli.users_files import check_readable
from keelback.cli.words import Word, read_word
from keelback.errors import UserError
from keelback.image.c_options import COptions
from keelback.image.payload import make_payload
from keelback.image.toolchain import TARGETS
from keelback.kernel.layout import Layout
from keelback.near import did_you_mean, near_names

INIT = "init"
"""The program that brings the shell."""
FOR_SHELL = ("cow", "divide", "hello", "null", "ping", "pong", "primes", "sleeper", "stack")
"""Programs that are there for the shell where none is named."""
LONGEST_NAME = 31
SUFFIXES = (".c", ".py", ".elf")
JOINED = re.compile(r"\+\s*(\S+\.c)\b")
"""An argument that was meant for one more file of a program."""


@dataclass
class Selection:
    """What goes into the payload, and the lines `name argument` of what to start."""

    files: dict[str, bytes]
    lines: list[str] = field(default_factory=list)

    def payload(self) -> bytes:
        """Return the payload: the list of what to start, and all programs."""
        init = "".join(line + "\n" for line in self.lines)
        return make_payload({"etc/init": init.encode(), **self.files})


def select(words: Sequence[str], layout: Layout, *, command_line: str = "") -> Selection:
    """Return the programs and libraries that words name, and that they need, built for a layout.

    Raises: UserError saying what is wrong with which word.
    """
    return choose(words, layout).build(command_line)


def choose(words: Sequence[str], layout: Layout) -> "Chosen":
    """Return the programs and libraries that words name, all of which are there; none is built yet.

    A file that is named by its path comes before ours of that name.
    Raises: UserError saying what is wrong with which word.
    """
    chosen = Chosen(layout)
    asks_for_shell = [*words[:1]] == [SHELL]
    for word in map(read_word, words[asks_for_shell:]):
        chosen.add(word)
    if asks_for_shell:
        chosen.bring_shell()
    if words and not chosen.lines:
        raise UserError("only libraries are named; name a program to start too")
    return chosen


class _File(NamedTuple):
    """A program or library of a user's, and what its word said of its C files."""

    paths: list[Path]
    is_library: bool
    options: COptions

    def build(self, layout: Layout) -> bytes:
        """Build or read it.  Raises: UserError."""
        if self.is_library:
            return build(self.paths[0], self.options, TARGETS[layout.paging.word_bits])
        return build_files(self.paths, layout, self.options)


class Chosen:
    """What words have named so far: ours by `names`, users' own `files` by the names they get, `lines` to start."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.names: set[str] = set()
        self.files: dict[str, _File] = {}
        self.lines: list[str] = []
        self._paths: dict[str, Path] = {}

    def build(self, command_line: str = "") -> Selection:
        """Build all of it, and what it needs or a command line of the kernel's names.  Raises: UserError."""
        ours, target = our_programs() | our_libraries(), TARGETS[self.layout.paging.word_bits]
        files = {name: file.build(self.layout) for name, file in self.files.items()}
        named = self.names | named_in_text(" ".join([*self.lines, command_line]))
        for name, file in self.files.items():
            named.update(*(names_in_file(path, files[name]) for path in file.paths))
        outside = self.names & outside_programs().keys()
        built = build_ours((with_needs(named, ours) | outside) - files.keys(), self.layout.image_base, target)
        return Selection(built | files, self.lines)

    def bring_shell(self) -> None:
        """Start what brings the shell, and nothing else: what was named is there for who types.  Raises: UserError."""
        if not {Part.MESSAGES, Part.STARTING, Part.WAITING} <= {*self.layout.parts}:
            raise UserError(f"{SHELL}: the {self.layout.name} layout has no messages; try --layout microkernel")
        if with_argument := next((line for line in self.lines if " " in line), None):
            raise UserError(f"{SHELL}: {with_argument.split()[0]} gets its argument from who types; name it alone")
        self.names |= {*outside_programs()} if self.lines else {*outside_programs(), *FOR_SHELL}
        self.lines = [INIT]

    @property
    def sources(self) -> list[Path]:
        """Return the user's files."""
        return [path for file in self.files.values() for path in file.paths]

    def add(self, word: Word) -> None:
        """Add what a word names.  Raises: UserError."""
        library = is_library(word.name, word.paths) and word.name not in our_programs()
        ours = our_libraries() if library else our_programs() | outside_programs()
        if library and word.argument:
            raise UserError(f"{word.name}: a library takes no argument")
        if word.name in ours and not (Path(word.name).suffix and isfile(word.name)):
            self.names.add(self._free(word.name, word.name))
            name = word.name
        elif _is_path(word.name, library):
            name = self._add_files(word, library)
        else:
            raise UserError(_unknown(word, library, [*ours], self.lines))
        if not library:
            self.lines.append(f"{name} {word.argument}".strip())

    def _add_files(self, word: Word, library: bool) -> str:
        """Keep a program's or library's files under the stem of the first; return this."""
        path, *more = word.paths
        if joined := JOINED.match(word.argument):
            meant = f"{word.name}+{joined[1]}"
            raise UserError(f"{word.name} {joined[0]}: files of one program are joined without blanks: {meant}")
        if any({path.suffix, each.suffix} != {".c"} for each in more):
            raise UserError(f"{word.name}: only C files become one program")
        for each in (path, *more):
            _check_file(each, path.parent)
        name = path.stem if library else path.stem.replace(" ", "_")
        if library and more:
            raise UserError(f"{word.name}: a library is one file; a program that loads it is a word of its own")
        if library:
            check_library_file(word.name, path)
        elif len(name) > LONGEST_NAME or not name.isascii() or not name.isprintable():
            raise UserError(f"{path}: {name!r} is no program name: at most {LONGEST_NAME} ASCII characters")
        self._free(name, word.name, path)
        options = COptions(tuple(map(Path, word.includes)), word.defines, word.optimise)
        self.files.setdefault(name, _File([path, *more], library, options))
        return name

    def _free(self, name: str, shown: str, path: Path | None = None) -> str:
        """Check that a name has not been given to another file; return it.  Raises: UserError."""
        before = self._paths.setdefault(name, path or Path(name))
        if before != (path or Path(name)):
            raise UserError(f"{shown}: {before} is called {name!r} already; rename the file")
        return name


def _is_path(name: str, library: bool) -> bool:
    return "/" in name or Path(name).suffix in SUFFIXES or (not library and isfile(name))


def _check_file(path: Path, folder: Path) -> None:
    """Check that a file is there and can be read; `folder` is where it may be instead.

    Raises: UserError.
    """
    beside = [str(folder / path)] * isfile(folder / path)
    if not lexists(path) and (meant := did_you_mean([*beside, *_near_files(path)])):
        raise UserError(f"{path}: No such file or directory{meant}")
    if path.is_file() or path.is_dir() or not path.exists():  # what is read only once is there
        check_readable(path)


def _near_files(path: Path) -> list[str]:
    """Return what is called nearly as a file that is not there: files beside it, and a program of ours."""
    try:
        if path.exists():
            return []
        beside = [str(path.parent / each.name) for each in path.parent.iterdir() if each.suffix == path.suffix]
    except (OSError, ValueError):  # a folder that is none, or can't be read
        return []
    is_ours = path.parent == Path() and path.suffix in (".c", ".py") and path.stem in our_programs()
    return get_close_matches(str(path), beside, cutoff=0.8) + [path.stem] * is_ours


def _unknown(word: Word, library: bool, known: Sequence[str], before: Sequence[str]) -> str:
    """Return what to say of a name that nothing has, behind programs that there are."""
    name = word.name
    if library:
        return f"no library {name!r}: there are {', '.join(known)}; or give the path of a C or Python file"
    if isdir(name):
        return f"{name}: Is a directory; name a program's file in it"
    if before and re.fullmatch(r"-?[0-9]+", name):
        return f'no program {name!r}; an argument is quoted with its program: "{before[-1]} {name}"'
    if "+" in word.argument or Path(word.argument.split(" ")[0]).suffix in SUFFIXES:
        return f"no program {name!r}; a path with blanks is quoted: \"'my program.c'+'a list.c' 20\""
    other = "; `keelback programs` lists them, and a file of yours is named by its path"
    return f"no program {name!r}{did_you_mean([*_files_of_stem(name), *near_names(name, known)]) or other}"


def _files_of_stem(name: str) -> list[str]:
    """Return the programs' files in this folder whose names are nearly one and a suffix."""
    try:
        files = {each.name: each.stem for each in Path().iterdir() if each.suffix in SUFFIXES and each.is_file()}
    except OSError:  # this folder is gone, or may not be read
        return []
    near = near_names(name, files.values())
    return [file for file, stem in files.items() if stem in near]
