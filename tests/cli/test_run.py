"""`keelback run` as a person runs it: in its own process, output and exit status looked at."""

import json
import re
import signal
import subprocess
import sys

import pytest

from command_client import COMMAND, ENVIRONMENT, keelback_command
from keelback.cli.app import COMMANDS
from support import code_program, elf


def command(*words, cwd=None):
    done = keelback_command(*words, cwd=cwd)
    assert "Traceback" not in done.stderr + done.stdout
    return done


@pytest.mark.parametrize("level", ["1", "2"])
def test_a_python_without_asserts_is_refused(level):
    environment = ENVIRONMENT | {"PYTHONOPTIMIZE": level}
    done = subprocess.run([*COMMAND, "run", "hello"], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("keelback: can't start: Python would leave out the kernel's asserts; unset PYTHONOPTIMIZE")


def test_a_program_that_ends_well_is_status_0():
    done = command("run", "hello you")
    assert done.returncode == 0 and done.stderr == ""
    assert "hello: I am process 1, and I was told: you" in done.stdout
    assert "1  hello    exited with status 0" in done.stdout
    assert ", of which 0 used and" in done.stdout


def test_a_program_that_dies_is_status_1_and_is_told_with_its_place():
    done = command("run", "null", "hello")
    assert done.returncode == 1
    assert "killed: page fault, read of 0x00000000, not mapped" in done.stdout
    assert "at null.c:12 in main, 0x" in done.stdout and ": mov " in done.stdout
    assert "hello: I am process 2" in done.stdout


def test_all_programs_together_under_check_end_as_they_should():
    names = (
        "hello",
        "primes",
        "ping",
        "pong",
        "null",
        "wild",
        "smash",
        "privileged",
        "ports",
        "undefined",
        "divide",
        "sleeper",
    )
    done = command("run", "--check", *names)
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout.count("exited with status 0") == 5
    assert done.stdout.count("  killed: ") == 7
    assert "survived" not in done.stdout
    assert "user frames" in done.stdout and ", of which 0 used and" in done.stdout


FAR_WORDS = """
#include "keelback.h"

/* A child waits on a word of its stack, and exits with what a call returns that there is not. */
int main(void)
{
    uint32_t word = 0;

    if (sys_fork_child() == 0) {
        sys_wait_on(&word, 0, 1);
        sys_exit((int32_t)sys_call((uintptr_t)-1, (uintptr_t)-1, 0, 0, 0));
    }
    return sys_wait(ANY_CHILD, NULL) != 2;
}
"""


def test_check_and_trace_count_in_the_words_of_the_machine(tmp_path):
    (tmp_path / "far.c").write_text(FAR_WORDS)
    done = command("run", "--check", "--trace", "--paging", "x86-64", "far.c", cwd=tmp_path)
    assert done.returncode == 0 and "exited with status -1" in done.stdout
    assert "exit(-1)" in done.stderr and "panic" not in done.stderr


def test_a_command_line_that_starts_others_is_no_tour():
    done = command("run", "--append", "init=hello")
    assert done.returncode == 0 and "four programs" not in done.stdout and "Next:" not in done.stdout


def test_the_tour_ends_well_and_fits_a_small_screen():
    done = command("run")
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("A kernel written in Python boots")
    assert max(map(len, lines)) <= 80 and len(lines) <= 23  # and the next prompt


@pytest.mark.parametrize(("on_path", "shown"), [(True, "keelback"), (False, "bin/keelback")])
def test_what_comes_next_works_as_it_is_shown(tmp_path, on_path, shown):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "keelback").write_text(f"#!{sys.executable}\nfrom keelback.cli import main\nmain()\n")
    (tmp_path / "bin" / "keelback").chmod(0o755)
    path = f"{tmp_path / 'bin'}:/usr/bin:/bin" if on_path else "/usr/bin:/bin"
    options = {"capture_output": True, "text": True, "cwd": tmp_path, "env": ENVIRONMENT | {"PATH": path}}
    done = subprocess.run(["bin/keelback", "run"], **options)
    line = re.search(r"^Next:  (.*?)   ", done.stdout, re.MULTILINE)[1]
    assert line == f"{shown} run hello null"
    assert subprocess.run(line, shell=True, **options).returncode == 1  # null has died


