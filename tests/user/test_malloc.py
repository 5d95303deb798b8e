"""malloc and its relatives, in both runtimes: what they give is the caller's alone, and what they took comes back."""

import re
from random import Random

import pytest

from keelback.lang import freeze, view
from keelback.lang.strict import words_of
from keelback.user.in_cpython import Exited, PythonKernel, make_program
from keelback.user.malloc import GUARD, SMALL, Content, Heap
from keelback.user.system import PAGE_SIZE, Program
from support import c_program, console, run, sliced

HEAD = """
static struct malloc_counts now(void) { struct malloc_counts counts; malloc_count(&counts); return counts; }
static void expect(int so, const char *otherwise) { if (!so) sys_panic(otherwise); }
int main(const char *argument) {
"""


def said(body, **options):
    """Run a program whose main has a body; return its lines."""
    program = c_program(f"{HEAD}{body}\nreturn 0;\n}}")
    return console(run("it", programs={"it": program}, memory=4 << 20, **options))


def test_memory_is_aligned_apart_and_keeps_what_is_in_it():
    assert not said("""
        unsigned char *all[200];
        for (int i = 0; i < 200; i++) {
            all[i] = malloc((size_t)i);
            expect(all[i] != NULL && (uint32_t)all[i] % 16 == 0, "not aligned");
            memset(all[i], i, (size_t)i);
        }
        for (int i = 0; i < 200; i++)
            for (int j = 0; j < i; j++)
                expect(all[i][j] == i, "written by another");
        expect(all[0] != all[1] && now().used <= 16 * 200 + 200 * 199 / 2 + 8 * 200, "too much is in use");""")


def test_calloc_gives_zeros_where_something_was():
    assert not said("""
        char *memory = malloc(5000), *again;
        memset(memory, 7, 5000);
        free(memory);
        again = calloc(50, 100);
        expect(again == memory, "not the same place");
        for (int i = 0; i < 5000; i++)
            expect(again[i] == 0, "not zero");""")


def test_realloc_keeps_content_and_moves_only_if_it_must():
    assert not said("""
        char *memory = malloc(100), *other;
        memset(memory, 7, 100);
        expect(realloc(memory, 8 * 4096 - 24) == memory, "moved, and there is free room behind it");
        other = malloc(16);
        expect(other >= memory + 8 * 4096 - 16, "room given twice");
        free(other);
        expect(realloc(memory, 40) == memory, "moved to be smaller");
        expect(now().used == 48, "what was cut off is not free");
        malloc(16);
        other = realloc(memory, 200);
        expect(other != memory && now().used == 208 + 32, "not moved, or not freed");
        for (int i = 0; i < 32; i++)
            expect(other[i] == 7, "content lost");
        expect(realloc(other, 0x40000000) == NULL && other[31] == 7, "refused, and lost");
        expect(realloc(NULL, 5) != NULL, "realloc of nothing");""")


def test_free_neighbours_become_one():
    assert not said("""
        char *all[6], *rest;
        for (int i = 0; i < 6; i++)
            all[i] = malloc(56);
        rest = malloc(16);
        free(all[1]); free(all[3]);
        free(all[2]);
        expect(malloc(3 * 64 - 8) == all[1], "three in the middle are not one");
        free(all[5]); free(all[4]); free(all[0]); free(all[1]);
        expect(malloc(6 * 64 - 8) == all[0], "six are not one");
        free(rest);""")


def test_sizes_that_overflow_are_refused_and_nothing_is_taken():
    assert not said("""
        static const size_t sizes[] = {0x40000000, 0x7fffffff, 0x80000000, 0xfffff000, 0xfffffff0, 0xffffffff};
        for (int i = 0; i < 6; i++)
            expect(malloc(sizes[i]) == NULL && realloc(NULL, sizes[i]) == NULL, "too much was given");
        expect(calloc(0x10000, 0x10000) == NULL && calloc(0xffffffff, 2) == NULL, "an overflow was given");
        expect(calloc(3, 0x55555556) == NULL && calloc(0, 0xffffffff) != NULL, "an overflow was given");
        expect(malloc(0x3fff0000) == NULL, "more than the machine has");
        malloc_trim();
        expect(now().pages == 1, "pages were kept");""")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("char *a = malloc(9); free(a); free(a);", "free already"),
        ("char *a = malloc(9), *b = malloc(9); malloc(9); free(a); free(b); free(b);", "free already"),
        ("char *a = malloc(9), *b = malloc(9); malloc(9); free(b); free(a); free(b);", "free already"),
        ("char *a = malloc(9); malloc(9); free(a); realloc(a, 5);", "free already"),
        ("static char a[64]; malloc(9); free(a);", "malloc never gave"),
        ("char *a = malloc(9); free(a + 8);", "malloc never gave"),
        ("char *a = calloc(99, 1); free(a + 16);", "malloc never gave, or whose end was overwritten"),
        ("free((void *)0x10);", "malloc never gave"),
        ("malloc(9); free((void *)0xc0000010);", "malloc never gave"),
        ("char *a = malloc(99999); free(a); free(a);", "malloc never gave"),
        (
            "char *a = malloc(9); malloc(9); memset(a, 1, 40); free(a);",
            "malloc never gave, or whose end was overwritten",
        ),
    ],
)
def test_what_is_not_the_programs_to_free_ends_it_with_one_line(body, why):
    [line] = said(body)
    assert re.fullmatch(rf"panic: program: free of 0x[0-9a-f]{{8}}, which (is )?{why}", line)


