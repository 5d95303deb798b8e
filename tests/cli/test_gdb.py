"""`keelback gdb` as a person uses it: gdb on the kernel in QEMU, asked in batches."""

import re
import shutil
import signal
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

import keelback
from cli.test_run import command
from command_client import COMMAND, ENVIRONMENT, keelback_command
from consoles import ROOT, blocks
from keelback.kernel.layout import MICROKERNEL, with_paging
from support import some_of

SOURCES = Path(keelback.__file__).parents[1]
FRAMES, CALLS, PROCESSES, PROGRAMS, USER_MEMORY = (
    f"keelback/kernel/{name}.py"
    for name in (
        "memory/frames",
        "calls/system_calls",
        "processes/processes",
        "processes/programs",
        "memory/user_memory",
    )
)
TAKE = "self.counts.user_free -= 1"
PUTS = "count = thread.frame.argument(1)"


def line_of(file, text):
    """Return the number of the only line that is this text."""
    [found] = [number for number, line in enumerate(source(file), 1) if line.strip() == text]
    return found


def source(file):
    return (SOURCES / file).read_text().splitlines()


def gdb(
    *lines: str, programs: tuple[str, ...] = ("hello you",), options: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Let gdb execute lines, an `echo` before each."""
    words = [word for line in lines for word in ("-e", f"echo (gdb) {line}\\n", "-e", line)]
    done = keelback_command("gdb", *options, *programs, "--batch", *words, env=ENVIRONMENT | environment)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def answers(*lines, options=()):
    """Return what gdb answers to each line.  A tool that is missing fails with the line that installs it.

    The kernel's first line on the console is left out: QEMU writes it when it can, in the midst of any answer.
    """
    done = gdb(*lines, options=options)
    assert "(gdb) " in done.stdout, done.stderr
    said = re.sub(r"keelback: \w+ layout, \d+ KiB free\n", "", done.stdout)
    return [text.partition("\n")[2] for text in said.split("(gdb) ")[1:]]


@pytest.fixture(scope="module")
def at_a_page():
    """What gdb answers where the kernel takes the first frame for a page of a process."""
    # fmt: off
    lines = (
        f"break frames.py:{line_of(FRAMES, TAKE)}", "continue", "backtrace", "list", "print self", "print $eip",
        "print processes[1]", "print processes.table[1].state", "print processes[1].threads.first", "print threads[1]",
        "print threads[1].frame", "print threads[1].frame.writing",
        "print cpus[0]", "print self.counts == memory.frames.counts", "print memory.frames.counts",
        "print frames.table[2051]", "print/x frames.table[256].use", "print layout.user_base",
        "print/x layout.user_base", "print/d layout.user_base",
        "print [each.pid for each in processes if each.state == ProcessState.ALIVE]",
        "print 'record.processes_table'[1].pid", "print &'record.processes_table'[3]", "print sizeof(Process)",
        "print 7 / 2",
        'print $py("processes[1].state")',
    )
    # fmt: on
    return dict(zip(lines, answers(*lines), strict=True))


# Lines.


def test_a_breakpoint_at_a_line_of_python_stops_there(at_a_page):
    number = line_of(FRAMES, TAKE)
    assert f"file {FRAMES}, line {number}." in at_a_page[f"break frames.py:{number}"]
    assert f" at {FRAMES}:{number}\n{number}\t        {TAKE}\n" in at_a_page["continue"]


def test_the_backtrace_tells_python_files_and_lines_down_to_the_entry_code(at_a_page):
    calls = re.findall(r"^#\d+ .*?(\w+) \(.*\) at (\S+):(\d+)$", at_a_page["backtrace"], re.M)
    assert [name for name, _file, _line in calls[:2]] == ["memory_frames_take_user", "memory_frames_allocate_user"]
    assert [name for name, _file, _line in calls[-3:]] == ["programs_start_all", "kernel_begin", "booted"]
    assert all(file.startswith("keelback/kernel/") for _name, file, _line in calls[:-1])
    for (called, _file, _line), (_name, file, line) in pairwise(calls[-4:-1]):
        assert re.search(rf"[.]_?{called.partition('_')[2]}\(", source(file)[int(line) - 1])
    assert calls[-1][1] == "./entry.S"


def test_list_shows_the_python_source(at_a_page):
    shown = [line.split("\t", 1) for line in at_a_page["list"].splitlines()]
    assert str(line_of(FRAMES, TAKE)) in dict(shown)
    assert all(text == source(FRAMES)[int(number) - 1] for number, text in shown)


def test_next_goes_on_to_other_lines():
    start = ("break Programs.spawn", "continue")
    shown = answers(*start, "frame", "next", "frame", "next", "frame", "next", "frame")[2::2]
    places = [re.search(r" at (\S+):(\d+)\n\2\t(.*)\n", each).groups() for each in shown]
    assert all(
        place != following for place, following in pairwise(places)
    )  # behind an inlined call comes its line again
    for file, number, text in places:
        assert text == source(file)[int(number) - 1]


# Python's terms.


def test_a_struct_is_shown_as_python_reads_it(at_a_page):
    shown = at_a_page["print processes[1]"]
    for field in ("pid = 1,", "state = ProcessState.ALIVE,", "ending = Ending.NOT_YET,", "fault = {"):
        assert f"\n  {field}\n" in shown
    assert "\n    reason = Reason.NONE,\n    thread = 0\n" in shown
    assert "\n  name = 'hello'\n" in shown and "padding" not in shown
    assert shown.startswith("$") and " = {\n" in shown


def test_paths_are_those_of_the_python_objects(at_a_page):
    assert at_a_page["print processes.table[1].state"] == "ProcessState.ALIVE\n"
    assert at_a_page["print processes[1].threads.first"].endswith(" = 1\n")
    assert "\n  pid = 1,\n  state = ThreadState.FREE,\n" in at_a_page["print threads[1]"]
    assert "\n  ss = 0,\n  forbidden = False,\n  writing = False,\n" in at_a_page["print threads[1].frame"]
    assert at_a_page["print threads[1].frame.writing"] == "False\n"
    assert "\n  current = 0,\n" in at_a_page["print cpus[0]"]
    assert re.search(r"kernel_free = \d+,\n  kernel_total = \d+,\n", at_a_page["print memory.frames.counts"])
    assert re.search(r"references = \d+,\n  use = \d+", at_a_page["print frames.table[2051]"])
    assert at_a_page["print/x frames.table[256].use"].endswith("= 0x1000\n")


def test_expressions_are_pythons(at_a_page):
    alive = "print [each.pid for each in processes if each.state == ProcessState.ALIVE]"
    assert at_a_page[alive] == "[1]\n"
    assert at_a_page["print layout.user_base"].endswith(" = 0x8000000\n")
    assert at_a_page["print/d layout.user_base"].endswith(f" = {0x0800_0000}\n")
    assert at_a_page["print/x layout.user_base"].endswith(" = 0x8000000\n")
    assert at_a_page['print $py("processes[1].state")'].endswith(' = "ProcessState.ALIVE"\n')


def test_self_is_the_part_whose_method_is_shown(at_a_page):
    assert (
        at_a_page["print self"]
        == "<Frames: counts, injection, kernel_zone, most_references, overcommit, read_only, table, user_zone>\n"
    )
    assert at_a_page["print self.counts == memory.frames.counts"] == "True\n"


def test_what_is_no_python_is_cs_as_ever(at_a_page):
    assert re.fullmatch(r"\$\d+ = .* 0x10[0-9a-f]{4} .*\n", at_a_page["print $eip"])
    assert at_a_page["print 'record.processes_table'[1].pid"].endswith(" = 1\n")
    assert at_a_page["print &'record.processes_table'[3]"].endswith(" = processes[3]\n")
    assert re.fullmatch(r"\$\d+ = \d+\n", at_a_page["print sizeof(Process)"])
    assert at_a_page["print 7 / 2"].endswith(" = 3\n")


def test_the_locals_of_a_function_have_the_types_of_python():
    number = line_of(PROCESSES, "return self.table[thread.pid]")
    lines = (f"break processes.py:{number}", "continue", "backtrace 1", "print thread", "print thread.state")
    *_, stopped, trace, thread, state = answers(*lines)
    assert f"{PROCESSES}:{number}\n" in stopped
    assert "processes_of (thread=threads[1])" in trace
    assert "\n  kernel_stack = " in thread and "\n  state = ThreadState.RUNNING,\n" in thread
    assert state == "ThreadState.RUNNING\n"


MISTAKES = {
    "print processes[512]": "IndexError: index 512 of an array of 512 elements",
    "print processes.tabel": "AttributeError: Processes has no attribute 'tabel'; it has awaited, counts, ",
    "print processes[1].nam": "AttributeError: Process has no field 'nam'; it has pid, parent, ",
    "break Frames.nothing": 'Function "Frames.nothing" not defined.',
    "break Faults._can_read": "Faults._can_read has no code of its own: it is part of what calls it, or ",
    "break frames.py:1": "frames.py:1 has no code.",
    "break frames.py:99999": "frames.py:99999 has no code.",
    f"break frames.py:{line_of(FRAMES, 'self.most_references = layout.most_references') + 1}": "frames.py:",
    "print nobody": 'No symbol "nobody" in current context.',
    "print frames.table[0]": "IndexError: index 0 of an array of 0 elements",
}
"""What gdb says first of a line that is wrong."""


def test_a_mistake_is_one_line():
    for error, says in zip(gdb(*MISTAKES).stderr.splitlines(), MISTAKES.values(), strict=True):
        assert error.startswith(says)


# Breakpoints by name, and what is not there.


def test_a_breakpoint_at_a_method_stops_there_and_a_line_without_code_takes_the_methods_next():
    docstring = line_of(
        PROGRAMS, '"""Start the program that a command names, with its argument, and return the process.'
    )
    said = answers(
        "break SystemCalls.puts", f"break programs.py:{docstring}", "b Frames.allocate_user", "delete 3", "continue",
        "backtrace",        "delete 2", "continue",
    )  # fmt: skip
    assert re.fullmatch(rf"Breakpoint 1 at 0x\w+: file {CALLS}, line \d+\.\n", said[0])
    places = rf"Breakpoint 2 at 0x\w+: (file {PROGRAMS}, line \d+\.|programs\.py:{docstring}\. \(\d+ locations\))\n"
    assert re.fullmatch(places, said[1])
    line = next(n for n in range(docstring, docstring + 9) if "self.create(parent, command)" in source(PROGRAMS)[n - 1])
    assert re.match(r"Breakpoint 3 at 0x\w+: memory_frames_allocate_user\. \(\d+ locations\)\n", said[2])
    assert re.search(rf"programs_spawn \(parent=.*\) at {PROGRAMS}:{line}\n", said[5])
    assert f"calls_puts (thread=threads[1]) at {CALLS}:" in said[7]


