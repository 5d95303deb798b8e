"""`keelback story`: both tables after each of the five steps, to the row, in every life and with any memory."""

import json
import re
import tempfile
from contextlib import redirect_stdout
from functools import partial
from io import BytesIO, StringIO

import pytest
from elftools.elf.elffile import ELFFile

from cli.test_run import command
from keelback.cli.libraries import payload_libraries
from keelback.cli.story import tell_on_qemu, tell_on_simulated_pc
from keelback.errors import UserError
from keelback.image.programs import build_programs
from keelback.image.toolchain import NO_WARNINGS
from keelback.kernel.layout import USERMODE
from keelback.user import RUNTIME, STORY
from support import MIB

KERNEL = "0x00000000 - 0x007FFFFF : Kernel reserved"
PROC1 = "0x00800000 - 0x00802FFF : User space for proc1"
PROC2 = "0x00803000 - 0x00807FFF : User space for proc2"
PROC2_THERE = "0x00800000 - 0x00804FFF : User space for proc2"

STEPS = [
    (
        "Kernel load, just prior to spawning init process",
        [KERNEL, "0x00800000 - 0xFFFFFFFF : No-man's land"],
        [KERNEL, "0x00800000 - 0xFFFFFFFF : Unreserved"],
    ),
    (
        "First process spawn",
        [KERNEL, PROC1, "0x00803000 - 0xFFFFFFFF : No-man's land"],
        [KERNEL, PROC1, "0x00803000 - 0xFFFFFFFF : Unreserved"],
    ),
    (
        "Second process spawn",
        [KERNEL, PROC1, PROC2, "0x00808000 - 0xFFFFFFFF : No-man's land"],
        [KERNEL, PROC2_THERE, "0x00805000 - 0xFFFFFFFF : Unreserved"],
    ),
    (
        "Return to first process",
        [
            KERNEL,
            PROC1,
            PROC2,
            "0x00808000 - 0x0080AFFF : User space for libgfx",
            "0x0080B000 - 0xFFFFFFFF : No-man's land",
        ],
        [
            KERNEL,
            PROC1,
            "0x00803000 - 0x00805FFF : libgfx space in proc1 space",
            "0x00806000 - 0xFFFFFFFF : Unreserved",
        ],
    ),
    (
        "Switch back to second process",
        [
            KERNEL,
            PROC1,
            PROC2,
            "0x00808000 - 0x0080AFFF : User space for libgfx",
            "0x0080B000 - 0xFFFFFFFF : No-man's land",
        ],
        [
            KERNEL,
            PROC2_THERE,
            "0x00805000 - 0x00807FFF : libgfx space in proc2 space",
            "0x00808000 - 0xFFFFFFFF : Unreserved",
        ],
    ),
]

SAID = [
    [
        "the kernel takes the first 8 MiB, physical and virtual, each at its own address",
        "nothing above is mapped; all memory above is free",
    ],
    [
        "proc1 is an image of 5,673 bytes, which expects to be at 0x00801000",
        "3 frames taken: 0x00800000 - 0x00802FFF",
        "3 pages mapped in proc1: 0x00800000 - 0x00802FFF, physical the same",
    ],
    [
        "proc2 is an image of 12,420 bytes, which expects to be at 0x00801000",
        "5 frames taken: 0x00803000 - 0x00807FFF",
        "5 pages mapped in proc2: 0x00800000 - 0x00804FFF, physical 0x00803000 - 0x00807FFF",
        "for the first time, physical and virtual differ: physical 0x00801000 is taken (User space for proc1)",
    ],
    [
        "the mapping is switched to that of proc1",
        "proc1 requests libgfx, 6,563 bytes behind a link page: it is not loaded yet",
        "3 frames taken: 0x00808000 - 0x0080AFFF",
        "3 pages mapped in proc1: 0x00803000 - 0x00805FFF, physical 0x00808000 - 0x0080AFFF",
        "processes that map libgfx: 1",
    ],
    [
        "the mapping is switched to that of proc2",
        "proc2 requests libgfx, 6,563 bytes behind a link page: it is loaded already",
        "no frame is taken",
        "3 pages mapped in proc2: 0x00805000 - 0x00807FFF, physical 0x00808000 - 0x0080AFFF",
        "processes that map libgfx: 2",
    ],
]

