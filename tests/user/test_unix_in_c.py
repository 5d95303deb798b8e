"""What the library makes of the kernel's calls, where no other system is there to compare with."""

import pytest

from keelback.image.programs import build_program
from keelback.kernel.layout import MICROKERNEL
from keelback.user import RUNTIME
from support import console, make_pc


def said(tmp_path, *init, memory=8 << 20, **texts):
    """Run programs, each given as the text of its file; return the lines of the console."""
    programs = {}
    for name, text in texts.items():
        (tmp_path / f"{name}.c").write_text(text)
        programs[name] = build_program(tmp_path / f"{name}.c", runtime=RUNTIME, image_base=MICROKERNEL.image_base)
    pc = make_pc(*init, programs=programs, memory=memory)
    pc.boot()
    pc.run()
    return console(pc)


WORDS = """
#include <stdio.h>
int main(int argc, char **argv)
{
    printf("%d:", argc);
    for (int i = 0; i < argc; i++)
        printf(" [%s]", argv[i]);
    puts("");
    return argc;
}
"""


def test_exec_hands_on_its_words(tmp_path):
    text = """
#include <stdio.h>
#include <errno.h>
#include <unistd.h>
#include <sys/wait.h>
int main(void)
{
    char long_word[300] = {0}, *words[] = {"ignored", "a", "two words", "", "it's", "say \\"x\\"", NULL};
    int status;

    if (fork() == 0)
        execv("words", words);
    wait(&status);
    printf("%d\\n", WEXITSTATUS(status));
    if (fork() == 0)
        execlp("words", "words", (char *)NULL);
    wait(&status);
    for (int i = 0; i < 299; i++)
        long_word[i] = 'x';
    printf("%d ", execl("words", "words", long_word, (char *)NULL));
    printf("%d\\n", errno == E2BIG);
}
"""
    assert said(tmp_path, "it", it=text, words=WORDS) == [
        """6: [words] [a] [two words] [] [it's] [say "x"]""",
        "6",
        "1: [words]",
        "-1 1",
    ]


def test_a_line_is_said_once_and_in_its_order(tmp_path):
    text = """
#include <stdio.h>
#include <unistd.h>
#include <sys/wait.h>
#include "keelback.h"
int main(void)
{
    printf("one ");
    print("two ");
    fprintf(stderr, "three ");
    putchar('4');
    fputs(" five ", stdout);
    if (fork() == 0)
        return puts("six in the child") < 0;
    wait(NULL);
    printf("seven");
    fflush(stdout);
    write(1, " eight\\n", 7);
    setvbuf(stdout, NULL, _IOFBF, 100);
    printf("kept until");
    write(2, "nine\\n", 5);
    printf(" the end");
}
"""
    assert said(tmp_path, "it", it=text) == [
        "one two three 4 five six in the child",
        "seven eight",
        "nine",
        "kept until the end",
    ]


def test_a_child_can_be_killed_and_is_told_from_one_that_aborts(tmp_path):
    text = """
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
    int status, child = fork();

    if (child == 0)
        for (;;)
            sleep(1);
    printf("%d ", kill(child, SIGTERM));
    printf("%d %d ", errno == EINVAL, kill(child, SIGKILL));
    waitpid(child, &status, 0);
    printf("%d %d\\n", WIFSIGNALED(status), WTERMSIG(status) == SIGKILL);
    if (fork() == 0)
        abort();
    wait(&status);
    printf("%d\\n", WTERMSIG(status) == SIGABRT);
    printf("%d ", kill(child, SIGKILL));
    printf("%d ", errno == ESRCH);
    printf("%d ", waitpid(-1, &status, WNOHANG));
    printf("%d\\n", errno == EINVAL);
    abort();
}
"""
    assert said(tmp_path, "it", it=text) == ["-1 1 0 1 1", "1", "-1 1 -1 1"]


def test_break_and_malloc_do_not_meet(tmp_path):
    text = """
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void)
{
    char *first = sbrk(4096), *memory, *more;

    memory = malloc(100);
    more = sbrk(4096);
    printf("%d %d ", more == (void *)-1, errno == ENOMEM);
    printf("%d ", sbrk(0) == first + 4096);
    free(memory);
    printf("%d\\n", sbrk(-4096) == first + 4096);
}
"""
    assert said(tmp_path, "it", it=text) == ["1 1 1 1"]


def test_memory_that_is_gone_is_told_as_unix_does(tmp_path):
    text = """
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void)
{
    printf("%d ", malloc(1 << 29) == NULL && errno == ENOMEM);
    errno = 0;
    printf("%d ", calloc(1 << 20, 1 << 20) == NULL && errno == ENOMEM);
    errno = 0;
    printf("%d ", realloc(malloc(5), 1 << 29) == NULL && errno == ENOMEM);
    errno = 0;
    printf("%d ", sbrk(1 << 29) == (void *)-1);
    printf("%s; ", strerror(errno));
    enum { OWN = MAP_PRIVATE | MAP_ANONYMOUS };

    printf("%d ", mmap(NULL, 1 << 29, PROT_READ | PROT_WRITE, OWN, -1, 0) == MAP_FAILED);
    printf("%s; ", strerror(errno));
    printf("%d ", mmap(NULL, 1 << 29, PROT_READ | PROT_WRITE, OWN | MAP_NORESERVE, -1, 0) != MAP_FAILED);
    printf("%d ", mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    printf("%s; ", strerror(errno));
    printf("%d ", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) == MAP_FAILED);
    printf("%s\\n", strerror(errno));
}
"""
    assert said(tmp_path, "it", it=text) == [
        "1 1 1 1 Out of memory; 1 Out of memory; 1 1 Invalid argument; 1 No such device"
    ]


@pytest.mark.parametrize("name", ["my own program", "-odd", "@list", "a'b", "x.y", "very_long_name_of_thirty_one_cha"])
def test_odd_names_of_files_are_names(tmp_path, name):
    (tmp_path / f"{name}.c").write_text(WORDS)
    elf = build_program(tmp_path / f"{name}.c", runtime=RUNTIME, image_base=MICROKERNEL.image_base)
    pc = make_pc("it 1", programs={"it": elf})
    pc.boot()
    pc.run()
    assert console(pc) == [f"2: [{name[:31]}] [1]"]


def test_time_passes_and_nobody_knows_the_hour(tmp_path):
    text = """
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "keelback.h"
int main(void)
{
    uint64_t before = uptime_ticks();
    struct timespec now;
    clock_t start = clock();

    sleep(2);
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%d %d ", (int)(uptime_ticks() - before), (clock() - start) / (CLOCKS_PER_SEC / 100) >= 200);
    printf("%d %d ", now.tv_sec >= 2, time(NULL) == (time_t)-1);
    printf("%d\\n", clock_gettime(CLOCK_REALTIME, &now));
}
"""
    [line] = said(tmp_path, "it", it=text)
    assert line in ("200 1 1 1 -1", "201 1 1 1 -1")
