"""The programs and their runtime keep the kernel's binary interface, seen from a bare processor.

The processor here is Unicorn in flat 32-bit mode without a kernel: the test itself loads a program's
segments, lays out the stack as the interface says, and plays the kernel at every `int $0x80`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
import unicorn
from elftools.elf.elffile import ELFFile
from unicorn import x86_const as x86

from keelback.image.programs import build_program, build_programs
from keelback.image.toolchain import NO_WARNINGS
from keelback.user import PROGRAMS, RUNTIME

BASE = 0x8000000
STACK, STACK_TOP = 0xBFFF0000, 0xC0000000
REGISTERS = {
    "eax": x86.UC_X86_REG_EAX,
    "ebx": x86.UC_X86_REG_EBX,
    "esi": x86.UC_X86_REG_ESI,
    "edi": x86.UC_X86_REG_EDI,
    "ebp": x86.UC_X86_REG_EBP,
}
GETPID, YIELD, EXIT, PUTS, SLEEP = 1, 2, 3, 4, 5


@dataclass
class Run:
    """What a program did until it ended."""

    status: int | None = None
    calls: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # one for each puts
    trap: int | None = None
    instruction: bytes = b""  # where it stopped
    ports: list[tuple[str, int]] = field(default_factory=list)
    error: int | None = None


def run(elf: bytes, argument: str = "", answers: dict[int, int] | None = None) -> Run:
    """Run a program until it exits or can't go on; `answers` are results of calls by number."""
    cpu = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
    file = ELFFile(BytesIO(elf))
    for segment in file.iter_segments("PT_LOAD"):
        access = sum(ours for bit, ours in ((4, 1), (2, 2), (1, 4)) if segment["p_flags"] & bit)
        cpu.mem_map(segment["p_vaddr"], -(-segment["p_memsz"] // 4096) * 4096, access)
        cpu.mem_write(segment["p_vaddr"], segment.data())
    cpu.mem_map(STACK, STACK_TOP - STACK, 3)
    text = argument.encode() + b"\0"
    esp = (STACK_TOP - len(text) - 8) // 16 * 16 - 4
    cpu.mem_write(STACK_TOP - len(text), text)
    cpu.mem_write(esp + 4, (STACK_TOP - len(text)).to_bytes(4, "little"))
    cpu.reg_write(x86.UC_X86_REG_ESP, esp)
    done = Run()

    def trap(_: unicorn.Uc, number: int, __: object) -> None:
        if number != 0x80:
            done.trap = number
            cpu.emu_stop()
            return
        call, a, b, c, d = (cpu.reg_read(register) for register in REGISTERS.values())
        done.calls.append((call, a, b, c, d))
        result = (answers or {}).get(call, 0)
        if call == EXIT:
            done.status = a
            cpu.emu_stop()
        elif call == PUTS:
            done.lines.append(cpu.mem_read(a, b).decode())
            result = b
        cpu.reg_write(x86.UC_X86_REG_EAX, result & 0xFFFFFFFF)
        cpu.reg_write(x86.UC_X86_REG_ECX, 0xDEAD0001)  # the interface says that these are lost
        cpu.reg_write(x86.UC_X86_REG_EDX, 0xDEAD0002)

    def port_out(_: unicorn.Uc, port: int, __: int, ___: int, ____: object) -> None:
        done.ports.append(("out", port))

    def port_in(_: unicorn.Uc, port: int, __: int, ___: object) -> int:
        done.ports.append(("in", port))
        return 0

    cpu.hook_add(unicorn.UC_HOOK_INTR, trap)
    cpu.hook_add(unicorn.UC_HOOK_INSN, port_out, None, 1, 0, x86.UC_X86_INS_OUT)
    cpu.hook_add(unicorn.UC_HOOK_INSN, port_in, None, 1, 0, x86.UC_X86_INS_IN)
    try:
        cpu.emu_start(file["e_entry"], 0)
    except unicorn.UcError as error:
        done.error = error.errno
    done.instruction = bytes(cpu.mem_read(cpu.reg_read(x86.UC_X86_REG_EIP), 4))
    return done


@pytest.fixture(scope="module")
def programs() -> dict[str, bytes]:
    return build_programs(sorted(PROGRAMS.glob("*.c")), runtime=RUNTIME, image_base=BASE, flags=NO_WARNINGS)


@pytest.fixture
def build(tmp_path: Path) -> Callable[[str], bytes]:
    """Build a program whose main has the given body."""

    def make(body: str) -> bytes:
        source = tmp_path / "test.c"
        head = '#include "keelback.h"\nint main(const char *argument)\n{\n(void)argument;\n'
        source.write_text(f"{head}{body}\n}}\n")
        return build_program(source, runtime=RUNTIME, image_base=BASE, flags=NO_WARNINGS)

    return make


# The interface


def test_the_header_has_the_numbers_of_the_interface() -> None:
    """Those that there have ever been: programs that were built with them go on running."""
    header = (RUNTIME / "calls.h").read_text()
    assert (
        dict(re.findall(r"^    CALL_(\w+) = (\d+),", header, re.MULTILINE)).items()
        >= {
            name: str(number)
            for number, name in enumerate(
                ("GETPID", "YIELD", "EXIT", "PUTS", "SLEEP", "FORK", "DETACH", "EXEC", "SPAWN", "WAIT", "KILL")
                + ("PAGE_ALLOC", "MAP", "UNMAP", "PROTECT", "FRAME_COUNTS", "MALLOC_PAGES", "FREE_PAGES")
                + ("LOAD_LIBRARY", "UNLOAD_LIBRARY"),
                1,
            )
        }.items()
    )
    assert (
        dict(re.findall(r"^    ERROR_(\w+) = (-\d+),", header, re.MULTILINE)).items()
        >= {
            "UNKNOWN_CALL": "-1",
            "BAD_ADDRESS": "-2",
            "BAD_ARGUMENT": "-3",
            "OUT_OF_MEMORY": "-4",
            "NO_PROCESS_SLOT": "-5",
            "NO_SUCH_PROGRAM": "-6",
            "NOT_EXECUTABLE": "-7",
            "TOO_MANY_REGIONS": "-8",
            "NO_SUCH_PROCESS": "-9",
            "NOT_PERMITTED": "-10",
            "NO_CHILD": "-11",
            "NO_ROOM": "-12",
            "NO_SUCH_LIBRARY": "-13",
            "NOT_A_LIBRARY": "-14",
            "TOO_MANY_LIBRARIES": "-15",
        }.items()
    )


def test_four_arguments_reach_their_registers_and_ebp_is_restored(build: Callable[[str], bytes]) -> None:
    done = run(
        build(
            """\
            uint32_t sum = 0;
            for (uint32_t i = 1; i <= 3; i++)
                sum += (uint32_t)sys_call(200 + i, i, 0x10 * i, 0x100 * i, 0x1000 * i);
            return (int)sum;"""
        ),
        answers={201: 100, 202: 20, 203: 3},
    )
    assert done.calls[:3] == [
        (201, 1, 0x10, 0x100, 0x1000),
        (202, 2, 0x20, 0x200, 0x2000),
        (203, 3, 0x30, 0x300, 0x3000),
    ]
    assert done.status == 123


def test_every_stub_makes_its_call(build: Callable[[str], bytes]) -> None:
    done = run(
        build(
            """\
            sys_getpid();
            sys_yield();
            sys_puts("text", 3);
            sys_sleep(9);
            sys_exit(-4);"""
        )
    )
    assert [call for call, *_ in done.calls] == [GETPID, YIELD, PUTS, SLEEP, EXIT]
    assert done.lines == ["tex"]
    assert done.calls[3][1] == 9
    assert done.status == 0xFFFFFFFC


@pytest.mark.parametrize(
    ("result", "error"), [(0, 0), (7, 0), (-1, 1), (-255, 1), (-256, 0), (0x7FFFFFFF, 0), (-0x80000000, 0)]
)
def test_only_minus_1_to_minus_255_are_errors(programs: dict[str, bytes], result: int, error: int) -> None:
    done = run(programs["sleeper"], answers={SLEEP: result})
    assert done.status == error


def test_main_gets_the_argument_whatever_its_length(build: Callable[[str], bytes]) -> None:
    elf = build("return (int)sys_puts(argument, strlen(argument));")
    for length in range(20):
        done = run(elf, "x" * length)
        assert (done.lines, done.status) == (["x" * length], length)


def test_the_compiler_aligns_what_must_be_aligned(build: Callable[[str], bytes]) -> None:
    """The compiler keeps the stack at multiples of 4 only, so it has to align larger things by itself."""
    done = run(
        build(
            """\
            _Alignas(16) volatile char block[16];
            block[0] = argument[0];
            return (int)((uintptr_t)block % 16) + block[0];"""
        )
    )
    assert done.status == 0


# The library


def test_a_line_is_one_call_and_the_rest_comes_at_the_end(build: Callable[[str], bytes]) -> None:
    done = run(build('print("one "); print_number(2); print(" three\\nrest"); return 0;'))
    assert done.lines == ["one 2 three\n", "rest"]


def test_a_long_line_comes_in_parts_and_whole(build: Callable[[str], bytes]) -> None:
    done = run(build('print(argument); print("\\n"); return 0;'), "long " * 100)
    assert "".join(done.lines) == "long " * 100 + "\n"
    assert len(done.lines) == 4


def test_numbers_print_at_their_limits(build: Callable[[str], bytes]) -> None:
    done = run(
        build(
            """\
            print_number(0); print(" "); print_number(-1); print(" ");
            print_number(INT32_MAX); print(" "); print_number(INT32_MIN); print(" ");
            print_unsigned(UINT32_MAX); print(" "); print_hex(0xdeadbeef); print(" "); print_hex(0);
            return 0;"""
        )
    )
    assert done.lines == ["0 -1 2147483647 -2147483648 4294967295 0xdeadbeef 0x00000000"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 99),
        ("0", 0),
        ("0042", 42),
        ("4294967295", 4294967295),
        ("4294967296", 99),
        ("99999999999", 99),
        ("12x", 99),
        ("-1", 99),
        (" 1", 99),
    ],
)
def test_an_argument_is_a_number_or_not(build: Callable[[str], bytes], text: str, number: int) -> None:
    assert run(build("return (int)number_in(argument, 99);"), text).status == number