MACHINES = {
    "interpreted, 9M": partial(tell_on_simulated_pc, compiled=False, memory=9 * MIB),
    "interpreted, 64M": partial(tell_on_simulated_pc, compiled=False, memory=64 * MIB),
    "compiled, 16M": partial(tell_on_simulated_pc, compiled=True, memory=16 * MIB),
    "interpreted, PAE": partial(tell_on_simulated_pc, compiled=False, memory=16 * MIB, paging="PAE"),
    "QEMU, PAE": partial(tell_on_qemu, memory=64 * MIB, paging="PAE"),
    "compiled, x86-64": partial(tell_on_simulated_pc, compiled=True, memory=64 * MIB, paging="x86-64"),
    "QEMU, x86-64": partial(tell_on_qemu, memory=64 * MIB, paging="x86-64"),
    "QEMU, 1G": partial(tell_on_qemu, memory=1024 * MIB),
}


@pytest.fixture(scope="module", params=MACHINES)
def told(request):
    """Return what is printed for one machine."""
    with redirect_stdout(StringIO()) as output:
        assert MACHINES[request.param](as_json=False) == 0
    return output.getvalue()


def read(text):
    """Return the steps of a story that was printed: title, what is said, and both tables."""
    steps = []
    for part in re.split(r"^\d\) ", text, flags=re.MULTILINE)[1:]:
        head, physical, virtual = part.rstrip("\n").split("\n\n", 2)
        title, *said = head.splitlines()
        (phys, *physical_rows), (virt, *virtual_rows) = physical.splitlines(), virtual.rstrip("\n").splitlines()
        assert (title[-1], phys, virt) == (":", "   PHYS:", "   VIRT:")
        assert all(row[:3] in ("   ", " + ") for row in physical_rows + virtual_rows)
        steps.append((title[:-1], [line[3:] for line in said], physical_rows, virtual_rows))
    return steps


def test_both_tables_are_right_after_each_step(told):
    found = [(title, [row[3:] for row in phys], [row[3:] for row in virt]) for title, _, phys, virt in read(told)]
    assert found == STEPS


def test_what_was_done_is_said_with_its_figures(told):
    assert [said for _, said, *_ in read(told)] == SAID


def test_a_row_that_was_not_there_before_is_marked(told):
    new = [[row[3:] for row in phys if row.startswith(" + ")] for _, _, phys, _ in read(told)]
    assert new == [
        [],
        [PROC1, "0x00803000 - 0xFFFFFFFF : No-man's land"],
        [PROC2, "0x00808000 - 0xFFFFFFFF : No-man's land"],
        ["0x00808000 - 0x0080AFFF : User space for libgfx", "0x0080B000 - 0xFFFFFFFF : No-man's land"],
        [],
    ]


def test_json_has_the_same_facts_and_the_records():
    done = command("story", "--json", "--kernel", "compiled", "--memory", "16M")
    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    assert facts["layout"] == "usermode"
    rows = [
        [f"0x{row['start']:08X} - 0x{row['end']:08X} : {row['label']}" for row in step[name]]
        for step in facts["steps"]
        for name in ("phys", "virt")
    ]
    assert rows == [each for _, phys, virt in STEPS for each in (phys, virt)]
    assert [step["title"] for step in facts["steps"]] == [title for title, *_ in STEPS]
    assert [step["said"] for step in facts["steps"]] == SAID
    assert [step["virt_of"] for step in facts["steps"]] == [None, "proc1", "proc2", "proc1", "proc2"]
    assert facts["steps"][0]["processes"] == facts["steps"][0]["libraries"] == []
    last = facts["steps"][-1]
    libgfx = [{"name": "libgfx", "address": address} for address in (0x80_3000, 0x80_5000)]
    images = [
        {"physical": 0x80_1000, "virtual": 0x80_1000, "size": 5_673},
        {"physical": 0x80_4000, "virtual": 0x80_1000, "size": 12_420},
    ]
    assert last["processes"] == [
        {"pid": pid, "name": f"proc{pid}", "image": images[pid - 1], "libraries": [libgfx[pid - 1]], "malloc_pages": []}
        for pid in (1, 2)
    ]
    assert last["libraries"] == [
        {"name": "libgfx", "size": 6_563, "users": 2, "frames": [0x80_8000, 0x80_9000, 0x80_A000]}
    ]


