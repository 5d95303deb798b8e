"""What the shell makes of a line: its jobs, with the words that their programs get."""

import ctypes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keelback.user import RUNTIME
from on_host import library

MOST, NAME, ARGUMENT = 8, 31, 255
SPLITTER = f"""
#define main unused_main
#define exit unused_exit
#define _start __attribute__((unused)) unused_start
const char __name[32];
#include "{RUNTIME}/libc/start_words.c"
int unused_main(int count, char *words[], char *environment[]) {{ return count + !words + !environment; }}
void unused_exit(int status) {{ for (;;) (void)status; }}
int split_words(char *text, char *words[]) {{ return split(text, words); }}
"""


class Command(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * (NAME + 1)),
        ("argument", ctypes.c_char * (ARGUMENT + 1)),
        ("input", ctypes.c_char * (NAME + 1)),
        ("output", ctypes.c_char * (NAME + 1)),
        ("adds", ctypes.c_int),
    ]


class Job(ctypes.Structure):
    _fields_ = [("commands", Command * MOST), ("count", ctypes.c_size_t), ("in_background", ctypes.c_int)]


def jobs_of(line: str, status: int = 0) -> list[Job] | str:
    """Return the jobs of a line, or what is wrong with it."""
    read = library("sh/words.c").read_job
    read.restype = ctypes.c_char_p
    text = ctypes.create_string_buffer(line.encode())
    place, jobs = ctypes.c_char_p(ctypes.addressof(text)), []
    while place.value:
        before = len(place.value)
        if wrong := read(ctypes.byref(place), status, ctypes.byref(job := Job())):
            return wrong.decode()
        assert len(place.value) < before
        jobs.append(job)
    return jobs


def told(line: str, status: int = 0) -> list | str:
    """Return a line's jobs as texts: a list of `name argument <input >output` each, with `&` at its end."""
    jobs = jobs_of(line, status)
    if isinstance(jobs, str):
        return jobs
    return [[*map(_told, job.commands[: job.count]), *["&"] * job.in_background] for job in jobs]


def _told(command: Command) -> str:
    files = f" <{command.input.decode()}" * bool(command.input)
    files += f" >{'>' * command.adds}{command.output.decode()}" * bool(command.output)
    return f"{command.name.decode()} {command.argument.decode()}".strip() + files


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("  # nothing", [[]]),
        ("hello", [["hello"]]),
        ("  primes   1000  ", [["primes 1000"]]),
        ("ls|cat", [["ls", "cat"]]),
        ("ls | cat | cat > out", [["ls", "cat", "cat >out"]]),
        ("cat < in >> out a", [["cat a <in >>out"]]),
        ("echo a >> out < in", [["echo a <in >>out"]]),
        (">out echo a", [["echo a >out"]]),
        ("sleeper 100 & ps", [["sleeper 100", "&"], ["ps"]]),
        ("a; b;", [["a"], ["b"]]),
        ("a&", [["a", "&"]]),
        ("echo 'a  b' \"c\" d", [["echo 'a  b' c d"]]),
        ("echo ''", [["echo ''"]]),
        ("echo it\\'s", [['echo "it\'s"']]),
        ("echo \\| a\\ b c\\", [["echo | 'a b' c\\"]]),
        ("'my program' a", [["my program a"]]),
        ("echo a#b #c", [["echo a#b"]]),
        ("echo '|' \";\"", [["echo | ;"]]),
    ],
)
def test_a_line_is_read_as_jobs(line, expected):
    assert told(line) == expected


@pytest.mark.parametrize(
    ("line", "status", "expected"),
    [("echo $?", 7, "7"), ('echo "<$?>"', 142, "<142>"), ("echo '$?'", 7, "$?"), ("echo $?$?", 0, "00"),
     ("echo $?", -1, "-1"), ("echo $?", -(2**31), str(-(2**31))), ("echo $", 3, "$"), ("echo a$b", 3, "a$b")],
)  # fmt: skip
def test_the_status_stands_where_it_is_asked_for(line, status, expected):
    assert told(line, status) == [[f"echo {expected}"]]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("echo 'a", "a quote is not closed"),
        ('echo "a', "a quote is not closed"),
        ("|", "a program is missing"),
        ("a | | b", "a program is missing"),
        ("a |", "a program is missing"),
        ("a | ;", "a program is missing"),
        ("&", "a program is missing"),
        ("> out", "a program is missing"),
        ("a >", "a file has no name"),
        ("a > ;", "a file has no name"),
        ("a > > b", "a file has no name"),
        ("'' a", "a program has no name"),
        (f"{'x' * 32} a", "a name has more than 31 characters"),
        (f"a < {'x' * 32}", "a name has more than 31 characters"),
        (f"a {'x' * 256}", "a word is too long"),
        (f"a {'x' * 200} {'y' * 60}", "the words are too many"),
        ("|".join("a" * 9), "more than 8 programs in a row"),
        ("echo \"'\"'\"'", "a word has both quotes in it"),
    ],
)
def test_a_line_that_is_wrong_is_refused(line, wrong):
    assert told(line) == wrong


WORDS = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126) | st.just(" "), max_size=12), max_size=9)


def quoted(word: str) -> str:
    """Return a word as it is typed to stand for itself."""
    return "".join(f"\\{each}" for each in word) or "''"


def split(argument: bytes) -> list[str]:
    """Return the words that a program gets of its argument."""
    text = ctypes.create_string_buffer(argument, ARGUMENT + 1)
    words = (ctypes.c_char_p * 130)()
    count = library("sh/words.c", extra=SPLITTER).split_words(text, words)
    return [word.decode() for word in words[1:count]]


@example(["", " ", "a b"])
@given(WORDS)
def test_a_program_gets_the_words_that_were_typed(words):
    jobs = jobs_of(" ".join(["echo", *map(quoted, words)]))
    if any("'" in word and '"' in word for word in words):
        assert jobs == "a word has both quotes in it"
    else:
        assert split(jobs[0].commands[0].argument) == words


@given(st.text(st.sampled_from("ab \t'\"\\|&;<>$?#"), max_size=255))
def test_whatever_is_typed_the_line_is_read_to_its_end_or_refused(line):
    jobs_of(line)