def test_what_is_optimised_out_or_lost_in_a_call_is_not_shown_as_if_it_were_there():
    """`count` is yet to be read; what a caller had in eax, ecx or edx is gone; a part has the name of a local."""
    said = answers("tbreak keelback.kernel.calls.system_calls.SystemCalls.puts", "continue", "print count", "backtrace")
    assert said[2] == "<optimized out>\n"
    threads = re.findall(r"[(]thread=(.*?)[,)]", said[3])
    assert threads and set(threads) <= {"threads[1]", "<optimized out>"}


def test_the_variables_that_are_shown_are_pythons_each_with_its_value_or_none():
    """In UserMemory.copy_in: nothing of the C's own, addresses in hexadecimal, no value of what is a constant."""
    line = next(n for n, each in enumerate(source(USER_MEMORY), 1) if each.strip() == "while done < count:")
    loop = f"tbreak {USER_MEMORY}:{line}"
    said = answers("tbreak UserMemory.copy_in", "continue", "info args", "info locals", loop, "continue", "info locals")
    given = dict(line.split(" = ") for line in said[2].splitlines())
    assert list(given) == ["space", "address", "count", "destination"]
    assert re.fullmatch(r"0x80[0-9a-f]{5}", given["address"]) and int(given["count"], 0) == 43
    assert given["destination"] == "<optimized out>" or re.match(r"0x[0-9a-f]+\b", given["destination"])
    before, after = (dict(line.split(" = ") for line in each.splitlines()) for each in (said[3], said[6]))
    assert list(before) == list(after) == ["done", "offset", "block", "page"]
    assert {*before.values()} == {"<optimized out>"} and after["done"] in ("0", "0x0")


