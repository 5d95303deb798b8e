"""Programs come out as static ELF files that a page-table loader can map as they say."""

import re
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from elftools.elf.segments import Segment

from keelback.image.program_linking import program_script
from keelback.image.programs import build_program, build_programs
from keelback.image.toolchain import NO_WARNINGS, ToolchainError
from keelback.user import PROGRAMS, RUNTIME

BASE = 0x8000000
SOURCES = sorted(PROGRAMS.glob("*.c"))
NAMES = [source.stem for source in SOURCES]
R, W, X = 4, 2, 1


@pytest.fixture(scope="module")
def programs() -> dict[str, bytes]:
    return build_programs(SOURCES, runtime=RUNTIME, image_base=BASE, flags=NO_WARNINGS)


def read(elf: bytes) -> ELFFile:
    return ELFFile(BytesIO(elf))


def segments(elf: bytes) -> list[Segment]:
    return list(read(elf).iter_segments())


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_every_program_is_named_by_its_file(programs: dict[str, bytes]) -> None:
    assert list(programs) == NAMES
    assert set(NAMES) == {
        *("hello", "primes", "ping", "pong", "sleeper"),
        *("null", "wild", "smash", "privileged", "ports", "undefined", "divide"),
        *(
            "allocator",
            "bomb",
            "cow",
            "family",
            "fork",
            "forkexit",
            "forktree",
            "frames",
            "hostile",
            "liar",
            "libraries",
            "mallocs",
            "regions",
            "sharing",
            "stack",
        ),
        *("joins", "philosophers", "producers"),
        *("lost", "ring", "server"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_program_is_a_static_executable_for_the_i386(programs: dict[str, bytes], name: str) -> None:
    elf = read(programs[name])
    assert (elf.elfclass, elf.little_endian) == (32, True)
    assert (elf["e_type"], elf["e_machine"], elf["e_version"]) == ("ET_EXEC", "EM_386", "EV_CURRENT")
    assert {segment["p_type"] for segment in elf.iter_segments()} == {"PT_LOAD"}
    types = {section["sh_type"] for section in elf.iter_sections()}
    assert types <= {"SHT_NULL", "SHT_PROGBITS", "SHT_NOBITS", "SHT_SYMTAB", "SHT_STRTAB"}


@pytest.mark.parametrize("name", NAMES)
def test_each_segment_has_pages_of_its_own(programs: dict[str, bytes], name: str) -> None:
    text, rodata, data = segments(programs[name])
    assert [segment["p_flags"] for segment in (text, rodata, data)] == [R | X, R, R | W]
    assert text["p_vaddr"] == BASE
    end = BASE
    for segment in (text, rodata, data):
        assert segment["p_vaddr"] % 4096 == 0
        assert segment["p_vaddr"] >= end
        assert segment["p_offset"] % 4096 == segment["p_vaddr"] % 4096
        assert segment["p_memsz"] >= segment["p_filesz"]
        assert segment["p_memsz"] > 0
        end = segment["p_vaddr"] + segment["p_memsz"]
    assert text["p_filesz"] == text["p_memsz"]
    assert data["p_memsz"] > data["p_filesz"]  # the runtime's line buffer
    assert text["p_vaddr"] <= read(programs[name])["e_entry"] < text["p_vaddr"] + text["p_memsz"]


@pytest.mark.parametrize("name", NAMES)
def test_symbols_are_kept_and_all_defined(programs: dict[str, bytes], name: str) -> None:
    table = read(programs[name]).get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    symbols = {symbol.name: symbol for symbol in table.iter_symbols()}
    assert {"_start", "main", "print"} <= set(symbols)
    assert ("malloc" in symbols) == (name == "mallocs")  # of the runtime, a program has what it uses
    assert symbols["_start"]["st_value"] == read(programs[name])["e_entry"]
    assert symbols["main"]["st_info"]["type"] == "STT_FUNC"
    assert symbols["main"]["st_size"] > 0
    assert not [key for key, symbol in symbols.items() if key and symbol["st_shndx"] == "SHN_UNDEF"]


def test_readelf_sees_the_same_segments(programs: dict[str, bytes], tmp_path: Path) -> None:
    if shutil.which("readelf") is None:
        pytest.fail("readelf is missing: apt-get install binutils")
    (tmp_path / "hello").write_bytes(programs["hello"])
    command = ["readelf", "--wide", "--program-headers", "--file-header", str(tmp_path / "hello")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    assert re.search(r"Class: +ELF32\n", shown.stdout)
    assert re.search(r"Type: +EXEC \(Executable file\)\n", shown.stdout)
    assert re.search(r"Machine: +Intel 80386\n", shown.stdout)
    loads = re.findall(r"^  (\w+) +\w+ (\w+) \w+ \w+ \w+ (.{3}) ", shown.stdout, re.MULTILINE)
    assert {kind for kind, _, _ in loads} == {"LOAD"}
    assert [place for _, *place in loads] == [
        ["0x08000000", "R E"],
        ["0x08001000", "R  "],
        ["0x08002000", "RW "],
    ]


@pytest.mark.campaign
def test_a_copy_of_the_sources_makes_the_same_bytes(programs: dict[str, bytes], tmp_path: Path) -> None:
    shutil.copytree(RUNTIME, tmp_path / "user" / "runtime")
    shutil.copytree(PROGRAMS, tmp_path / "user" / "programs")
    sources = sorted((tmp_path / "user" / "programs").glob("*.c"))
    runtime = tmp_path / "user" / "runtime"
    copies = build_programs(sources, runtime=runtime, image_base=BASE, flags=NO_WARNINGS)
    assert copies == programs


def test_built_programs_are_found_without_starting_a_process(
    programs: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a process was started"))
    assert build_programs(SOURCES, runtime=RUNTIME, image_base=BASE, flags=NO_WARNINGS) == programs


def test_the_image_base_is_where_the_text_starts() -> None:
    elf = build_program(PROGRAMS / "hello.c", runtime=RUNTIME, image_base=0x400000)
    assert segments(elf)[0]["p_vaddr"] == 0x400000


def test_the_image_base_must_start_a_page() -> None:
    with pytest.raises(ValueError, match="the image base 0x8000010 is not the start of a page"):
        program_script(0x8000010)


def test_data_and_bss_share_the_writable_segment(tmp_path: Path) -> None:
    source = write(
        tmp_path / "state.c",
        "int first = 1; static const int fixed = 7; int space[5000];\n"
        "int main(void) { return first + space[first] + *(volatile const int *)&fixed; }\n",
    )
    text, rodata, data = segments(build_program(source, runtime=RUNTIME, image_base=BASE))
    assert data["p_filesz"] >= 4
    assert data["p_memsz"] >= data["p_filesz"] + 20000
    assert (text["p_flags"], rodata["p_flags"], data["p_flags"]) == (R | X, R, R | W)


def test_a_segment_without_contents_is_left_out(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    write(runtime / "start.c", "int main(void);\nvoid _start(void) { main(); for (;;) {} }\n")
    source = write(tmp_path / "bare.c", "int main(void) { return 0; }\n")
    [text] = segments(build_program(source, runtime=runtime, image_base=BASE))
    assert text["p_flags"] == R | X


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    sources = [tmp_path / "a" / "x.c", tmp_path / "b" / "x.c", tmp_path / "y.c"]
    with pytest.raises(ValueError) as refused:
        build_programs(sources, runtime=RUNTIME, image_base=BASE)
    assert str(refused.value) == f"{sources[0]} and {sources[1]} would both be the program 'x'"


def test_a_users_mistake_is_told_with_file_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = write(Path("typo.c"), '#include "keelback.h"\nint main(void) { return sys_getpod(); }\n')
    with pytest.raises(ToolchainError) as refused:
        build_program(source, runtime=RUNTIME, image_base=BASE)
    assert str(refused.value).splitlines()[0] == "typo.c does not compile"
    assert "typo.c:2:25: error: call to undeclared function 'sys_getpod'" in refused.value.diagnostics


def test_a_users_warning_does_not_stop_the_build(tmp_path: Path) -> None:
    source = write(tmp_path / "untidy.c", "int main(void) { int unused; return 0; }\n")
    build_program(source, runtime=RUNTIME, image_base=BASE)


def test_a_missing_function_is_named_with_its_caller(tmp_path: Path) -> None:
    source = write(tmp_path / "lonely.c", "int elsewhere(void);\nint main(void) { return elsewhere(); }\n")
    with pytest.raises(ToolchainError) as refused:
        build_program(source, runtime=RUNTIME, image_base=BASE)
    assert str(refused.value).splitlines()[0] == f"{source} does not link"
    assert "undefined symbol: elsewhere" in refused.value.diagnostics
    assert "lonely.c:2" in refused.value.diagnostics
