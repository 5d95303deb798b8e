"""Programs of 64 bits: each of ours ends on an x86-64 as it does on an i386, and what users write is told as there."""

import re
from functools import cache

import pytest

from keelback.cli.libraries import payload_libraries
from keelback.cli.ours import build_ours
from keelback.cli.sources import our_programs
from keelback.image.c_options import NO_C_OPTIONS, OURS
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.image.programs import build_program
from keelback.image.toolchain import TARGETS, ToolchainError
from keelback.inspect.executables import broken_rule
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL_64
from keelback.kernel.loading.elf_file import Rule
from keelback.kernel.processes.processes import Ending, ProcessState
from keelback.lang import text_of
from keelback.machine.observed import Outcome
from keelback.machine.qemu.qemu import Qemu, Verdict
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.user import RUNTIME
from machine.test_qemu import ARGUMENTS
from support import MIB

LAYOUT = MICROKERNEL_64
TARGET = TARGETS[LAYOUT.paging.word_bits]
FAULTING = {"divide", "null", "ports", "privileged", "smash", "undefined", "wild"}
COUNTING = {"frames", "bomb", "bomb.py", "mallocs", "mallocs.py", "libraries"}
"""Programs that expect what depends on how much memory others have at that moment."""
SLICE = {"hello", "hello.py", "hostile", "liar", "family", "cow", "mallocs.py", "boxes", "stack", "null"}


@cache
def ours():
    return build_ours(our_programs(), LAYOUT.image_base, TARGET) | payload_libraries(TARGET)


def run(*lines, files=None, machine="qemu"):
    """Run programs on a machine; return how each ended, by name, and what was said."""
    members = {"etc/init": "".join(f"{line}\n" for line in lines).encode(), **(ours() if files is None else files)}
    image = make_image(LAYOUT, make_payload(members), None if machine == "interpreted" else compiled(LAYOUT))
    if machine == "qemu":
        with Qemu(make_image_file(LAYOUT, image), memory=64 * MIB) as qemu:
            assert qemu.wait() is Verdict.DONE
            return ended(look(LAYOUT, qemu.ram)), qemu.console.decode()
    pc = {"interpreted": InterpretedPc, "compiled": CompiledPc}[machine](LAYOUT, image, memory=16 * MIB)
    pc.boot()
    assert pc.run() is Outcome.POWERED_OFF
    return ended(look(LAYOUT, pc.contents)), pc.console.decode()


def ended(kernel):
    """Return how each process ended, by its program's name; none has left a frame in use."""
    counts = kernel.memory.frames.counts
    assert counts.user_total == counts.user_free
    records = [each for each in kernel.processes.table if each.state != ProcessState.FREE]
    return {text_of(each.name): (each.ending, each.exit_status) for each in records}


def expected(name):
    return (Ending.FAULTED, 0) if name in FAULTING else (Ending.EXITED, 0)


def test_all_programs_are_built_for_64_bits_and_break_no_rule():
    for name, file in ours().items():
        assert file[4] == 2, name
        if not name.startswith("lib") or name in our_programs():
            assert broken_rule(file, LAYOUT) == Rule.NONE, name


@pytest.mark.parametrize("machine", ["interpreted", "compiled", "qemu"])
def test_programs_end_on_an_x86_64_as_they_should(machine):
    together = sorted(SLICE - COUNTING)
    found, _ = run(*(f"{name} {ARGUMENTS.get(name, '')}".strip() for name in together), machine=machine)
    assert found == {name: expected(name) for name in together}


@pytest.mark.parametrize("name", sorted({"mallocs.py", "libraries"}))
def test_a_program_that_counts_frames_ends_well_alone(name):
    found, _ = run(name)
    assert found[name] == (Ending.EXITED, 0)


@pytest.mark.campaign
@pytest.mark.parametrize("name", our_programs())
def test_each_program_ends_on_an_x86_64_as_it_should(name):
    found, _ = run(f"{name} {ARGUMENTS.get(name, '')}".strip())
    assert found[name] == expected(name)


# What users write.


def built(tmp_path, text, options=NO_C_OPTIONS):
    source = tmp_path / "mine.c"
    source.write_text(text)
    return build_program(source, runtime=RUNTIME, image_base=LAYOUT.image_base, options=options, target=TARGET)


LIBRARY = r"""
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static jmp_buf there;

static int order(const void *a, const void *b)
{
    return *(const long *)a < *(const long *)b ? -1 : *(const long *)a > *(const long *)b;
}

int main(int count, char **words)
{
    long numbers[] = {1L << 40, 3, -(1L << 50), 7};
    volatile int jumps = 0;
    struct timespec time;
    int status;

    qsort(numbers, 4, sizeof *numbers, order);
    printf("%ld %lx %zu %d %s\n", numbers[0], numbers[3], sizeof(long), count, words[count - 1]);
    printf("%p %" PRIu64 " %lld %jd\n", (void *)0x123456789abcul, (uint64_t)-1, -5ll, (intmax_t)1 << 60);
    if (setjmp(there) < 3)
        longjmp(there, ++jumps);
    printf("%d %ld %lu\n", jumps, strtol("-9223372036854775808", NULL, 10), strtoul("0xffffffffffffffff", NULL, 16));
    char *far = mmap(NULL, 1ul << 36, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    far[1ul << 35] = 1;
    printf("%d %d %d\n", far != MAP_FAILED, munmap(far, 1ul << 36), malloc(1ul << 33) == NULL && errno == ENOMEM);
    char *end = sbrk(100000);
    end[99999] = 1;
    if (fork() == 0)
        exit(42);
    wait(&status);
    printf("%d %d\n", WEXITSTATUS(status), clock_gettime(CLOCK_MONOTONIC, &time));
    return 0;
}
"""
SAID = """\
-1125899906842624 10000000000 8 2 word
0x123456789abc 18446744073709551615 -5 1152921504606846976
3 -9223372036854775808 18446744073709551615
1 0 1
42 0
"""