def test_files_are_built_or_read(tmp_path):
    (tmp_path / "mine.c").write_text(
        '#include "keelback.h"\nint main(const char *a) { print(a); print("!\\n"); return 5; }'
    )
    done = command("run", "mine.c of you", cwd=tmp_path)
    assert done.returncode == 1 and "of you!" in done.stdout and "exited with status 5" in done.stdout
    (tmp_path / "raw").write_bytes(code_program("b80300000031dbcd80"))
    assert command("run", "raw", "./raw x", "raw", cwd=tmp_path).stdout.count("exited with status 0") == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nope"], "no program 'nope'; `keelback programs` lists them, and a file of yours is named by its path"),
        (["prmies 9"], "no program 'prmies'; did you mean primes"),
        (["'hello you"], "'hello you: a quotation mark has no other"),
        ([""], "an empty program name"),
        (["hello \x07"], "hello: the argument '\\x07' is not printable ASCII"),
        (["hello " + "x" * 256], "hello: the argument has 256 characters; 255 are the most"),
        (["missing.c"], "missing.c: No such file or directory"),
        (["missing.elf"], "missing.elf: No such file or directory"),
        (["notes.txt"], "notes.txt: not an ELF file, and its name ends neither in .c nor in .py"),
        (["./folder"], "folder: Is a directory"),
        (["other"], "other: an ELF file for x86-64, 64-bit, little-endian; this machine is i386, 32-bit"),
        (["powerpc"], "powerpc: an ELF file for PowerPC, 32-bit, big-endian; this machine is i386, 32-bit"),
        (["object"], "object: the file is not a static executable"),
        (["short.elf"], "short.elf: the file is not a whole ELF file"),
        (["hello", "hello.c"], "hello.c: hello is called 'hello' already; rename the file"),
        (["a b.c"], "no program 'a'; "),
        (["x" * 32 + ".c"], f"{'x' * 32}.c: '{'x' * 32}' is no program name: at most 31 ASCII characters"),
        (["--memory", "64Q", "hello"], "--memory 64Q: not a size such as 512K, 64M or 1G"),
        (["--memory", "9" * 5000, "hello"], "--memory 9999"),
        (["y" * 5000], "no program 'yyyy"),
        (["--memory", "0", "hello"], "--memory 0: a machine has some; 4K is the least"),
        (["primes", "1000"], "no program '1000'; an argument is quoted with its program: \"primes 1000\""),
        (["--memory", "4G", "hello"], "--memory 4G: not a multiple of 4K below 4G"),
        (["--memory", "64", "hello"], "--memory 64: not a multiple of 4K below 4G; a number alone counts bytes"),
        (["--memory", "-1M", "hello"], "--memory -1M: not a size such as 512K, 64M or 1G"),
        (["--memory", "1M", "hello"], "too little memory: the kernel image and its maps need "),
        (["--layout", "teaching", "--memory", "640K", "hello"], "too little memory: the screen needs 740 KiB, "),
        (["--format", "jos"], "No such option '--format'; `keelback mem` has it"),
        (["--since", "3"], "No such option '--since'; `keelback mem` has it"),
        (["--on", "file:x"], "No such option '--on'; `keelback maps`, "),
        (["--frobnicate"], "No such option '--frobnicate'."),
        (["--memroy", "8M"], "No such option '--memroy'. Did you mean '--memory'?"),
        (["--kernel", "compield"], "Invalid value for '--kernel': 'compield' is not one of 'interpreted', 'compiled'."),
    ],
)  # fmt: skip
def test_a_mistake_is_one_clear_line_and_status_2(tmp_path, words, says):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "folder").mkdir()
    (tmp_path / "other").write_bytes(
        b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + (2).to_bytes(2, "little") + (62).to_bytes(2, "little") + bytes(40)
    )
    (tmp_path / "powerpc").write_bytes(b"\x7fELF\1\2\1" + bytes(9) + b"\0\2\0\x14" + bytes(40))
    (tmp_path / "object").write_bytes(elf([], 0, type=1))
    (tmp_path / "short.elf").write_bytes(b"\x7fELF")
    (tmp_path / "hello.c").write_text("int main(void) { return 0; }")
    (tmp_path / ("x" * 32 + ".c")).write_text("int main(void) { return 0; }")
    done = command("run", *words, cwd=tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"keelback: {says}")


