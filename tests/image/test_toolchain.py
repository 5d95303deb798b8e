"""The toolchain builds each input once, the same bytes everywhere, and never trusts a damaged entry."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from capstone import CS_ARCH_X86, CS_MODE_32, CS_MODE_64, Cs
from elftools.elf.elffile import ELFFile

from keelback.image import cache_bound, toolchain, zig
from keelback.image.toolchain import (
    HOSTED_FLAGS,
    I386,
    NO_WARNINGS,
    X86_64,
    Target,
    ToolchainError,
    assemble,
    build_support,
    compile_c,
    link_elf,
    link_flat,
)

FLAT = "ENTRY(start) SECTIONS { . = 0x7c00; .text : { *(.text) } }"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an empty cache of its own."""
    directory = tmp_path / "cache"
    monkeypatch.setenv("KEELBACK_CACHE", str(directory))
    return directory


def kept_in(cache: Path) -> list[Path]:
    """Return the builds in a cache, without the mark of when it was tidied, and the folder of locks."""
    return [path for path in cache.iterdir() if path.name not in (cache_bound.MARK, cache_bound.LOCKS)]


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record every start of zig, by its subcommand."""
    started: list[str] = []
    run = zig.run_tool

    def record(command: list[str], **options: object) -> object:
        started.append(command[1])
        return run(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(zig, "run_tool", record)
    return started


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# What is built


@pytest.mark.parametrize(("target", "machine"), [(I386, "EM_386"), (X86_64, "EM_X86_64")])
@pytest.mark.usefixtures("cache")
def test_an_object_is_for_its_target_and_has_line_tables(tmp_path: Path, target: Target, machine: str) -> None:
    source = write(tmp_path / "a.c", "int f(int x) { return x + 1; }\n")
    elf = ELFFile(BytesIO(compile_c(source, target=target)))
    assert (elf["e_machine"], elf["e_type"], elf.elfclass) == (machine, "ET_REL", target.word_bits)
    assert elf.has_dwarf_info()
    assert elf.get_section_by_name(".eh_frame") is None


def test_the_target_is_the_i386_unless_said(tmp_path: Path, cache: Path, builds: list[str]) -> None:
    source = write(tmp_path / "a.c", "int f(int x) { return x + 1; }\n")
    assert compile_c(source) == compile_c(source, target=I386) != compile_c(source, target=X86_64)
    assert builds == ["cc", "cc"]


def test_an_executable_is_for_its_target(tmp_path: Path, cache: Path) -> None:
    c = write(tmp_path / "a.c", "void *memset(void *, int, __SIZE_TYPE__);\nvoid f(char *p) { memset(p, 1, 99); }\n")
    s = write(tmp_path / "b.S", ".globl start\nstart: movabsq $start, %rdi\njmp f\n")
    objects = {"b.o": assemble(s, target=X86_64), "a.o": compile_c(c, target=X86_64)}
    objects["support.o"] = build_support(X86_64)
    elf = ELFFile(BytesIO(link_elf(objects, FLAT, target=X86_64)))
    assert (elf["e_machine"], elf["e_type"], elf["e_entry"]) == ("EM_X86_64", "ET_EXEC", 0x7C00)
    flat = link_flat(objects, FLAT, target=X86_64)
    assert flat.startswith(b"\x48\xbf" + (0x7C00).to_bytes(8, "little"))


def test_x86_64_code_keeps_to_the_general_registers_and_above_the_stack_pointer(tmp_path: Path, cache: Path) -> None:
    source = write(
        tmp_path / "a.c",
        "struct s { long long a[8]; };\nvoid f(struct s *to, struct s *from) { *to = *from; }\n"
        "int g(int x) { volatile int kept[4]; kept[x & 3] = x; return kept[x >> 2 & 3]; }\n",
    )
    text = ELFFile(BytesIO(compile_c(source, target=X86_64))).get_section_by_name(".text").data()
    code = [f"{each.mnemonic} {each.op_str}" for each in Cs(CS_ARCH_X86, CS_MODE_64).disasm(text, 0)]
    assert code and not [each for each in code if "mm" in each or "[rsp - " in each]


@pytest.mark.parametrize("target", [I386, X86_64])
@pytest.mark.parametrize("flags", [(), HOSTED_FLAGS])
@pytest.mark.usefixtures("cache")
def test_a_loop_stays_one_though_it_may_not_end_or_is_what_a_function_does(
    tmp_path: Path, target: Target, flags: tuple[str, ...]
) -> None:
    source = write(
        tmp_path / "a.c",
        "int halve(unsigned n) { while (n != 1) n /= 2; return 7; }\n"
        "void fill(char *p) { for (int i = 0; i < 999; i++) p[i] = 5; }\n"
        "int length(const char *p) { int n = 0; while (p[n]) n++; return n; }\n",
    )
    elf = ELFFile(BytesIO(compile_c(source, flags=flags, target=target)))
    symbols = list(elf.get_section_by_name(".symtab").iter_symbols())
    text = elf.get_section_by_name(".text").data()
    functions = [each for each in symbols if each["st_info"]["type"] == "STT_FUNC"]
    mode = CS_MODE_64 if target is X86_64 else CS_MODE_32
    for function in functions:
        start, end = function["st_value"], function["st_value"] + function["st_size"]
        code = list(Cs(CS_ARCH_X86, mode).disasm(text[start:end], start))
        assert any(each.mnemonic[0] == "j" and start <= int(each.op_str, 16) <= each.address for each in code)
    assert len(functions) == 3 and not [each for each in symbols if each.name and each["st_shndx"] == "SHN_UNDEF"]


def test_c_sees_defines_and_include_directories(tmp_path: Path, cache: Path) -> None:
    write(tmp_path / "headers" / "limit.h", "#define LIMIT 41\n")
    source = write(tmp_path / "a.c", '#include "limit.h"\n_Static_assert(LIMIT + MORE == 42, "");\n')
    compile_c(source, includes=[tmp_path / "headers"], defines={"MORE": 1})


def test_assembly_sees_defines_and_links_to_bare_bytes(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = write(tmp_path / "a.S", ".globl start\nstart: .long VALUE, start\n")
    with caplog.at_level(logging.WARNING, toolchain.__name__):
        flat = link_flat({"a.o": assemble(source, {"VALUE": 0x1234})}, FLAT)
    assert not caplog.records
    assert flat == (0x1234).to_bytes(4, "little") + (0x7C00).to_bytes(4, "little")


def test_16_bit_code_can_be_assembled(tmp_path: Path, cache: Path) -> None:
    source = write(tmp_path / "a.S", ".code16\n.globl start\nstart: movw $VALUE, %ax\nljmp $0x10, $start\n")
    flat = link_flat({"a.o": assemble(source, {"VALUE": 7})}, FLAT)
    assert flat == b"\xb8\x07\x00" + b"\xea\x00\x7c\x10\x00"


def test_outputs_do_not_depend_on_the_directory(tmp_path: Path, cache: Path, builds: list[str]) -> None:
    def build(place: Path) -> tuple[bytes, bytes, bytes]:
        write(place / "include" / "shape.h", "#include <stdint.h>\nstruct shape { uint32_t sides; };\n")
        write(place / "src" / "near.h", "static inline int near(void) { return __LINE__; }\n")
        c = write(
            place / "src" / "a.c",
            '#include "shape.h"\n#include "near.h"\nconst char *where = __FILE__;\n'
            "uint32_t start(struct shape *shape) { return shape->sides + near(); }\n",
        )
        s = write(place / "src" / "b.S", ".globl b\nb: ret\n")
        compiled, assembled = compile_c(c, includes=[place / "include"]), assemble(s)
        linked = link_elf({"a.o": compiled, "b.o": assembled}, "ENTRY(start)")
        return compiled, assembled, linked

    one, two = build(tmp_path / "one"), build(tmp_path / "elsewhere" / "two")
    assert builds.count("cc") == 4
    assert one == two
    assert all(str(tmp_path).encode() not in output for output in one)
    assert all(sys.prefix.encode() not in output for output in one)


@pytest.mark.usefixtures("cache")
def test_a_relative_path_makes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "src" / "a.c", "const char *where = __FILE__;\n")
    monkeypatch.chdir(tmp_path)
    s = write(tmp_path / "src" / "b.S", "nop\n")
    assert (compile_c(Path("src/a.c")), assemble(Path("src/b.S"))) == (compile_c(source), assemble(s))
    monkeypatch.chdir(tmp_path / "src")
    assert (compile_c(Path("a.c")), assemble(Path("b.S"))) == (compile_c(source), assemble(s))


@pytest.mark.parametrize("name", ["two words.c", "-o.c", "@file.c", "a#b$c.c", "größe.c"])
@pytest.mark.usefixtures("cache")
def test_any_file_name_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    write(tmp_path / "a b#c$d" / "k.h", "#define K 1\n")
    write(tmp_path / name, '#include "k.h"\nint k = K;\n')
    monkeypatch.chdir(tmp_path)
    before = compile_c(Path(name), includes=[Path("a b#c$d")])
    write(tmp_path / "a b#c$d" / "k.h", "#define K 2\n")
    assert compile_c(Path(name), includes=[Path("a b#c$d")]) != before


def test_a_python_file_in_the_users_directory_is_not_run(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "ziglang.py", "raise SystemExit('the wrong module')\n")
    write(tmp_path / "a.c", "int a;\n")
    monkeypatch.chdir(tmp_path)
    compile_c(Path("a.c"))


# What is refused


def test_an_error_has_the_compilers_message_with_path_and_line(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "src" / "bad.c", "int main(void)\n{\n    return missing;\n}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ToolchainError) as refused:
        compile_c(Path("src/bad.c"))
    assert refused.value.source == Path("src/bad.c")
    assert refused.value.diagnostics.splitlines()[:2] == [
        "src/bad.c:3:12: error: use of undeclared identifier 'missing'",
        "    3 |     return missing;",
    ]
    assert str(refused.value) == f"src/bad.c does not compile\n{refused.value.diagnostics}"


def test_the_date_cannot_get_into_an_object(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ToolchainError, match="expansion of date or time macro is not reproducible"):
        compile_c(write(tmp_path / "a.c", "const char *when = __DATE__;\n"))


def test_an_error_is_not_kept(tmp_path: Path, cache: Path, builds: list[str]) -> None:
    source = write(tmp_path / "bad.c", "int;;int x = y;\n")
    for _ in range(2):
        with pytest.raises(ToolchainError):
            compile_c(source)
    assert builds == ["cc", "cc"]
    assert kept_in(cache) == []


def test_an_assembly_error_has_path_and_line(tmp_path: Path, cache: Path) -> None:
    source = write(tmp_path / "bad.S", "nop\nfrobnicate %eax\n")
    with pytest.raises(ToolchainError) as refused:
        assemble(source)
    assert str(refused.value).splitlines()[0] == f"{source} does not assemble"
    assert f"{source}:2:1: error: invalid instruction mnemonic 'frobnicate'" in refused.value.diagnostics


def test_a_missing_source_is_an_ordinary_error(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(FileNotFoundError):
        compile_c(tmp_path / "absent.c")


def test_undefined_symbols_are_named(tmp_path: Path, cache: Path) -> None:
    source = write(tmp_path / "a.c", "int strong(void);\nint start(void) { return strong(); }\n")
    with pytest.raises(ToolchainError) as refused:
        link_elf({"a.o": compile_c(source)}, "ENTRY(start)")
    assert str(refused.value).splitlines()[0] == "a.o does not link"
    assert "undefined symbol: strong" in refused.value.diagnostics
    assert "a.c:2" in refused.value.diagnostics


@pytest.mark.parametrize("target", [I386, X86_64])
def test_objects_of_two_targets_are_not_linked(tmp_path: Path, cache: Path, target: Target) -> None:
    source = write(tmp_path / "a.c", "int start;\n")
    objects = {"a.o": compile_c(source, target=I386), "b.o": compile_c(source, target=X86_64)}
    with pytest.raises(ToolchainError, match=f"is incompatible with {target.emulation}"):
        link_elf(objects, FLAT, target=target)


@pytest.mark.parametrize("link", [link_elf, link_flat])
@pytest.mark.usefixtures("cache")
def test_weak_undefined_symbols_are_refused_too(tmp_path: Path, link: Callable[..., bytes]) -> None:
    text = "int weak(void) __attribute__((weak));\nint start(void) { return weak(); }\n"
    source = write(tmp_path / "a.c", text)
    with pytest.raises(ToolchainError) as refused:
        link({"a.o": compile_c(source)}, FLAT)
    assert str(refused.value) == "a.o does not link\nundefined symbols: weak"


def test_without_ziglang_the_error_says_how_to_get_it(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zig, "_installed_zig", lambda: None)
    source = write(tmp_path / "a.c", "int a;\n")
    with pytest.raises(ToolchainError) as refused:
        compile_c(source)
    assert str(refused.value) == f"{source} can't be built\nthere is no C compiler: pip install ziglang"


def test_warnings_are_told_every_time_and_refused_on_request(
    tmp_path: Path, cache: Path, builds: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    source = write(tmp_path / "a.c", "int f(void)\n{\n    int unused;\n    return 0;\n}\n")
    message = f"{source}:3:9: warning: unused variable 'unused' [-Wunused-variable]"
    with caplog.at_level(logging.WARNING, toolchain.__name__):
        compile_c(source)
        compile_c(source)
    assert [record.getMessage().splitlines()[0] for record in caplog.records] == [message, message]
    assert builds == ["cc"]
    with pytest.raises(ToolchainError, match="unused variable 'unused'"):
        compile_c(source, flags=NO_WARNINGS)


@pytest.mark.parametrize("target", [I386, X86_64], ids=["i386", "x86-64"])
@pytest.mark.parametrize("declared", ["static __thread int mine", "extern _Thread_local int mine"])
def test_a_thread_local_variable_is_refused_by_name(tmp_path: Path, target: Target, declared: str) -> None:
    source = write(tmp_path / "a.c", f"{declared};\nint f(void) {{ return mine++; }}\n")
    with pytest.raises(ToolchainError) as refused:
        compile_c(source, target=target)
    assert str(refused.value) == (
        f"{source} does not compile\n"
        "a.c: error: mine is thread-local, which no variable can be here; "
        "thread_key, thread_get and thread_set of thread.h keep what is each thread's own"
    )


# What is kept


def test_a_kept_build_starts_no_process(tmp_path: Path, cache: Path, builds: list[str]) -> None:
    c, s = write(tmp_path / "a.c", "int start;\n"), write(tmp_path / "b.S", ".globl b\nb: ret\n")

    def build() -> bytes:
        return link_flat({"a.o": compile_c(c), "b.o": assemble(s)}, FLAT)

    first = build()
    assert builds == ["cc", "cc", "ld.lld"]
    assert build() == first
    assert len(builds) == 3


def test_a_kept_build_imports_no_elf_reader(tmp_path: Path, cache: Path) -> None:
    source = write(tmp_path / "a.c", "int start;\n")
    link_elf({"a.o": compile_c(source)}, "ENTRY(start)")
    script = (
        "import sys; from pathlib import Path; from keelback.image.toolchain import *\n"
        f"link_elf({{'a.o': compile_c(Path({str(source)!r}))}}, 'ENTRY(start)')\n"
        "assert 'elftools' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: b"",
        lambda entry: entry[:20],
        lambda entry: entry[:-1],
        lambda entry: entry + b"\0",
        lambda entry: bytes([entry[0] ^ 1]) + entry[1:],
        lambda entry: entry[:-1] + bytes([entry[-1] ^ 1]),
        lambda entry: bytes(len(entry)),
    ],
    ids=["empty", "only a start", "cut", "longer", "digest changed", "output changed", "zeros"],
)
def test_a_damaged_entry_is_built_again(
    tmp_path: Path, cache: Path, builds: list[str], damage: Callable[[bytes], bytes]
) -> None:
    source = write(tmp_path / "a.c", "int a;\n")
    good = compile_c(source)
    [entry] = kept_in(cache)
    packed = entry.read_bytes()
    entry.write_bytes(damage(packed))
    assert compile_c(source) == good
    assert builds == ["cc", "cc"]
    assert entry.read_bytes() == packed


def test_every_change_of_an_input_builds_again(
    tmp_path: Path, cache: Path, builds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.c", '#include "k.h"\n#include "deep/d.h"\nint k = K + D;\n')
    write(tmp_path / "include" / "k.h", "#define K 1\n")
    deep = write(tmp_path / "deep" / "d.h", "#define D 1\n")
    flags: list[str] = []

    def build() -> bytes:
        return compile_c(source, includes=[tmp_path / "include"], flags=flags)

    seen = [build()]
    for change in (
        lambda: write(source, source.read_text() + "int more;\n"),
        lambda: write(tmp_path / "include" / "k.h", "#define K 2\n"),
        lambda: write(deep, "#define D 3\n"),
        lambda: write(tmp_path / "k.h", "#define K 5\n"),  # hides the other
        lambda: flags.append("-g0"),
    ):
        change()
        seen.append(build())
    assert len(set(seen)) == len(seen) == len(builds)
    monkeypatch.setattr(zig, "_installed_zig", lambda: "another version")
    build()
    assert len(builds) == len(seen) + 1


def test_a_cache_that_cannot_be_written_does_not_stop_a_build(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    assert compile_c(write(tmp_path / "a.c", "int a;\n")).startswith(b"\x7fELF")
    assert kept_in(cache) == []