def extent(elf):
    """Return the first address and the bytes to the last one that the loaded segments of an ELF file have."""
    parts = [
        (each["p_vaddr"], each["p_vaddr"] + each["p_memsz"]) for each in ELFFile(BytesIO(elf)).iter_segments("PT_LOAD")
    ]
    start = min(first for first, _ in parts)
    return start, max(end for _, end in parts) - start


def test_the_images_have_the_sizes_that_the_story_tells():
    built = build_programs(
        sorted(STORY.glob("*.c")), runtime=RUNTIME, image_base=USERMODE.image_base, flags=NO_WARNINGS
    )
    assert {name: extent(elf) for name, elf in built.items()} == {
        "proc1": (0x80_1000, 5_673),
        "proc2": (0x80_1000, 12_420),
    }


def test_libgfx_has_a_link_page_a_page_of_text_and_2467_bytes_of_data():
    libgfx = payload_libraries()["libgfx"]
    assert extent(libgfx) == (0, 4_096 + 6_563)
    data = [each for each in ELFFile(BytesIO(libgfx)).iter_segments("PT_LOAD") if each["p_flags"] & 2]
    assert [(each["p_vaddr"], each["p_memsz"]) for each in data] == [(8_192, 2_467)]


NEEDED = "can't start. There is not enough memory: from 0x100000 on it ends at {}, and 0x800000 is needed"


@pytest.mark.parametrize(
    ("tell", "end"),
    [
        (partial(tell_on_simulated_pc, compiled=False), "0x700000"),
        (partial(tell_on_simulated_pc, compiled=True), "0x700000"),
        (tell_on_qemu, "0x6e0000"),
    ],
    ids=["interpreted", "compiled", "qemu"],
)
def test_too_little_memory_is_one_clear_line(tell, end, capsys):
    with pytest.raises(UserError) as refused:
        tell(memory=7 * MIB, as_json=False)
    assert str(refused.value) == NEEDED.format(end) and capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "tell", [partial(tell_on_simulated_pc, compiled=True), tell_on_qemu], ids=["simulated", "qemu"]
)
def test_a_machine_that_the_image_does_not_fit_is_refused(tell):
    with pytest.raises(UserError, match="^too little memory: the kernel image and its maps need [0-9,]+ KiB, "):
        tell(memory=MIB, as_json=False)


@pytest.mark.parametrize(
    ("kib", "step", "why"),
    [
        (8192, 1, "can't start proc1. There is not enough memory."),
        (8204, 2, "panic: proc1: there is no libgfx"),
        (8232, 3, "panic: proc1: there is no libgfx"),
    ],
)
def test_a_story_that_memory_cuts_short_says_why(kib, step, why, capsys):
    assert tell_on_simulated_pc(compiled=True, memory=kib << 10, as_json=False) == 1
    said = capsys.readouterr()
    assert [each[0] for each in read(said.out)] == [title for title, *_ in STEPS[:step]]
    assert said.err == f"keelback: the story ended after step {step}: {why}\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--machine", "qemu", "--kernel", "interpreted"], "QEMU runs the compiled kernel; try --machine simulated"),
        (["--memory", "much"], "--memory much: "),
        (["--kernel", "stewed"], "Invalid value for '--kernel'"),
    ],
)
def test_a_mistake_is_one_clear_line(words, says):
    done = command("story", *words)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"keelback: {says}")


@pytest.mark.parametrize("tell", [MACHINES["compiled, 16M"], MACHINES["QEMU, 1G"]], ids=["simulated", "qemu"])
def test_nothing_is_left_behind(tell, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert tell(as_json=True) == 0
    assert list(tmp_path.iterdir()) == []