@pytest.mark.parametrize(
    "body",
    sliced(
        [
            "int *p = malloc(100 * sizeof *p); p[100] = 1;",
            "int *p = malloc(102 * sizeof *p); p[102] = 1;",  # the block has no room behind it
            'char *p = malloc(3); strcpy(p, "abc");',
            "char *p = malloc(14); p[14] = 0;",
            "char *p = malloc(5000); p[5000] = 0;",
            "char *p = calloc(9, 1); p[9] = 0;",
            "char *p = realloc(malloc(5), 6); p[6] = 0;",
            "char *p = realloc(malloc(500), 17); p[17] = 0;",
            "char *p; free(malloc(20)); p = malloc(17); p[17] = 0;",
            "char *p = malloc(0); p[0] = 0;",
        ],
        2,
    ),
)
def test_free_and_realloc_notice_who_writes_behind_the_end(body):
    for use in ("free(p);", "realloc(p, 50);"):
        [line] = said(f"char *strcpy(char *, const char *);\n{body}\nmalloc(1); {use}")
        assert re.fullmatch(
            r"panic: program: free of 0x[0-9a-f]{8}, which "
            r"(was written to behind its end|malloc never gave, or whose end was overwritten)",
            line,
        )


def test_memory_is_the_programs_to_its_last_byte():
    assert not said("""
        for (size_t size = 0; size < 700; size++) {
            char *memory = malloc(size), *other;
            memset(memory, 0xff, size);
            other = realloc(memory, size + size / 2);
            memset(other, 0xff, size + size / 2);
            free(realloc(other, size / 3));
            malloc(5);
        }""")


def test_whole_pages_come_back_and_a_pair_at_the_edge_of_a_page_makes_no_calls():
    assert not said("""
        char *all[100], *first = malloc(16);
        struct malloc_counts empty = now(), full;
        expect(empty.pages == 8, "the first pages are a few");
        for (int i = 0; i < 100; i++)
            all[i] = malloc(4000);
        full = now();
        for (int i = 0; i < 100; i += 2)
            free(all[i]);
        expect(now().pages == full.pages, "no page is whole, and yet one went");
        for (int i = 1; i < 100; i += 2)
            free(all[i]);
        expect(now().pages <= 1 + 16, "pages were kept");
        malloc_trim();
        expect(now().pages == 1 && now().used == 32, "a page was kept");
        free(first);
        malloc_trim();
        expect(now().pages == 0 && now().used == 0, "not all came back");""")


def test_a_pair_makes_no_system_calls_but_for_the_first():
    pc = run("it", programs={"it": c_program("""
        int main(void) {
            for (int i = 0; i < 300; i++) {
                char *one = malloc(3000), *other = malloc(3000);
                free(one); free(other);
            }
            return 0;
        }""")}, memory=4 << 20)  # fmt: skip
    assert pc.traps < 30


def test_small_blocks_wait_for_the_next_request_of_their_size_last_in_first_out():
    assert not said("""
        char *one = malloc(100), *other = malloc(100), *small = malloc(8), *fence = malloc(8);
        free(one); free(small); free(other);
        expect(now().used == 16, "what waits is in use");
        expect(malloc(97) == other && malloc(8) == small && malloc(104) == one, "not the last one first");
        free(one); free(other);
        expect(malloc(2 * 112 - 8) == one, "they did not become free for another size");
        free(fence);""")


