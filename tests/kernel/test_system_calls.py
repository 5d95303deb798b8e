"""The system calls, made by real machine code: results, errors, and that bad arguments harm the caller alone."""

import pytest

from keelback.abi.calls import CALLS
from keelback.abi.errors import BadAddress, BadArgument, UnknownCall
from support import c_program, console, make_pc, run


def prints(body: str) -> list[str]:
    """Run the body of a C `main`, in which `out(n)` prints a number, and return its lines."""
    program = c_program(
        f'static void out(int n) {{ print_number(n); print("\\n"); }} int main(void) {{ {body} return 0; }}'
    )
    pc = run("it", programs={"it": program})
    assert pc.kernel.processes.table[1].exit_status == 0
    return console(pc)


@pytest.mark.parametrize(
    "number", [0, -1, max(each.number for each in CALLS) + 1, 0x7FFFFFFF, 1000, 255, 256, 0x80000000]
)
def test_an_unknown_call_is_an_error(number):
    assert prints(f"out(sys_call({number}u, 0, 0, 0, 0));") == [str(UnknownCall.number)]


def test_getpid_is_the_place_in_the_table():
    program = c_program('int main(void) { print_number(sys_getpid()); print("\\n"); return 0; }')
    assert console(run("it", "it", "it", programs={"it": program})) == ["1", "2", "3"]


def test_puts_writes_and_returns_the_length():
    assert prints('out(sys_puts("abc\\n", 4)); out(sys_puts("", 0));') == ["abc", "4", "0"]


def test_puts_writes_any_byte():
    program = c_program(
        "int main(void) { char all[256]; for (int i = 0; i < 256; i++) all[i] = i; return sys_puts(all, 256) != 256; }"
    )
    pc = run("it", programs={"it": program})
    assert pc.console.endswith(bytes(range(256)))


def test_puts_takes_4096_bytes_and_not_one_more():
    body = "static char text[5000]; memset(text, 'x', 5000); out(sys_puts(text, 4097)); out(sys_puts(text + 10, 4096));"
    assert prints(body) == [str(BadArgument.number), "x" * 4096 + "4096"]


@pytest.mark.parametrize(
    ("address", "length"),
    [
        ("0", 1), ("4", 4), ("0x100000", 4), ("0x07ffffff", 2), ("0x07fff000", 1), ("0xfffff000", 1), ("0xffffffff", 1),
        ("0xffffffff", 4096), ("0xfffff000 - 1", 2), ("0x10000000", 1), ("0x10000000", 4096),
    ],
)  # fmt: skip
def test_puts_of_memory_that_is_not_the_callers_is_an_error_and_writes_nothing(address, length):
    assert prints(f"out(sys_call(CALL_PUTS, {address}, {length}, 0, 0));") == [str(BadAddress.number)]


@pytest.mark.parametrize("length", [-1, 0x7FFFFFFF, 0x80000000, 4097])
def test_puts_of_an_absurd_length_is_an_error(length):
    assert prints(f'out(sys_call(CALL_PUTS, (uint32_t)"abc", {length}u, 0, 0));') == [str(BadArgument.number)]


def test_puts_from_two_pages_is_one_text():
    body = "static char two[8192]; char *at = (char *)(((uint32_t)two | 4095) - 2);"
    body += 'memcpy(at, "hello\\n", 6); out(sys_puts(at, 6));'
    assert prints(body) == ["hello", "6"]


@pytest.mark.parametrize("status", [0, 1, -1, 255, 256, 2**31 - 1, -(2**31)])
def test_exit_keeps_the_status(status):
    program = c_program(f"int main(void) {{ return {status}u; }}")
    pc = run("it", programs={"it": program})
    assert pc.kernel.processes.table[1].exit_status == status


def test_sleep_wakes_in_the_order_of_time():
    program = c_program(
        'int main(const char *argument) { sys_sleep(number_in(argument, 0)); print(argument); print("\\n"); return 0; }'
    )
    pc = run("it 9", "it 1", "it 5", "it 1", "it 0", programs={"it": program})
    assert console(pc) == ["0", "1", "1", "5", "9"]
    assert pc.kernel.timer.clock.ticks == 9


def test_sleep_of_too_many_ticks_is_an_error():
    assert prints("out(sys_sleep(0x80000000u)); out(sys_sleep(0));") == [str(BadArgument.number), "0"]


def test_registers_survive_a_call_and_flags_too():
    program = c_program("""
int main(void) {
    uint32_t b, s, d, a;
    __asm__ volatile("movl $1, %%eax; stc; int $0x80; setc %%al; movzbl %%al, %%eax"
        : "=a"(a), "=b"(b), "=S"(s), "=D"(d) : "b"(0x11111111), "S"(0x22222222), "D"(0x33333333) : "ecx", "edx", "cc");
    return !(a == 1 && b == 0x11111111 && s == 0x22222222 && d == 0x33333333);
}""")
    assert run("it", programs={"it": program}).kernel.processes.table[1].exit_status == 0


def test_the_argument_string_arrives_whole():
    program = c_program('int main(const char *argument) { print("<"); print(argument); print(">\\n"); return 0; }')
    longest = "x" * 100 + " y " + "z" * 152
    pc = run("it", "it a b  c", "it " + longest, "it " + longest + "z", programs={"it": program})
    refused = "keelback: can't start it. An argument is out of range."
    assert console(pc) == [refused, "<>", "<a b  c>", f"<{longest}>"]


def test_the_argument_lies_at_the_top_of_the_stack():
    program = c_program("""
int main(const char *argument) {
    return (uint32_t)argument != 0xfffff000u - 256;
}""")
    assert run("it word", programs={"it": program}).kernel.processes.table[1].exit_status == 0


def test_sleepers_and_yielders_end_with_nothing_left():
    pc = make_pc("sleeper 2", "ping", "pong", "primes 3000")
    pc.boot()
    pc.run()
    state = pc.kernel.first_cpu
    scheduler = pc.kernel.scheduler
    assert not any(each.first or each.last for each in (*scheduler.queues, *scheduler.deadlines.queues))
    assert state.current == 0