def test_memory_functions_agree_with_byte_loops(build: Callable[[str], bytes]) -> None:
    """For every small length, alignment and overlap; a wrong case comes back as its number."""
    done = run(
        build(
            """\
            static unsigned char found[40], wanted[40], from[40];
            int cases = 0;

            for (int length = 0; length <= 13; length++) for (int to = 0; to < 16; to++)
            for (int at = 0; at < 16; at++, cases++) {
                for (int i = 0; i < 40; i++) found[i] = wanted[i] = from[i] = (unsigned char)(i * 7 + 1);
                for (int i = 0; i < length; i++) wanted[to + i] = from[at + i];
                if (memmove(found + to, found + at, length) != found + to) return 100000 + cases;
                if (memcmp(found, wanted, 40) != 0) return 200000 + cases;
                for (int i = 0; i < 40; i++) { found[i] = 0; wanted[i] = 0; }
                for (int i = 0; i < length; i++) wanted[to + i] = from[at + i];
                if (memcpy(found + to, from + at, length) != found + to) return 300000 + cases;
                if (memcmp(found, wanted, 40) != 0) return 400000 + cases;
                for (int i = 0; i < length; i++) wanted[to + i] = 0x9c;
                if (memset(found + to, 0x79c, length) != found + to) return 500000 + cases;
                for (int i = 0; i < 40; i++) if (found[i] != wanted[i]) return 600000 + cases;
            }
            if (memcmp("ab", "ac", 2) >= 0 || memcmp("\\xff", "a", 1) <= 0) return 1;
            if (memcmp("ab", "ac", 1) != 0) return 1;
            return strlen("") == 0 && strlen("four") == 4 && cases == 14 * 16 * 16 ? 0 : 2;"""
        )
    )
    assert done.status == 0


