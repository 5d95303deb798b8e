"""Programs in Kernel Python: in CPython for their own tests, and compiled, like those in C."""

from importlib import import_module

import pytest

from keelback.abi.records import ANY_CHILD, ArgumentText, Ending, FrameCounts
from keelback.cli.ours import build_python
from keelback.cli.sources import our_programs
from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.kernel.layout import MICROKERNEL
from keelback.lang import Panic, freeze, view
from keelback.machine.compare import compare
from keelback.machine.simulated.compiled import CompiledPc
from keelback.user.in_cpython import ARGUMENT, RECORDS, PythonKernel, make_program
from keelback.user.system import CAN_READ, failed
from support import console, make_pc, run


def in_python(name, argument=""):
    """Run a program in CPython; return its status and its kernel."""
    kernel = PythonKernel()
    program, _ = make_program(import_module(f"keelback.user.python.{name}").PROGRAM, kernel, argument)
    freeze(program)
    return program.main(ARGUMENT), kernel


IN_PYTHON = {name: path.stem for name, path in our_programs().items() if path.suffix == ".py"}


@pytest.fixture(scope="module")
def programs():
    return {name: build_python(name, MICROKERNEL.image_base) for name in IN_PYTHON}


def test_there_is_one_beside_each_in_c_and_two_more():
    names = {"hello", "primes", "ping", "pong", "allocator", "forktree", "forkexit", "cow", "stack", "bomb"}
    names |= {"mallocs", "philosophers"}
    assert set(IN_PYTHON) == {"fib", "boxes", *(f"{name}.py" for name in names)}


def test_each_runs_in_cpython():
    assert in_python("hello", "you")[1].written == b"hello: I am process 1, and I was told: you\n"
    assert in_python("primes", "20000")[1].written == b"primes: 2262 primes up to 20000\n"
    status, kernel = in_python("ping", "2")
    assert (status, kernel.written, kernel.yields) == (0, b"ping 1\nping 2\n", 2)


def test_cpython_has_no_memory_to_give_and_a_program_goes_on_without():
    status, kernel = in_python("allocator", "3")
    assert (status, kernel.written) == (0, b"allocator: took pages: 0, then none was left\n")
    assert kernel.yields == 3


def test_cpython_has_no_memory_to_share_either():
    assert in_python("forkexit")[1].written == b"forkexit: there is no memory\n"


def test_cpython_has_malloc_pages_to_give_and_they_come_back():
    status, kernel = in_python("mallocs", "100")
    assert (status, kernel.taken) == (0, set())
    assert kernel.written.startswith(b"mallocs: operations: 100\n") and b"\nmallocs: pages left: 0\n" in kernel.written


@pytest.mark.parametrize("name", ["forktree", "cow", "stack", "bomb"])
def test_a_program_that_forks_is_told_that_cpython_cannot(name):
    with pytest.raises(NotImplementedError, match="can't fork in CPython: run it compiled"):
        in_python(name)


def test_the_kernel_for_unit_tests_knows_one_process_and_no_program():
    kernel = PythonKernel()
    program, ram = make_program(import_module("keelback.user.python.hello").PROGRAM, kernel)
    text, ending = view(ram, ArgumentText, ARGUMENT), view(ram, Ending, RECORDS)
    system, counts = program.system, view(ram, FrameCounts, RECORDS)
    results = [system.exec(text, text), system.spawn(text, text), system.wait(ANY_CHILD, ending)]
    results += [system.kill(1), system.kill(2), system.map(0, 4096, CAN_READ), system.unmap(0x1000, 4096)]
    results += [system.protect(0x1000, 4096, CAN_READ), system.malloc_pages(257), system.free_pages(0x1000, 1)]
    assert [number - (1 << 32) for number in results] == [-6, -6, -11, -10, -9, -12, -2, -2, -4, -2]
    assert all(failed(number) for number in results)
    assert not failed(system.detach()) and not failed(system.frame_counts(counts))


@pytest.mark.parametrize(
    ("place", "number"), [("0", 0), ("1", 1), ("10", 55), ("90", 2880067194370816120), ("", 12586269025)]
)
def test_fib_is_right(place, number):
    assert in_python("fib", place)[1].written == f"fib: number {place or 50} is {number}\n".encode()


def test_fib_beyond_its_type_is_refused():
    status, kernel = in_python("fib", "93")
    assert (status, kernel.written) == (1, b"fib: 93 is too far, 92 is the last\n")


@pytest.mark.parametrize("text", ["x", "1x", "-1", "4294967296", "99999999999999999999", " 1"])
def test_an_argument_that_is_no_number_is_none(text):
    assert in_python("fib", text)[1].written == b"fib: number 50 is 12586269025\n"


@pytest.mark.parametrize(
    "line", ["hello.py", "hello.py you", "primes.py 3000", "ping.py", "fib", "fib 90", "fib 93", "fib x"]
)
def test_a_compiled_program_writes_what_it_writes_in_cpython(programs, line):
    name, _, argument = line.partition(" ")
    pc = run(line, programs=programs)
    status, kernel = in_python(IN_PYTHON[name], argument)
    assert "\n".join([*console(pc), ""]).encode() == bytes(kernel.written)
    assert pc.kernel.processes.table[1].exit_status == status


def test_both_lives_of_the_kernel_run_them_equally(programs):
    lines = ("hello.py", "primes.py 2000", "ping.py", "pong.py", "fib 77")
    first = make_pc(*lines, programs=programs, check=False)
    members = {"etc/init": "".join(line + "\n" for line in lines).encode(), **programs}
    image = make_image(MICROKERNEL, make_payload(members), compiled(MICROKERNEL))
    second = CompiledPc(MICROKERNEL, image, memory=first.ram.size)
    assert compare(first, second).difference is None


def test_a_program_without_a_kernel_says_so():
    program, _ = make_program(import_module("keelback.user.python.hello").PROGRAM)
    with pytest.raises((TypeError, Panic), match="only compiled"):
        program.main(ARGUMENT)