@pytest.mark.parametrize("options", [NO_C_OPTIONS, OURS], ids=["as written", "optimised"])
def test_the_c_library_has_longs_and_pointers_of_64_bits(tmp_path, options):
    found, console = run("mine word", files={"mine": built(tmp_path, LIBRARY, options)})
    assert found == {"mine": (Ending.EXITED, 0)}
    assert console.partition("\n")[2] == SAID


def test_floating_point_is_refused_with_the_reason(tmp_path):
    with pytest.raises(ToolchainError, match=r"mine\.c:1:8: error: SSE(.|\n)*That is floating point, which"):
        built(tmp_path, "double half(double x) { return x / 2; }\nint main(void) { return (int)half(3); }\n")
    with pytest.raises(ToolchainError, match="main needs floating point"):
        built(tmp_path, "int main(int count, char **words) { volatile double x = count; return (int)(x / 2); }\n")


def test_a_division_by_zero_is_the_processors_error(tmp_path):
    text = "int main(void) { long zero = 0; return (int)(5 / zero); }\n"
    for options in (NO_C_OPTIONS, OURS):
        found, console = run("mine", files={"mine": built(tmp_path, text, options)})
        assert found == {"mine": (Ending.FAULTED, 0)} and "killed: division error" in console


def test_what_a_checked_program_says_when_a_check_fails(tmp_path):
    """A free of what malloc never gave is a check of Kernel Python's, in a program in C."""
    text = '#include "keelback.h"\nint main(void) { static char mine[64]; free(mine); return 0; }\n'
    found, console = run("mine", files={"mine": built(tmp_path, text)})
    assert found == {"mine": (Ending.EXITED, 1)}
    assert re.search(r"panic: mine: free of 0x0804[0-9a-f]{4}, which malloc never gave", console)


HUGE = r"""
#include "keelback.h"

#define FROM ((void *)0x10000000000)
#define SIZE ((size_t)1 << 45)

static void expect(intptr_t result, intptr_t wanted, const char *what)
{
    if (result != wanted)
        sys_panic(what);
}

int main(void)
{
    struct frame_counts before, after;

    sys_frame_counts(&before);
    expect((intptr_t)sys_map(FROM, SIZE, CAN_WRITE), ERROR_OUT_OF_MEMORY, "more was promised than there is");
    expect((intptr_t)sys_map(FROM, SIZE, CAN_READ), ERROR_OUT_OF_MEMORY, "more tables were promised than there can be");
    expect((intptr_t)sys_map(FROM, SIZE, CAN_WRITE | SPARSE), (intptr_t)FROM, "no promise is needed");
    ((char *)FROM)[SIZE - 1] = 1;
    expect(sys_protect(FROM, SIZE, CAN_READ), 0, "sparse memory can be protected");
    expect(sys_protect(FROM, SIZE, NO_ACCESS), 0, "and closed");
    expect(sys_protect(FROM, SIZE, CAN_WRITE), 0, "and opened");
    expect(((char *)FROM)[SIZE - 1], 1, "what was there is there");
    if (sys_fork() == 0)
        return 0;
    expect(sys_unmap(FROM, SIZE), 0, "it can be unmapped");
    expect((intptr_t)sys_map(FROM, SIZE, NO_ACCESS), (intptr_t)FROM, "closed memory needs no promise");
    expect(sys_protect(FROM, SIZE, CAN_WRITE), ERROR_OUT_OF_MEMORY, "opening it needs one");
    expect(sys_protect(FROM, SIZE, CAN_READ), ERROR_OUT_OF_MEMORY, "and tables");
    expect(sys_unmap((char *)FROM + PAGESIZE, SIZE - 2 * PAGESIZE), 0, "a hole can be made");
    expect(sys_unmap(FROM, SIZE), 0, "and the rest goes");
    expect((intptr_t)sys_malloc_pages((size_t)1 << 25), ERROR_OUT_OF_MEMORY, "malloc pages are frames");
    sys_sleep(2);
    sys_frame_counts(&after);
    expect(after.user_free, before.user_free, "a frame was lost");
    expect(after.kernel_free, before.kernel_free, "a table was lost");
    return 0;
}
"""


@pytest.mark.parametrize("machine", ["interpreted", "qemu"])
def test_ranges_far_larger_than_memory_are_served_or_refused_at_once(tmp_path, machine):
    """Nothing goes through a range of 2^45 bytes table by table, which takes the interpreted kernel half an hour."""
    found, console = run("mine", files={"mine": built(tmp_path, HUGE)}, machine=machine)
    assert found == {"mine": (Ending.EXITED, 0)}, console
