"""What Keelback costs on QEMU, in instructions: with `-icount` a time stamp counts one for each."""

import statistics
import time

from keelback.cli.libraries import payload_libraries
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.image.toolchain import TARGETS
from keelback.kernel.devices.power import DEBUG_EXIT
from keelback.kernel.layout import Layout
from keelback.machine.qemu.qemu import Qemu, Verdict

MEMORY = 64 << 20
CROWD_MEMORY = 256 << 20
REPEATS = 5
BY_INSTRUCTIONS = ("-icount", "shift=0,sleep=off")
"""Arguments that let a time stamp count one for each instruction."""
OTHERS = 200
"""How many files lie before the last one of the payload."""
# rdtsc; push edx; push eax; mov esi, esp; mov ecx, 8; mov edx, 0x3f8; rep outsb; mov edx, DEBUG_EXIT; out dx, eax; hlt
STAMP_ON_ENTRY = bytes.fromhex(f"0f31 52 50 89e6 b908000000 baf8030000 f36e 31c0 ba{DEBUG_EXIT:02x}000000 ef f4")


def run(layout: Layout, image: bytes, *arguments: str, memory: int = MEMORY) -> bytes:
    """Return what a machine wrote until it ended."""
    with Qemu(make_image_file(layout, image), memory=memory, arguments=arguments) as machine:
        assert machine.wait() is Verdict.DONE, bytes(machine.console)
        return bytes(machine.console)


def counted(layout: Layout, programs: dict[str, bytes]) -> tuple[int, int, int]:
    """Return the instructions of a null system call by `int`, and by the fast entry, and those up to a program's main.

    These last are from the 32-bit entry on, to the first program.
    """
    members = {"etc/init": b"stamps\n", **programs}
    image = make_image(layout, make_payload(members), compiled(layout))
    figures = figures_in(run(layout, image, *BY_INSTRUCTIONS))
    entered = run(layout, STAMP_ON_ENTRY + image[len(STAMP_ON_ENTRY) :], *BY_INSTRUCTIONS)
    return figures["call"], figures["fast"], figures["started"] - int.from_bytes(entered[:8], "little")


def figures_in(text: bytes) -> dict[str, int]:
    """Return the figures of lines `name number`."""
    lines = (line.partition(" ") for line in text.decode().splitlines())
    return {name: int(value) for name, _, value in lines if value.isdigit()}


def memory(layout: Layout, programs: dict[str, bytes], installed: int) -> dict[str, int]:
    """Return the instructions of what is done to memory and processes, on a machine with that much memory."""
    others = {f"other{number:03}": b"" for number in range(OTHERS)}
    members = {"etc/init": b"memory\n", **programs, **others, "zzz_nothing": programs["nothing"]}
    image = make_image(layout, make_payload(members), compiled(layout))
    figures = figures_in(run(layout, image, *BY_INSTRUCTIONS, memory=installed))
    for name in ("fork", "round"):
        figures[f"{name}_slope"] = (figures[f"many_{name}"] - figures[f"some_{name}"]) // 512
    return figures


def crowd(layout: Layout, programs: dict[str, bytes], count: int) -> dict[str, int]:
    """Return the instructions of what is done to one process while so many others, its siblings, sleep."""
    members = {"etc/init": f"crowd {count}\n".encode(), **programs}
    image = make_image(layout, make_payload(members), compiled(layout))
    return figures_in(run(layout, image, *BY_INSTRUCTIONS, memory=CROWD_MEMORY))


def messages(layout: Layout, programs: dict[str, bytes]) -> dict[str, int]:
    """Return the instructions of messages between two processes."""
    image = make_image(layout, make_payload({"etc/init": b"messages\n", **programs}), compiled(layout))
    return figures_in(run(layout, image, *BY_INSTRUCTIONS))


def libraries(layout: Layout, programs: dict[str, bytes]) -> dict[str, int]:
    """Return the instructions of loading a library that another process has, of unloading it, and of calls."""
    members = {"etc/init": b"stubs\n", **programs, **payload_libraries(TARGETS[layout.paging.word_bits])}
    image = make_image(layout, make_payload(members), compiled(layout))
    return figures_in(run(layout, image, *BY_INSTRUCTIONS))


def threads(layout: Layout, programs: dict[str, bytes]) -> dict[str, int]:
    """Return the instructions of what threads do, and do with each other."""
    image = make_image(layout, make_payload({"etc/init": b"threads\n", **programs}), compiled(layout))
    return figures_in(run(layout, image, *BY_INSTRUCTIONS))


def first_output(layout: Layout, programs: dict[str, bytes]) -> float:
    """Return the seconds from starting QEMU to the first byte of a program."""
    image = make_image(layout, make_payload({"etc/init": b"stamps\n", **programs}), compiled(layout))
    file = make_image_file(layout, image)
    return statistics.median(_time_to(b"started", file) for _ in range(REPEATS))


def _time_to(text: bytes, file: bytes) -> float:
    """Return the seconds from starting QEMU until the console has shown a text."""
    said, seen = bytearray(), []

    def note(data: bytes) -> None:
        said.extend(data)
        if text in said and not seen:
            seen.append(time.perf_counter())

    start = time.perf_counter()
    with Qemu(file, memory=MEMORY, output=note) as machine:
        machine.wait()
    return seen[0] - start