def test_where_no_python_is_shown_there_are_no_variables():
    assert answers("info locals", "info args") == ["No locals.\n", "No args.\n"]


def test_what_holds_an_address_is_in_hexadecimal_whatever_its_value():
    said = answers("print processes[1].fault", "print cpus[0]", "print processes[1].fault.instruction", "print timer")
    assert "\n  address = 0x0,\n  instruction = 0x0,\n" in said[0]
    assert "\n  left_stack = 0x0,\n" in said[1] and "\n    eip = 0x0,\n    eflags = 0,\n" in said[1]
    assert said[2] == "$3 = 0x0\n"


# A user's own parts.

ALLOCATE = "def allocate_user(self, use: u16) -> u32:"


@pytest.mark.campaign
def test_a_breakpoint_at_a_method_that_is_replaced_says_what_stands_in_its_place(tmp_path):
    file = tmp_path / "top_down.py"
    [text] = [each for each in blocks(ROOT / "docs" / "own-parts.md", "python") if each.startswith("# top_down.py")]
    file.write_text(text)
    lines = text.splitlines()
    first, inner = (lines.index(each) + 1 for each in (ALLOCATE, "        frame -= 1"))
    old = line_of(FRAMES, "return self.take_user(use)")
    asked = (
        "tbreak keelback.kernel.memory.frames.Frames.allocate_user",
        f"break top_down.py:{inner}",
        "continue",
        "list",
        "bt 1",
    )
    options = ("--layout", "teaching", "--with", str(file))  # the kernel that is compiled soonest
    *said, listed, trace = answers(*asked, options=options)
    place = f"allocate_user, top_down.py:{first}"
    assert said[0].startswith(f"Frames.allocate_user is replaced: in its place stands {place}.\n")
    stop = re.search(r"^Temporary breakpoint 1 at 0x\w+: file top_down\.py, line (\d+)\.$", said[0], re.M)
    assert int(stop[1]) - first in (1, 2)
    assert re.search(rf"^Breakpoint 2 at 0x\w+: file top_down\.py, line {inner}\.$", said[1], re.M)
    assert "at top_down.py:" in trace and "        frame -= 1\n" in listed
    done = gdb(f"break frames.py:{old - 1}", options=options)
    stands = f"Frames.allocate_user is replaced: in its place stands {place}."
    assert done.stderr == f"frames.py:{old - 1} has no code. {stands}\n"