# The programs


@pytest.mark.parametrize(
    ("name", "argument", "lines"),
    [
        ("hello", "", ["hello: I am process 7\n"]),
        ("hello", "good day", ["hello: I am process 7, and I was told: good day\n"]),
        ("primes", "", ["primes: 2262 primes up to 20000\n"]),
        ("primes", "0", ["primes: 0 primes up to 0\n"]),
        ("primes", "2", ["primes: 1 primes up to 2\n"]),
        ("primes", "100", ["primes: 25 primes up to 100\n"]),
        ("ping", "", [f"ping {i}\n" for i in range(1, 6)]),
        ("pong", "2", ["pong 1\n", "pong 2\n"]),
        ("sleeper", "", [f"sleeper: nap {i} is over, I slept ticks: 3\n" for i in range(1, 4)]),
    ],
)
def test_a_program_says_what_it_should(
    programs: dict[str, bytes],
    name: str,
    argument: str,
    lines: list[str],
) -> None:
    done = run(programs[name], argument, {GETPID: 7})
    assert done.lines == lines
    assert done.status == 0


def test_ping_yields_after_every_line(programs: dict[str, bytes]) -> None:
    assert [call for call, *_ in run(programs["ping"], "2").calls] == [PUTS, YIELD, PUTS, YIELD, EXIT]


