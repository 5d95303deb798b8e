"""A program to which malloc has answered NULL goes on: all that it was given before is there, and its child's too."""

import pytest

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL, USERMODE
from keelback.machine.compare import compare
from keelback.machine.qemu.qemu import Qemu
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from support import MIB, c_program, console, sliced

GOES_ON = """
enum { PAGE = 4096, PIECE = 1000, DATA_PAGES = 24 };

static struct piece { struct piece *before; uint32_t number; char rest[PIECE - 8]; } *newest;
static volatile char zeros[DATA_PAGES * PAGE], data[DATA_PAGES * PAGE] = {1};
static volatile uint32_t number;

static void expect(int so, const char *otherwise)
{
    if (!so)
        sys_panic(otherwise);
}

/* Write every page of what the program was loaded with. */
static void write_all(void)
{
    for (uint32_t page = 0; page < DATA_PAGES; page++)
        expect(zeros[page * PAGE]++ == 0 && data[page * PAGE]++ == (page == 0), "a page had another's content");
}

/* Use so much of the stack. */
__attribute__((noinline)) static char go_deep(void)
{
    volatile char deep[DEEP];

    for (uint32_t at = 0; at < DEEP; at += PAGE / 2)
        deep[at] = (char)at;
    return deep[0];
}

static uint32_t frames_left(void)
{
    struct frame_counts counts;

    sys_frame_counts(&counts);
    return counts.user_free;
}

/* Make a child that uses all that a child has, as soon as nothing is left; not 0: an error. */
static int32_t make_child(void)
{
    int32_t child = sys_fork_child();

    if (child != 0)
        return child;
    while (number == 0 && frames_left() > 0)
        sys_yield();
    sys_sleep(5); /* until the parent has seen that nothing is left */
    write_all();
    go_deep();
    sys_exit(42);
}

static void expect_end_of(int32_t child)
{
    struct ending ending;

    expect(child > 0 && sys_wait(child, &ending) == child, "no child");
    expect(ending.how == EXITED && ending.status == 42, "the child died");
}

int main(void)
{
    int32_t early = make_child();
    struct piece *piece;

    expect(early > 0, "no child at the start");
    while ((piece = malloc(PIECE)) != NULL) {
        *piece = (struct piece){.before = newest, .number = ++number};
        newest = piece;
    }
    while (!failed((int32_t)sys_malloc_pages(1)))
        ;
    expect(number > 1000 && frames_left() == 0 && malloc(PAGE) == NULL, "there is still memory");
    expect(sys_fork_child() == ERROR_OUT_OF_MEMORY, "a child without memory");
    expect(sys_spawn("it", "") == ERROR_OUT_OF_MEMORY, "a program without memory");
    expect_end_of(early);
    write_all();
    go_deep();
    for (uint32_t left = number; left > 0; left--) {
        piece = newest;
        expect(piece->number == left, "a piece had another's content");
        newest = piece->before;
        free(piece);
    }
    malloc_trim();
    expect(frames_left() > 100, "no memory came back");
    for (uint32_t page = 0; page < DATA_PAGES; page++)
        zeros[page * PAGE]--, data[page * PAGE]--;
    expect_end_of(make_child());
    print("went on without memory\\n");
    return 0;
}
"""
LAYOUTS = {"microkernel": (MICROKERNEL, 8 * MIB, 3 * 4096), "usermode": (USERMODE, 12 * MIB, 2048)}
"""layout: it, memory of which not much is left, and how many bytes of the stack are promised and not in use."""
SAID = ["went on without memory"]


def image_of(layout, deep, kernel):
    program = c_program(f"#define DEEP {deep}\n{GOES_ON}", layout.image_base)
    return make_image(layout, make_payload({"etc/init": b"it\n", "it": program}), kernel)


@pytest.mark.parametrize("name", sliced(LAYOUTS, 2))
def test_a_program_without_memory_goes_on_in_both_lives(name):
    layout, memory, deep = LAYOUTS[name]
    first = InterpretedPc(layout, image_of(layout, deep, None), memory=memory)
    second = CompiledPc(layout, image_of(layout, deep, compiled(layout)), memory=memory)
    assert compare(first, second).difference is None
    assert console(first) == SAID
    check(look(layout, first.ram.contents))


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_program_without_memory_goes_on_on_qemu(name):
    layout, memory, deep = LAYOUTS[name]
    image = image_of(layout, deep, compiled(layout))
    with Qemu(make_image_file(layout, image), memory=memory) as machine:
        machine.wait()
        assert bytes(machine.console).decode().splitlines()[1:] == SAID
