"""Programs that call the kernel by names of before still build, and are warned."""

import logging

from support import c_program, console, make_pc, run

TEXT = """
int main(const char *argument)
{
    struct ending ending;
    struct frame_counts counts;
    char *page = map_memory(NULL, 4096, CAN_WRITE), *pages = malloc_pages(2);

    if (fork() == 0)
        exec("it", "x");
    wait_for(ANY_CHILD, &ending);
    print_number(protect_memory(page, 4096, CAN_READ) + unmap_memory(page, 4096) + free_pages(pages, 2));
    print_number(allocate_page(page) + count_frames(&counts));
    print_number(failed((int32_t)load_library("none")) + failed(spawn("none", "")) + failed(unload_library(NULL)));
    print_number(failed(kill(77)));
    print("\\n");
    return 0;
}
"""


def test_old_names_call_what_they_called_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        program = c_program(
            TEXT.replace("int main", "int main_", 1) + "int main(const char *a) { return *a ? 0 : main_(a); }"
        )
    assert "'map_memory' is deprecated: it is called sys_map now" in caplog.text
    pc = run("it", programs={"it": program})
    assert console(pc) == ["0031"]


def test_courses_fork_is_nobodys_child_and_its_errors_are_minus_1():
    program = c_program("""
int main(void)
{
    int32_t child = sys_fork(), last = 0;

    if (child == 0)
        return 0;
    print_number(sys_wait(child, NULL) == ERROR_NO_CHILD);
    while ((last = sys_fork()) > 0)
        ;
    if (last == 0)
        for (;;)
            sys_sleep(1000);
    print_number(last);
    print_number(sys_page_alloc((void *)1));
    print_number(sys_new_page((void *)1) == ERROR_BAD_ARGUMENT);
    print("\\n");
    sys_panic("enough");
}
""")
    pc = make_pc("it", programs={"it": program})
    pc.boot()
    while b"enough" not in pc.console:
        pc.step()
    assert console(pc) == ["1-1-11", "panic: program: enough"]
