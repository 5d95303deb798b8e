"""What threads share in the runtime: malloc, the line that they print, stdio, errno; and what a child has of it."""

import re

import pytest

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.image.toolchain import TARGETS
from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL, with_paging
from keelback.machine.qemu.qemu import Qemu, Verdict
from kernel.driven import LIVES, make_machine
from support import MIB, c_program, console, some_of
from variants import VARIANTS, name_of, variants

WIDE = with_paging(MICROKERNEL, "x86-64")
HEAD = """
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thread.h"

static void need(int holds, const char *what)
{
    if (!holds)
        sys_panic(what);
}
"""
EIGHT = (
    HEAD
    + """
extern uint16_t __quick_bytes;
enum { THREADS = 8, BLOCKS = 24, ROUNDS = 40 };

struct block {
    unsigned char *bytes;
    size_t length;
    unsigned char value;
};

static void check(const struct block *block)
{
    for (size_t at = 0; at < block->length; at++)
        need(block->bytes[at] == block->value, "a byte is another's");
}

static void say(int number, int round)
{
    flockfile(stdout);
    printf("thread %d of %d ", number, THREADS);
    fprintf(stderr, "in round %d", round);
    fputs(" is ", stdout);
    putchar('w');
    print("hole\\n");
    funlockfile(stdout);
    printf("%d: %s", number, "one call\\n");
}

static void change(struct block *block, unsigned *seed)
{
    size_t length = rand_r(seed) % 8 == 0 ? 500 + rand_r(seed) % 2000 : 1 + rand_r(seed) % 200;

    if (block->bytes != NULL && rand_r(seed) % 2) {
        block->length = block->length < length ? block->length : length;
        block->bytes = realloc(block->bytes, length);
        need(block->bytes != NULL, "there is no memory");
        check(block);
    } else {
        free(block->bytes);
        block->bytes = malloc(length);
        need(block->bytes != NULL, "there is no memory");
    }
    block->length = length;
    block->value = (unsigned char)rand_r(seed);
    memset(block->bytes, block->value, length);
}

static void *work(void *argument)
{
    struct block blocks[BLOCKS] = {0};
    int number = (int)(uintptr_t)argument;
    unsigned seed = (unsigned)number;

    need(__quick_bytes == 0, "what is quick locks nothing");
    errno = number;
    for (int round = 0; round < ROUNDS; round++) {
        struct block *block = &blocks[rand_r(&seed) % BLOCKS];
        check(block);
        change(block, &seed);
        if (round % 8 == 0)
            say(number, round);
    }
    need(errno == number, "errno is another's");
    for (int each = 0; each < BLOCKS; each++) {
        check(&blocks[each]);
        free(blocks[each].bytes);
    }
    return argument;
}

int main(void)
{
    int32_t ids[THREADS];
    struct malloc_counts counts;

    free(malloc(10));
    need(__quick_bytes != 0, "nothing is quick");
    errno = ENOENT;
    for (uintptr_t number = 0; number < THREADS; number++)
        ids[number] = thread_start_on(4096, work, (void *)(number + 1));
    for (uintptr_t number = 0; number < THREADS; number++) {
        void *value;
        need(thread_join(ids[number], &value) == ids[number] && value == (void *)(number + 1), "it was another");
    }
    malloc_count(&counts);
    need(counts.used == 0 && errno == ENOENT, "something is left");
    printf("eight\\n");
    return 0;
}
"""
)
LINE = re.compile(r"thread [1-8] of 8 in round \d+ is whole|[1-8]: one call")


def build(source, layout):
    return c_program(source, layout.image_base, target=TARGETS[layout.paging.word_bits])


def run(source, life="interpreted", layout=MICROKERNEL):
    """Run a C program on a machine whose invariants hold in the end; return what it said."""
    machine = make_machine("it", life=life, layout=layout, memory=16 * MIB, programs={"it": build(source, layout)})
    machine.boot()
    machine.run()
    check(look(layout, machine.ram.contents))
    return console(machine)


def is_eight(said):
    """Say whether all that eight threads said came, each line in one piece, and they ended well."""
    *lines, last = said
    return last == "eight" and len(lines) == 8 * 5 * 2 and all(map(LINE.fullmatch, lines))


@pytest.mark.parametrize(
    ("life", "layout"),
    some_of(
        [(life, layout) for life in LIVES for layout in VARIANTS],
        [("interpreted", MICROKERNEL), ("compiled", MICROKERNEL)],
    ),
    ids=lambda each: each if isinstance(each, str) else name_of(each),
)
def test_eight_threads_share_malloc_and_stdio_and_no_byte_is_lost(life, layout):
    said = run(EIGHT, life, layout)
    assert is_eight(said), said