def test_what_waits_becomes_free_after_a_while_and_its_pages_go_back():
    assert not said("""
        static char *all[2048];
        for (int i = 0; i < 2048; i++)
            all[i] = malloc(200);
        uint32_t pages = now().pages;
        for (int i = 0; i < 2048; i++)
            free(all[i]);
        expect(pages > 100 && now().pages < 60 && now().used == 0, "pages were kept");
        malloc_trim();
        expect(now().pages == 0, "not all came back");""")


def test_a_block_across_the_edge_of_a_page_waits_too():
    pc = run("it", programs={"it": c_program("""
        int main(void) {
            char *all[100], *edge = NULL;
            for (int i = 0; i < 100; i++)
                if (((uint32_t)(all[i] = malloc(200)) ^ (uint32_t)(all[i] + 200)) >> 12)
                    edge = all[i];
            free(edge);
            return edge == NULL || malloc(200) != edge;
        }""")}, memory=4 << 20)  # fmt: skip
    assert pc.kernel.processes.table[1].exit_status == 0


@pytest.mark.parametrize("order", ["free(a); free(b);", "free(b); free(a);"])
def test_what_waited_and_was_merged_is_free_already(order):
    [line] = said(f"char *a = malloc(40), *b = malloc(40); malloc(9); {order} malloc(300); free(b);")
    assert line.endswith(", which is free already")


def test_pages_that_lie_side_by_side_are_one_span_whatever_call_they_came_from():
    assert not said("""
        char *one = malloc(40000), *two = malloc(40000), *three = malloc(40000);
        free(one); free(three); free(two);
        malloc_trim();
        expect(now().pages == 0, "not all came back");
        one = malloc(10 * 4096 - 16);
        two = malloc(10 * 4096 - 16);
        expect(two == one + 10 * 4096, "the end of the span before was not used");""")


def test_before_malloc_says_that_there_is_no_memory_it_gives_back_what_it_keeps():
    assert not said("""
        struct frame_counts frames;
        char *one = malloc(50000), *other = malloc(9);
        free(one);
        expect(now().pages > 12, "nothing is kept");
        sys_frame_counts(&frames);
        one = malloc((frames.user_free + 8) * 4096);
        expect(one != NULL, "what is kept is not used");
        free(one);
        free(other);""", check=False)  # fmt: skip


def test_without_memory_malloc_returns_nothing_and_goes_on_afterwards():
    assert said("""
        void **last = NULL, **next;
        uint32_t count = 0;
        while ((next = malloc(2000)) != NULL) {
            *next = last;
            last = next;
            count++;
        }
        expect(count > 300 && malloc(100000) == NULL && realloc(last, 100000) == NULL, "there is more");
        for (; last != NULL; last = next) {
            next = *last;
            free(last);
        }
        malloc_trim();
        expect(now().pages == 0 && malloc(100000) != NULL, "not all came back");
        print("went on\\n");""", check=False) == ["went on"]  # fmt: skip


# The heap of programs in Kernel Python, here in CPython.


class Holder(Program):
    """A program that has a heap."""

    def __init__(self, ram, records, kernel):
        super().__init__(ram, records, kernel)
        self.heap = Heap(records, self.system, self.output)


@pytest.fixture(params=[32, 64])
def heap(request):
    with words_of(request.param):
        program, _ = make_program(Holder, PythonKernel(), word_bits=request.param)
        freeze(program)
        yield program.heap


def content(heap, memory, count):
    return bytes(view(heap.ram, Content, memory).bytes)[:count]


def expect_run(heap):
    """Expect that all pages of the run are the heap's."""
    state = heap.state
    if state.run_reach:
        assert state.run % PAGE_SIZE == (state.run_reach + SMALL) % PAGE_SIZE == 0
        assert all(heap._owns(page) for page in range(state.run, state.run + state.run_reach + SMALL, PAGE_SIZE))


def test_the_heap_gives_memory_apart_and_takes_all_of_it_back(heap):
    random = Random(1)
    pieces = {}
    for _ in range(400):
        if pieces and random.random() < 0.45:
            memory, (size, mark) = pieces.popitem()
            assert content(heap, memory, size) == bytes([mark]) * size
            heap.free(memory)
        else:
            size, mark = random.choice([0, 1, 8, 9, 100, 2000, 4000]), random.randrange(256)
            memory = heap.malloc(size)
            assert memory % 16 == 0 and memory not in pieces
            heap.ram.bytes[memory : memory + size] = bytes([mark]) * size
            pieces[memory] = (size, mark)
        expect_run(heap)
    assert heap.state.used >= sum(size for size, _ in pieces.values())
    for memory in pieces:
        heap.free(memory)
    heap.trim()
    assert (heap.state.used, heap.state.pages, heap.state.spare_pages) == (0, 0, 0)
    assert not any(heap.state.waiting) and heap.bytes_used() == 0
    assert not any(heap.state.lists) and not any(heap.state.list_used) and not any(heap.owned.words)
    assert heap.system.kernel.taken == set() and heap.state.run_reach == 0


