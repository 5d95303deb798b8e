"""Threads in C: what the runtime promises, and the programs that show it, in both lives and with all page tables."""

import pytest

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.image.toolchain import TARGETS
from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.processes.processes import Ending, Reason
from keelback.machine.qemu.qemu import Qemu, Verdict
from kernel.driven import LIVES, make_machine
from support import MIB, c_program, console, programs_of, some_of
from variants import VARIANTS, name_of, variants

PROGRAMS = {
    "philosophers 5": "philosophers: 25 meals eaten by 5",
    "producers 9": "producers: 27 taken, sum 270",
    "joins 20": "joins: 121 threads, frames as before",
}


def name_in(line):
    return line.partition(" ")[0]


def run(source, life="interpreted", layout=MICROKERNEL):
    """Run a C program on a machine whose invariants hold in the end; return what it said, and its record."""
    program = c_program(source, layout.image_base, target=TARGETS[layout.paging.word_bits])
    machine = make_machine("it", life=life, layout=layout, memory=32 * MIB, programs={"it": program})
    machine.boot()
    machine.run()
    check(look(layout, machine.ram.contents))
    return console(machine), machine.kernel.processes.table[1]


@variants
def test_the_programs_that_show_threads_end_well_on_qemu(layout):
    lines = [line for line in PROGRAMS if not line.startswith("joins")]  # which counts frames, and must be alone
    members = {name: programs_of(layout)[name] for name in map(name_in, lines)}
    image = make_image(
        layout, make_payload({"etc/init": "".join(f"{line}\n" for line in lines).encode(), **members}),
        compiled(layout),
    )  # fmt: skip
    with Qemu(make_image_file(layout, image), memory=64 * MIB) as machine:
        assert machine.wait() is Verdict.DONE
        said = bytes(machine.console).decode()
    assert all(PROGRAMS[line] in said for line in lines), said


@pytest.mark.parametrize("line", PROGRAMS)
@pytest.mark.parametrize("life", LIVES)
def test_they_do_so_in_both_lives(life, line):
    name = name_in(line)
    machine = make_machine(line, life=life, layout=MICROKERNEL, memory=32 * MIB,
                           programs={name: programs_of(MICROKERNEL)[name]})  # fmt: skip
    machine.boot()
    machine.run()
    assert PROGRAMS[line] in "\n".join(console(machine))
    check(look(MICROKERNEL, machine.ram.contents))


OVERFLOW = """
#include "thread.h"
static char *volatile last;
static void *deeper(void *argument)
{
    char room[512];
    last = room;
    room[0] = (char)(uintptr_t)argument;
    deeper(room);
    return (void *)last;
}
int main(void)
{
    thread_join(thread_start(deeper, NULL), NULL);
    return 0;
}
"""


@variants
def test_a_stack_that_overflows_meets_its_guard_and_names_its_thread(layout):
    said, record = run(OVERFLOW, layout=layout)
    assert (record.ending, record.fault.reason, record.fault.thread) == (Ending.FAULTED, Reason.STACK_OVERFLOW, 2)
    assert "keelback: process 1 (it), thread 2, killed: page fault: write to 0x" in said[-1]
    assert ", the stack is at its limit, " in said[-1]


OWN = """
#include "thread.h"
static int32_t key, other;
static void *keep(void *argument)
{
    if (thread_get(key) != NULL)
        sys_panic("it is another's");
    thread_set(key, argument);
    thread_set(other, &key);
    sys_yield();
    return thread_get(key);
}
int main(void)
{
    int32_t ids[4];
    key = thread_key();
    other = thread_key();
    thread_set(key, &key);
    for (uintptr_t number = 0; number < 4; number++)
        ids[number] = thread_start(keep, (void *)(number + 10));
    for (uintptr_t number = 0; number < 4; number++) {
        void *value;
        if (thread_join(ids[number], &value) < 0 || value != (void *)(number + 10))
            sys_panic("it has changed");
    }
    if (thread_get(key) != &key || thread_self() != sys_thread_self())
        sys_panic("the first has lost it");
    print("own\\n");
    return 0;
}
"""


@variants
def test_each_thread_has_its_own_and_knows_its_id(layout):
    assert run(OWN, layout=layout)[0][-1] == "own"


FORK = """
#include "thread.h"
static int32_t key;
static struct mutex held;
static void *nothing(void *argument)
{
    return argument;
}
static void *hold(void *argument)
{
    mutex_lock(&held);
    sys_sleep(5);
    mutex_unlock(&held);
    return argument;
}
static void *parent(void *argument)
{
    struct ending ending;
    thread_set(key, argument);
    int32_t child = sys_fork_child();
    if (child == 0) {
        if (thread_get(key) != argument)
            sys_panic("the child has lost it");
        void *value = NULL;
        if (thread_join(thread_start(nothing, &key), &value) < 0 || value != &key)
            sys_panic("the child has no threads");
        sys_exit(7);
    }
    if (sys_wait(child, &ending) != child || ending.status != 7)
        sys_panic("the child ended in another way");
    return argument;
}
int main(void)
{
    void *value = NULL;
    key = thread_key();
    int32_t other = thread_start(hold, NULL);
    sys_yield();
    if (thread_join(thread_start(parent, &value), &value) < 0 || value != &value)
        sys_panic("the parent");
    thread_join(other, NULL);
    print("forked\\n");
    return 0;
}
"""


