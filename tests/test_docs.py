"""The docs say what is so: consoles are run, tables and drawings are compared with the constants."""

import ast
import re
from pathlib import Path

import pytest

import page_of_c
from consoles import PAGES, ROOT, blocks, consoles, run, run_console, run_session, sessions, write_files
from keelback.abi import errors
from keelback.cli.layouts import image_parts
from keelback.image.programs import build_program
from keelback.inspect.drawing import draw_image_file, draw_kernel_region, draw_virtual
from keelback.kernel.boot import options
from keelback.kernel.devices import power
from keelback.kernel.kernel import make_kernel
from keelback.kernel.layout import LAYOUTS, MICROKERNEL, TEACHING
from keelback.lang import KernelError, NoHardware, Ram
from keelback.user import RUNTIME


@pytest.mark.parametrize(
    ("page", "command", "expected"),
    [pytest.param(*each, id=f"{each[0].name}: {each[1]}") for each in consoles()],
)
def test_a_console_shows_what_the_command_prints(page, command, expected, tmp_path):
    assert run_console(page, command, tmp_path) == expected


@pytest.mark.parametrize(
    ("command", "shown"), [pytest.param(*each[1:], id=f"{each[0].name}: {each[1]}") for each in sessions()]
)
def test_a_session_with_a_debugger_is_what_it_answers(command, shown):
    """But for the address of code in the kernel, which every change moves."""
    code = re.compile(r"(?<= at )0x[0-9a-f]{6}(?=: )|(?<=, )0x001[0-9a-f]{5}(?= in )")
    said, shown = (code.sub("0x1…", each) for each in (run_session(command, shown), shown))
    assert said == shown


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "sh")], ids=lambda page: page.name)
def test_commands_without_their_output_end_well(page, tmp_path):
    write_files(page, tmp_path)
    for command in "".join(blocks(page, "sh")).splitlines():
        done = run(command, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), command
        if "coverage report" in command:
            assert re.search(r"kernel/calls/system_calls\.py +\d+ +\d+ +\d+%", done.stdout)


def test_no_page_has_commands_that_nobody_runs():
    for page in PAGES:
        kinds = set(re.findall(r"^```(\w*)(?: .*)?$", page.read_text(), re.MULTILINE))
        known = {"", "c", "console", "diff", "gdb", "markdown", "pdb", "python", "sh", "text", "toml"}
        assert kinds <= known, page.name
        indented = re.findall(
            r"^    (?:\$|\(gdb\)|\(Pdb\)|keelback (?:run|build|gdb|story|compare|layouts|image)).*$",
            page.read_text(),
            re.MULTILINE,
        )
        assert indented == [], page.name


PROGRAMS_IN_C = [
    (page, block) for page in PAGES for block in blocks(page, "c") if re.search(r"^int main\(", block, re.MULTILINE)
]


@pytest.mark.parametrize(("page", "text"), PROGRAMS_IN_C, ids=[page.name for page, _ in PROGRAMS_IN_C])
def test_a_whole_program_in_c_is_built_as_it_stands(page, text, tmp_path):
    source = tmp_path / "it.c"
    source.write_text(text)
    assert build_program(source, runtime=RUNTIME, image_base=MICROKERNEL.image_base)


def test_the_page_on_threads_names_all_that_the_header_has():
    declared = re.findall(r"^(?:static inline )?\w+ \*?(\w+)\([^)]", (RUNTIME / "thread.h").read_text(), re.MULTILINE)
    page = (ROOT / "docs" / "threads.md").read_text()
    assert len(declared) == 25 and [name for name in declared if f"`{name}`" not in page] == []


layouts = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)


def section_of(layout):
    """Return what the page on memory layouts says of one of them."""
    text = (ROOT / "docs" / "memory-layout.md").read_text()
    return text.partition(f"\n## The `{layout.name}` layout\n")[2].partition("\n## ")[0]


@layouts
def test_the_drawings_are_what_the_command_prints(layout):
    text = section_of(layout)
    drawings = [draw_virtual(layout)] + [draw_kernel_region(layout)] * (layout is MICROKERNEL)
    for drawing in drawings:
        assert "".join(f"    {line}\n" for line in drawing) in text


@layouts
def test_every_address_in_the_drawings_is_the_layouts(layout):
    text = section_of(layout)
    drawn = re.findall(r"^ +(0x[0-9a-f]{8}) [├╞└].*[┤╡┘] (\w[\w ,=()]*)$", text, re.MULTILINE)
    found = {}
    for address, names in drawn:
        for name in re.findall(r"\w+", names):
            if hasattr(layout, name):
                found.setdefault(name, set()).add(int(address, 16))
    wanted = {"user_end", "stack_top", "stack_bottom", "image_base", "user_base", "kernel_start"}
    if layout is not TEACHING:
        wanted |= {"stack_guard", "malloc_limit", "malloc_base", "anonymous_base", "windows"}
    wanted |= {"places", "records_end", "text_end", "globals_start", "globals_end"} if layout is MICROKERNEL else set()
    assert found == {name: {getattr(layout, name)} for name in wanted}
    says_where_it_ends = (
        "kernel_region_top, {:#010x} at most"
        if layout.region_least < layout.region_limit
        else "`kernel_region_top`, {:#010x}"
    )
    assert says_where_it_ends.format(layout.region_limit) in text
    assert layout.image_limit == layout.malloc_base