def refused(heap, memory):
    """Return whether the heap refuses to free memory."""
    try:
        heap.free(memory)
    except Exited:
        return True
    return False


@pytest.mark.parametrize("count", [*range(50), *range(480, 530), 4000, 5001])
def test_free_notices_who_writes_right_behind_the_end_or_at_the_end_of_the_block_or_behind_that(heap, count):
    memory, other = heap.malloc(count), heap.malloc(20)
    end = memory + count
    next_header = -(-(count + 8) // 16) * 16 + memory - 8
    right_behind = [(end, 1), (end, 2), (end, 4), (end + 1, 1), (end + 3, 1)]
    for value in (0, 7, 0xFF):
        for start, length in [*right_behind, (max(next_header - 1, end), 1), (next_header, 1), (next_header, 4)]:
            kept = bytes(heap.ram.bytes[start : start + length])
            heap.ram.bytes[start : start + length] = bytes([value]) * length
            assert refused(heap, memory)
            heap.ram.bytes[start : start + length] = kept
    heap.free(memory)
    heap.free(other)
    assert heap.bytes_used() == 0


def test_of_pages_in_the_middle_that_go_back_the_longer_side_is_the_run_and_what_is_on_the_other_is_freed_too(heap):
    long, middle, short = heap.malloc(60000), heap.malloc(90000), heap.malloc(30000)
    heap.free(middle)
    heap.trim()
    expect_run(heap)
    assert heap.state.run <= long < heap.state.run + heap.state.run_reach + SMALL < short
    assert heap.realloc(short, 100) == short
    heap.ram.bytes[short + 100] = 7
    assert refused(heap, short)
    heap.ram.bytes[short + 100] = GUARD & 0xFF
    heap.free(short)
    assert refused(heap, short) and heap.malloc(97) == short
    assert long < heap.malloc(80000) < short
    expect_run(heap)


def test_new_pages_right_before_the_run_are_a_part_of_it(heap):
    low, high = heap.malloc(60000), heap.malloc(90000)
    heap.free(low)
    heap.trim()
    assert low < heap.state.run < high
    low = heap.malloc(57000)
    expect_run(heap)
    assert heap.state.run < low < high < heap.state.run + heap.state.run_reach


def test_a_used_block_has_the_bytes_asked_for_and_at_most_a_header_and_fifteen_more(heap):
    for count in (0, 1, 8, 9, 24, 25, 400, 503, 504, 505, 5000):
        used = heap.bytes_used()
        heap.malloc(count)
        assert 8 <= heap.bytes_used() - used - count < 8 + 16


def test_the_heap_resizes_clears_and_refuses_what_overflows(heap):
    memory = heap.malloc(5000)
    heap.ram.bytes[memory : memory + 5000] = b"x" * 5000
    assert heap.realloc(memory, 9000) == memory and heap.realloc(memory, 4990) == memory
    heap.malloc(1)
    moved = heap.realloc(memory, 20000)
    assert moved not in (0, memory) and heap.ram.bytes[moved : moved + 4990] == b"x" * 4990
    assert heap.calloc(50, 100) == memory and not any(content(heap, memory, 4096))
    assert heap.malloc(0x4000_0000) == heap.calloc(0x10000, 0x10000) == heap.realloc(moved, 0xFFFF_FFFF) == 0
    assert heap.malloc(2 << 20) == 0 and heap.realloc(0, 3) != 0


@pytest.mark.parametrize(
    ("offset", "times", "why"),
    [
        (0, 2, "is free already"),
        (8, 1, "malloc never gave"),
        (-0x1_0000, 1, "malloc never gave"),
        (16, 1, "malloc never gave, or .*"),
    ],
)
def test_the_heap_refuses_what_is_not_to_be_freed_with_one_line(heap, offset, times, why):
    memory = heap.calloc(64, 1)
    with pytest.raises(Exited, match="status 1"):
        for _ in range(times):
            heap.free(memory + offset)
    line = bytes(heap.system.kernel.written).decode()
    assert re.fullmatch(rf"panic: free of {memory + offset:#010x}, which {why}\n", line)