@pytest.mark.parametrize("life", LIVES)
def test_a_child_has_the_thread_that_forked_alone_with_what_it_had(life):
    assert run(FORK, life=life)[0][-1] == "forked"


DETACHED = """
#include "thread.h"
static struct semaphore done;
static struct once once;
static uint32_t times;
static void count(void)
{
    sys_yield();
    times++;
}
static void *end(void *argument)
{
    call_once(&once, count);
    if (argument != NULL)
        thread_detach(thread_self());
    semaphore_post(&done);
    return argument;
}
int main(void)
{
    struct condition never = {0};
    struct mutex mutex = {0};
    for (int number = 0; number < 40; number++) {
        int32_t id = thread_start(end, number % 2 ? &done : NULL);
        if (id < 0 || (number % 2 == 0 && thread_detach(id) != 0))
            sys_panic("no thread");
        semaphore_wait(&done);
        if (thread_join(id, NULL) != ERROR_NO_SUCH_THREAD)
            sys_panic("it can be joined");
    }
    thread_trim();
    if (times != 1 || semaphore_try(&done))
        sys_panic("once, and no more");
    mutex_lock(&mutex);
    if (condition_wait_until(&never, &mutex, 2) != ERROR_TIMED_OUT || mutex_try(&mutex))
        sys_panic("nobody said so");
    print("detached\\n");
    return 0;
}
"""


@pytest.mark.parametrize("life", LIVES)
def test_threads_that_are_detached_leave_their_stacks_to_others(life):
    assert run(DETACHED, life=life)[0][-1] == "detached"


LARGE = """
#include "thread.h"
static void *use(void *argument)
{
    volatile char room[200000];
    for (size_t place = 0; place < sizeof room; place += 4096)
        room[place] = 1;
    return argument;
}
int main(void)
{
    int32_t id = thread_start_on(256 << 10, use, NULL);
    if (failed(id) || thread_join(id, NULL) != id)
        sys_panic("no large stack");
    if (thread_start_on((size_t)-100, use, NULL) != ERROR_BAD_ARGUMENT || !failed(thread_start_on(3u << 30, use, NULL)))
        sys_panic("too large a stack");
    thread_exit(NULL);
}
"""


def test_a_stack_is_as_large_as_it_is_asked_for():
    _, record = run(LARGE)
    assert (record.ending, record.exit_status) == (Ending.EXITED, 0)


ENDED = """
#include <stdio.h>
#include <stdlib.h>
#include "thread.h"
static struct semaphore never, done;
static struct mutex held;
static volatile int detached_runs;
static void *wait_for_ever(void *argument)
{
    semaphore_wait(&never);
    return NULL;
}
/* Is always in the middle of what all threads share. */
static void *be_busy(void *argument)
{
    semaphore_post(&done);
    for (;;) {
        free(malloc(100 + (uintptr_t)argument));
        printf("%s", "");
    }
}
static void *hold(void *argument)
{
    mutex_lock(&held);
    detached_runs = 1;
    semaphore_wait(&never);
    return NULL;
}
static void need(int holds, const char *what)
{
    if (!holds)
        sys_panic(what);
}
int main(void)
{
    void *value = NULL;
    int32_t id = thread_start(wait_for_ever, NULL);
    sys_yield();
    need(thread_end(id, &never) == 0 && thread_end(id, NULL) < 0, "it ends once");
    need(thread_join(id, &value) == id && value == &never, "its value");
    need(thread_join(id, NULL) < 0 && thread_end(id, NULL) < 0, "it is gone");
    for (uintptr_t round = 0; round < 12; round++) {
        id = thread_start(be_busy, (void *)round);
        semaphore_wait(&done);
        sys_sleep(1);
        need(thread_end(id, (void *)round) == 0, "busy");
        need(thread_join(id, &value) == id && value == (void *)round, "the value of a busy one");
        free(malloc(1000));
    }
    for (int round = 0; round < 40; round++) {
        id = thread_start(hold, NULL);
        thread_detach(id);
        while (!detached_runs)
            sys_yield();
        detached_runs = 0;
        need(thread_end(id, NULL) == 0 && !mutex_try(&held), "what it had stays locked");
        mutex_unlock(&held);
    }
    struct frame_counts before, after;
    sys_frame_counts(&before);
    id = thread_start(hold, NULL);
    thread_detach(id);
    sys_yield();
    need(thread_end(id, NULL) == 0, "detached");
    sys_frame_counts(&after);
    need(before.user_free == after.user_free, "stacks are used again");
    print("ended\\n");
    thread_end(thread_self(), NULL);
    return 1;
}
"""


@pytest.mark.parametrize(
    ("life", "layout"),
    some_of([(life, layout) for life in LIVES for layout in VARIANTS], [(life, MICROKERNEL) for life in LIVES]),
    ids=lambda each: each if isinstance(each, str) else name_of(each),
)
def test_threads_that_others_end_leave_nothing_of_the_runtime_locked(life, layout):
    said, record = run(ENDED, life, layout)
    assert (said[-1], record.ending, record.exit_status) == ("ended", Ending.EXITED, 0)