def test_sleeper_sleeps_for_its_argument(programs: dict[str, bytes]) -> None:
    assert [a for call, a, *_ in run(programs["sleeper"], "11").calls if call == SLEEP] == [11, 11, 11]


@pytest.mark.parametrize(
    ("name", "line", "error"),
    [
        ("null", "null: reading address 0\n", unicorn.UC_ERR_READ_UNMAPPED),
        ("wild", "wild: reading the kernel at 0x100000\n", unicorn.UC_ERR_READ_UNMAPPED),
        ("smash", "smash: writing to my own text\n", unicorn.UC_ERR_WRITE_PROT),
        ("undefined", "undefined: running ud2\n", unicorn.UC_ERR_INSN_INVALID),
    ],
)
def test_a_program_that_misbehaves_says_so_and_does_it(
    programs: dict[str, bytes], name: str, line: str, error: int
) -> None:
    done = run(programs[name])
    assert (done.lines, done.error, done.status) == ([line], error, None)


def test_divide_really_divides(programs: dict[str, bytes]) -> None:
    done = run(programs["divide"])
    assert (done.lines, done.trap, done.status) == (["divide: dividing 1 by 0\n"], 0, None)
    assert done.instruction[0] == 0xF7  # idiv


def test_privileged_really_halts(programs: dict[str, bytes]) -> None:
    done = run(programs["privileged"])
    assert (done.lines, done.error, done.status) == (["privileged: halting the processor\n"], None, None)


def test_ports_writes_first_and_then_reads(programs: dict[str, bytes]) -> None:
    done = run(programs["ports"])
    assert done.ports == [("out", 0x80), ("in", 0x80)]
    assert done.lines[0] == "ports: writing to port 0x80\n"
    assert done.status == 1  # this processor has no kernel that would stop it


def test_programs_divide_64_bits():
    from support import c_program, run

    program = c_program("""
int main(void) {
    volatile uint64_t n = 10000000000000000000u;
    volatile int64_t m = -1000000000007;
    return !(n / 7 == 1428571428571428571u && n % 7 == 3 && m / 10 == -100000000000 && m % 10 == -7);
}""")
    assert run("it", programs={"it": program}).kernel.processes.table[1].exit_status == 0