def test_c_that_does_not_compile_shows_the_compilers_message(tmp_path):
    (tmp_path / "bad.c").write_text("int main(void) {\n    return oops;\n}\n")
    done = command("run", "bad.c", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "keelback: bad.c does not compile\nbad.c:2:12: error: use of undeclared identifier 'oops'"
    )


def test_too_little_memory_for_the_kernel_is_said():
    done = command("run", "--memory", "2560K", "hello")
    assert done.returncode == 1
    assert done.stderr == "keelback: the kernel could not start: the console says why\n"
    assert "keelback: can't start. There is not enough memory: from 0x100000 on it ends at 0x280000" in done.stdout


def test_a_program_that_the_kernel_refuses_is_status_1():
    done = command("run", "--append", "init=etc/init", "hello")
    assert done.returncode == 1
    assert "can't start etc/init. The file is not a whole ELF file." in done.stdout


@pytest.mark.parametrize("words", [["run", "--layout", "usermode"], ["build", "-o", "x.img"], ["compare"]])
def test_a_file_that_breaks_a_rule_of_the_kernels_is_refused_before_it_runs(tmp_path, words):
    start = 0x7F_F000 if "usermode" in words else 0x7FF_F000
    (tmp_path / "it.elf").write_bytes(elf([(start, 5, b"\xf4", 0x2000)], start))
    done = command(*words, "hello", "it.elf", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("keelback: it.elf: the file has a segment where no image can be: they lie from 0x")
    assert done.stderr.count("\n") == 1


def test_a_file_without_an_end_is_refused():
    assert command("run", "/dev/zero").stderr == (
        "keelback: /dev/zero: 128 MiB or more: the payload lies below that address, with the kernel\n"
    )


@pytest.mark.parametrize("where", [[], ["--kernel", "compiled", "--paging", "x86-64"], ["--machine", "qemu"]])
def test_a_trace_tells_every_trap(where):
    done = command("run", "--trace", "hello", "null", *where)
    lines = done.stderr.splitlines()
    assert any("hello[1]" in line and line.endswith(" getpid() = 1") for line in lines)
    assert any("hello[1]" in line and r'puts("hello: I am process 1\n", 22) = 22' in line for line in lines)
    assert any("null[2]" in line and "page fault at 0x0804" in line and "→ frame 0x" in line for line in lines)


def test_a_trace_for_programs_says_what_that_for_people_says():
    lines = [line for line in command("run", "--trace", "hello", "null").stderr.splitlines() if "[" in line[:40]]
    said = [line[40:] for line in lines]
    done = command("run", "hello", "null", "--trace=json")
    facts = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert said and said == [each["said"] for each in facts]
    assert [int(line[:7]) for line in lines] == [each["trap"] for each in facts]
    [puts] = [each for each in facts if each.get("name") == "puts" and each["pid"] == 1]
    assert puts["arguments"]["address"]["text"] == "hello: I am process 1\n" and puts["result"]["value"] == 22
    fault = facts[-1]
    assert (fault["event"], fault["address"], fault["access"], fault["action"]) == ("PageFault", 0, "READ", "KILLED")


@pytest.mark.parametrize("where", [[], ["--machine", "qemu"]])
def test_a_trace_names_threads_that_are_not_the_first_of_their_process(where):
    lines = command("run", "--trace", "philosophers 1", *where).stderr.splitlines()
    who = {
        name: [line for line in lines if f"  {name}(" in f"  {line[40:]}"] for name in ("thread_create", "thread_exit")
    }
    assert [line[23:39].rstrip() for line in who["thread_create"]] == ["philosophers[1]"] * 5
    assert sorted(line[23:40].rstrip() for line in who["thread_exit"]) == [
        f"philosophers[1.{id}]" for id in range(2, 7)
    ]
    assert not any(" = " in line for line in who["thread_exit"]), "it does not return"


@pytest.mark.parametrize("where", [[], ["--kernel", "compiled"], ["--machine", "qemu"]])
def test_a_trace_numbers_traps_as_a_moment_does(where):
    done = command("run", "--trace=json", "cow", *where)
    facts = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    fork = next(each["trap"] for each in facts if each.get("name") == "fork")
    shown = [json.loads(command("ps", "cow", "--json", "--at", str(at)).stdout) for at in (fork - 1, fork)]
    assert [len(each["processes"]) for each in shown] == [1, 2]


def test_a_trace_takes_no_program_for_its_form():
    assert command("run", "--trace", "hello").stdout == command("run", "hello", "--trace").stdout
    done = command("run", "hello", "--trace=xml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "keelback: Invalid value for '--trace': 'xml' is not one of 'text', 'json'.\n"


def test_version_and_help():
    assert command("--version").stdout.startswith("keelback ")
    assert command("-V").stdout == command("--version").stdout
    assert "Usage:" in command().stdout and command().returncode == 0
    assert "--memory" in command("run", "--help").stdout
    assert command("run", "-h").stdout == command("run", "--help").stdout


def test_a_command_that_is_none_is_told_with_what_is_near():
    done = command("stroy")
    assert done.returncode == 2
    assert done.stderr == "keelback: No such command 'stroy'. Did you mean 'story'?\n"


def test_every_command_has_a_help_and_says_its_first_line_in_the_list():
    listed = command("--help").stdout
    for name in COMMANDS:
        help = command(name, "--help")
        assert help.returncode == 0 and f"Usage: keelback {name} " in help.stdout
        first = help.stdout.splitlines()[2].strip()
        assert re.search(rf"^  {name} +{re.escape(first[:50])}", listed, re.MULTILINE)


def test_the_help_imports_no_kernel_and_no_emulator():
    script = "import sys; from keelback.cli.app import app\n"
    script += "try: app(['run', '--help'])\nexcept SystemExit: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=ENVIRONMENT)
    imported = {name.split(".")[0] for name in done.stderr.split()} | {*done.stderr.split()}
    assert "click" in imported and not imported & {"keelback.kernel", "keelback.lang", "unicorn", "rich", "elftools"}


def test_control_c_ends_a_program_that_never_would(tmp_path):
    (tmp_path / "forever.c").write_text("int main(void) { for (;;) ; }")
    process = subprocess.Popen(
        [*COMMAND, "run", "forever.c"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert "free" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "keelback: interrupted\n")


def test_the_bytes_of_a_program_reach_the_terminal_as_they_are(tmp_path):
    (tmp_path / "euro.c").write_text('#include "keelback.h"\nint main(void) { print("\\xe2\\x82\\xac\\n"); return 0; }')
    environment = ENVIRONMENT | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*COMMAND, "run", "euro.c"], cwd=tmp_path, capture_output=True, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert " KiB free\n€\n".encode() in done.stdout


def test_the_report_shows_a_name_as_it_is(tmp_path):
    (tmp_path / "[red]:smile:").write_bytes(code_program("b80300000031dbcd80"))
    assert "  1  [red]:smile:  exited with status 0" in command("run", "./[red]:smile:", cwd=tmp_path).stdout


def test_a_reader_who_has_seen_enough_is_no_panic():
    process = subprocess.Popen(
        [*COMMAND, "run", *["ping 500"] * 8], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=20) == 1


def test_a_cpu_of_qemus_is_refused_on_the_simulated_pc():
    done = command("run", "--cpu", "max", "hello")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "keelback: --cpu names a CPU of QEMU's; the simulated PC has one of its own\n"