@pytest.mark.campaign
@variants
def test_they_do_so_on_qemu(layout):
    payload = make_payload({"etc/init": b"it\n", "it": build(EIGHT, layout)})
    with Qemu(make_image_file(layout, make_image(layout, payload, compiled(layout))), memory=64 * MIB) as machine:
        assert machine.wait() is Verdict.DONE
        said = bytes(machine.console).decode().replace("\r", "").splitlines()
    start = next(place for place, line in enumerate(said) if LINE.fullmatch(line))
    assert is_eight(said[start : said.index("eight") + 1]), said


FORKS = (
    HEAD
    + """
static volatile int done;
static FILE *shared;

/* Is always about to allocate, to print, or to write to a file in memory. */
static void *work(void *argument)
{
    while (!done) {
        char *bytes = malloc(1 + (uintptr_t)&bytes % 3000);
        need(bytes != NULL, "there is no memory");
        fputs("text", shared);
        rewind(shared);
        random();
        printf("%s", "");
        free(bytes);
    }
    return argument;
}

/* Uses all that is shared, in a process of its own. */
static void be_a_child(void)
{
    char *bytes = malloc(2000), *line = malloc(20);

    need(bytes != NULL && line != NULL, "the child has no memory");
    free(bytes);
    random();
    errno = 0;
    int32_t id = thread_start(work, NULL);
    need(id > 0, "the child has no threads");
    done = 1;
    need(thread_join(id, NULL) == id && errno == 0, "the child's thread");
    fputs("text", shared);
    snprintf(line, 20, "%s\\n", "child");
    printf("%s", line);
    exit(3);
}

int main(void)
{
    struct ending ending;
    int32_t ids[3];

    shared = fmemopen(NULL, 100, "w+");
    setvbuf(stdout, malloc(64), _IOFBF, 64);
    for (int number = 0; number < 3; number++)
        ids[number] = thread_start_on(3000 + 4096 * (size_t)number, work, NULL);
    for (int number = 0; number < 12; number++) {
        sys_sleep(1);
        int32_t child = sys_fork_child();
        if (child == 0)
            be_a_child();
        need(sys_wait(child, &ending) == child && ending.how == EXITED && ending.status == 3, "a child");
    }
    done = 1;
    for (int number = 0; number < 3; number++)
        need(thread_join(ids[number], NULL) == ids[number], "a thread");
    print("forks\\n");
    return 0;
}
"""
)


@pytest.mark.parametrize(
    ("life", "layout"),
    some_of([(life, layout) for life in LIVES for layout in (MICROKERNEL, WIDE)], [("interpreted", MICROKERNEL)]),
    ids=lambda each: each if isinstance(each, str) else name_of(each),
)
def test_a_child_that_was_forked_between_the_steps_of_others_has_a_whole_runtime(life, layout):
    assert run(FORKS, life, layout) == ["child"] * 12 + ["forks"]


HELD = (
    HEAD
    + """
/* Holds the line and a file in memory while the first thread forks, and prints what no child has. */
static FILE *shared;
static int32_t told;
static void *hold(void *argument)
{
    print_lock();
    flockfile(shared);
    print("held, ");
    told = 1;
    sys_sleep(3);
    print("whole\\n");
    funlockfile(shared);
    print_unlock();
    return argument;
}

int main(void)
{
    struct ending ending;
    shared = fmemopen(NULL, 100, "w+");
    int32_t id = thread_start(hold, NULL);
    while (!told)
        sys_yield();
    int32_t child = fork();
    if (child == 0) {
        fputs("text", shared);
        print("child\\n");
        exit(4);
    }
    need(sys_wait(child, &ending) == child && ending.status == 4, "the child");
    flockfile(shared);
    child = fork();
    if (child == 0) {
        fputs("text", shared);
        funlockfile(shared);
        exit(thread_join(thread_start(hold, NULL), NULL) > 0 ? 5 : 6);
    }
    need(sys_wait(child, &ending) == child && ending.status == 5, "the second child");
    thread_join(id, NULL);
    return 0;
}
"""
)


@pytest.mark.parametrize("life", LIVES)
def test_a_fork_waits_for_the_line_and_gives_the_child_the_files_of_others(life):
    assert run(HELD, life) == ["held, whole", "child", "held, whole"]