# The machine.


def test_a_program_runs_to_its_end_and_the_console_is_shown():
    done = gdb("continue", "print processes[1].state", programs=("hello you", "ping 2", "pong 2"))
    assert "hello: I am process 1, and I was told: you" in done.stdout and "pong 2" in done.stdout
    assert "The machine has ended." in done.stderr


def test_a_system_call_is_stopped_at():
    number = line_of(CALLS, PUTS)
    stop, name, left = answers(f"break {CALLS}:{number}", "continue", "print self.buffer", "next")[1:]
    assert f"at {CALLS}:{number}\n" in stop and "bytes = ''" in name and left


@pytest.mark.parametrize("paging", ["i386", "x86-64"])
def test_what_a_call_returns_is_told_when_it_is_finished(paging):
    stop, frames, end = answers(
        "break SystemCalls.puts", "continue", "backtrace", "finish", options=("--paging", paging)
    )[1:]
    assert "calls_puts (thread=threads[1])" in frames and "result$" not in stop + frames
    assert re.search(r"Value returned is \$\d+ = (43|\{\n  result = 43,\n  error = 0\n\})\n", end)


def test_commands_come_from_files_too(tmp_path):
    (tmp_path / "lines").write_text("print options.values.sink\nprint 5\n")
    done = command("gdb", "hello", "--batch", "-x", str(tmp_path / "lines"))
    assert "Sink." in done.stdout and "$1 = 5\n" in done.stdout and done.returncode == 0