@layouts
def test_every_limit_in_the_table_is_the_layouts(layout):
    text = (ROOT / "docs" / "memory-layout.md").read_text()
    [head] = re.findall(r"^\| limit \| (.*) \|$", text, re.MULTILINE)
    column = head.split(" | ").index(f"`{layout.name}`")
    rows = dict(re.findall(r"^\| (\w+) \| ([\d |]+) \|$", text, re.MULTILINE))
    assert set(rows) == {
        "physical_limit",
        "processes",
        "stack_pages",
        "guard_pages",
        "kernel_stack",
        "kernel_stack_slots",
        "window_count",
        "boot_stack",
        "entry_stack",
        "zone_share",
        "zone_least",
    }
    assert {name: row.split(" | ")[column] for name, row in rows.items()} == {
        name: str(getattr(layout, name)) for name in rows
    }


def test_the_boot_page_has_the_files_offsets_and_the_kernels_options():
    text = (ROOT / "docs" / "boot.md").read_text()
    assert "".join(f"    {line}\n" for line in draw_image_file(image_parts(MICROKERNEL))) in text
    assert f"loaded at {MICROKERNEL.kernel_start:#010x}" in text
    named = re.findall(r"^\| `(\w+)=", text, re.MULTILINE)
    source = Path(options.__file__).read_text()
    assert named == re.findall(r'^ +\("(\w+)", self\._', source, re.MULTILINE)
    verdicts = f"{power.DONE} done, {power.PANICKED} panicked, {power.REFUSED} could not start"
    assert f"debug-exit port {power.DEBUG_EXIT:#x}: {verdicts}" in text


def kernel_calls():
    kernel = make_kernel(MICROKERNEL, Ram(8 << 20), NoHardware())
    names = [call.__name__ for call in kernel.calls.calls]
    return {number: {"give_way": "yield"}.get(name, name) for number, name in enumerate(names) if name != "unknown"}


def test_the_calls_in_the_docs_are_the_kernels():
    text = (ROOT / "docs" / "syscalls.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", text, re.MULTILINE)
    assert {int(number): name for number, name in rows} == kernel_calls()


def test_the_errors_in_the_docs_are_the_kernels():
    text = (ROOT / "docs" / "syscalls.md").read_text()
    rows = re.findall(r"^\| (-\d+) \| ([A-Z_]+) \| (.*) \|$", text, re.MULTILINE)
    known = {number: each for number, each in KernelError.known.items() if each.__module__ == errors.__name__}
    assert {int(number): sentence for number, _, sentence in rows} == {n: each.sentence for n, each in known.items()}
    assert {int(number): name for number, name, _ in rows} == {
        number: re.sub(r"(?<!^)(?=[A-Z])", "_", each.__name__).upper() for number, each in known.items()
    }


def test_the_header_for_programs_has_the_kernels_numbers():
    text = (RUNTIME / "calls.h").read_text()
    calls = {int(number): name.lower() for name, number in re.findall(r" CALL_(\w+) = (\d+)", text)}
    assert calls == kernel_calls()
    numbers = {int(number) for number in re.findall(r"ERROR_\w+ = (-\d+)", text)}
    assert numbers == {each.number for each in KernelError.known.values() if each.__module__ == errors.__name__}


def test_the_page_of_panics_has_every_assert_of_the_kernel():
    text = (ROOT / "docs" / "panics.md").read_text()
    listed = re.findall(r"^\| `(\w+\.py)` \| (.*?) \|", text, re.MULTILINE)
    found = {
        (path.name, ast.literal_eval(node.msg))
        for path in (ROOT / "src" / "keelback" / "kernel").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert) and node.msg is not None
    }
    assert set(listed) == found and len(listed) == len(found)


def test_every_link_leads_somewhere():
    for page in PAGES:
        prose = re.sub(r"^```.*?^```$|`[^`]*`", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)#]+)\)", prose):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_one_sentence_a_line_in_the_docs():
    for page in PAGES:
        prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        for line in prose.splitlines():
            if not line.startswith(("    ", "|", "- [", "- **")):
                assert not re.search(r"[a-z)`]\. [A-Z]", line), f"{page.name}: {line}"


def test_the_page_of_c_is_what_the_compiler_prints():
    """Each pair in docs/compiler.md: the Python is the kernel's, the C is what the compiler makes of it."""
    text = page_of_c.PAGE.read_text()
    assert len(page_of_c.PAIR.findall(text)) == 3
    assert page_of_c.page_now() == text