def test_commands_come_from_standard_input():
    done = subprocess.run(
        [*COMMAND, "gdb", "hello"],
        input="print processes[1].state\nquit\n",
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
    )
    assert "ProcessState.FREE\n" in done.stdout and done.returncode == 0


def processes_that_name(folder):
    """Return the command lines that name a folder."""
    running = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in running.splitlines() if str(folder) in line]


def test_nothing_is_left_behind(tmp_path):
    done = gdb("print 1", TMPDIR=str(tmp_path))
    assert "$1 = 1\n" in done.stdout
    assert list(tmp_path.iterdir()) == [] and processes_that_name(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_it_ends_the_machine_too(number, tmp_path):
    process = subprocess.Popen(
        [*COMMAND, "gdb", "primes 100000000", "--execute", "continue"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=ENVIRONMENT | {"TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    assert any("keelback: microkernel layout" in line for line in process.stdout)
    assert processes_that_name(tmp_path)
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert list(tmp_path.iterdir()) == [] and processes_that_name(tmp_path) == []


@pytest.mark.parametrize(("missing", "package"), [("gdb", "gdb"), ("qemu-system-i386", "qemu-system-x86")])
def test_a_missing_tool_is_one_line_that_says_how_to_install_it(missing, package, tmp_path):
    for name in {"gdb", "qemu-system-i386"} - {missing}:
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    done = gdb("print 1", PATH=str(tmp_path))
    says = f"keelback: there is no {missing} on this machine: apt-get install -y {package}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", says)


def test_a_program_that_is_not_there_is_a_mistake():
    done = command("gdb", "nope")
    assert done.returncode == 2 and done.stderr.startswith("keelback: no program 'nope'; ")


def test_a_64_bit_kernel_is_walked_to_its_entry_code_and_its_frames_have_names():
    said = answers(
        *(
            "break SystemCalls.puts",
            "continue",
            "backtrace",
            "print thread.frame",
            "print $rip",
            "print/x thread.frame.cs",
        ),
        options=("--paging", "x86-64"),
    )
    assert "Breakpoint 1, calls_puts (thread=threads[1]" in said[1]
    frames = re.findall(r"^#\d+ +(?:0x\w+ in )?(\w+) ", said[2], re.M)
    assert (frames[0], frames[-2:]) == ("calls_puts", ["kernel_trap", "serve"]) and "Backtrace stopped" not in said[2]
    assert re.search(r"  rip = 0x80[0-9a-f]{5},\n  cs = 43,\n", said[3]) and re.search(
        r"  rsp = 0x7f[0-9a-f]{10},", said[3]
    )
    assert "(void (*)()) 0x1" in said[4] and said[5].endswith("= 0x2b\n")


# The machine's memory, as our own commands tell it.


def mapped_by_qemu(said):
    """Return the user pages that QEMU's own walk finds, and whether each may be written."""
    ranges = re.findall(r"^(\w+)-(\w+) \w+ u(?:r)(w|-)", said, re.M)
    return {page: w == "w" for start, end, w in ranges for page in range(int(start, 16), int(end, 16), 4096)}


def mapped_by_us(said):
    """Return the pages that `maps` tells, and whether each may be written."""
    runs = re.findall(
        r"^(0x\w+)\S* +([\d,]+)  [a-z ]+?  +(may be \w+|read-only|copy-on-write|shows zeros) ", said, re.M
    )
    return {
        int(start, 16) + 4096 * page: rights == "may be written"
        for start, count, rights in runs
        for page in range(int(count.replace(",", "")))
    }


@pytest.mark.parametrize("paging", some_of(["i386", "PAE", "x86-64"], ["x86-64"]))
def test_maps_and_walk_say_what_qemu_finds_itself(paging):
    layout = with_paging(MICROKERNEL, paging)
    image, stack = layout.image_base, layout.stack_top - 4096
    done = gdb(
        *("break SystemCalls.frame_counts", "continue", "maps", "maps 2", "monitor info mem"),
        *(f"walk {image}", f"monitor gva2gpa {image}", 'walk 2 "layout.stack_top - 4"', f"monitor gva2gpa {stack}"),
        programs=("cow",),
        options=("--paging", paging),
    )
    both, child, _, *walks = [text.partition("\n")[2] for text in done.stdout.split("(gdb) ")[3:]]
    assert child.startswith(f"cow · microkernel, {paging} · QEMU · inside the kernel\n\ncow (2): 12 pages, ")
    assert "cow (1): 12 pages, " in both and child.partition("\n")[2] in both
    assert mapped_by_us(child) == mapped_by_qemu(done.stderr) and len(mapped_by_us(child)) == 12
    places = re.findall(r"^gpa: (0x\w+)$", done.stderr, re.M)  # gdb has what a monitor says on its stream of errors
    for walk, place in zip(walks[::2], places, strict=True):
        [frame] = re.findall(r"^  page table\[\d+\] +0x\w+: page in frame (0x\w+), ", walk, re.M)
        assert int(place, 16) == int(frame, 16) << 12
        assert len(re.findall(r"^  page[ -]\S.*\[\d+\] ", walk, re.M)) == len(layout.paging.levels)


def test_what_maps_and_walk_can_not_tell_is_one_line_each():
    asked = {
        "walk 0": "No process runs here; say whose address it is: walk 1 0x08048000",
        "maps": "this machine: its kernel has not booted yet, or could not start; its console says why",
        "break SystemCalls.puts": "",
        "continue": "",
        "maps 9": "there is no process 9 here that is alive; there is hello (1)",
        "maps 1 2": "maps takes one process at most, by its id: maps 1",
        "walk": "walk takes an address, and before that a process, by its id: walk 1 0x0804a000",
        "walk 1 2 3": "walk takes an address, and before that a process, by its id: walk 1 0x0804a000",
        "walk nobody": 'nobody: No symbol "nobody" in current context.',
        "walk layout": "layout: it is no number",
        "walk processes[600]": "processes[600]: index 600 of an array of 512 elements",
        "walk 9 0": "there is no process 9 here that is alive; there is hello (1)",
        "delete": "",
        "continue ": "",
        "walk 1": "The machine has ended.",
    }
    said = gdb(*asked).stderr.splitlines()
    said.remove("Remote connection closed")
    assert said == [each for each in asked.values() if each]


@pytest.mark.campaign
def test_a_machine_with_a_kernel_of_the_users_is_looked_at_from_any_folder(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from dataclasses import replace\nfrom keelback.kernel.layout import TEACHING\n"
        "SMALL = replace(TEACHING, name='small', number=100, processes=4, threads=4)\n"
    )
    options = ("--layout", f"{tmp_path / 'mine.py'}:SMALL")
    said = answers("break SystemCalls.puts", "continue", "cd /", "maps", options=options)
    assert said[-1].startswith("hello · small, x86-64 · QEMU · inside the kernel\n\nhello (1): ")
