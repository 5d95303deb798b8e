"""What Keelback costs, measured on this run: `make bench`.

Times are medians of several runs in this run's own processes; rates are of interpreted kernels without checks.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from keelback.cli.programs import payload_programs
from keelback.image.payload import make_payload
from keelback.image.programs import build_programs
from keelback.kernel.layout import MICROKERNEL
from keelback.machine.boot_loader import make_image
from keelback.machine.interpreted import InterpretedPc
from keelback.machine.pc import Outcome, SimulatedPc
from keelback.user import RUNTIME

MEMORY = 64 << 20
REPEATS = 5
PROGRAMS = Path(__file__).parent / "programs"
FIRST_INSTRUCTION = """
from keelback.cli.session import Session
session = Session(["hello"], memory=64 << 20, check=False)
session.pc.boot()
session.pc.step()
"""


def start_up() -> float:
    """Return the seconds from starting a Python process to hello's first trap, its programs built before."""
    payload_programs(MICROKERNEL.image_base)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", FIRST_INSTRUCTION], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def run(programs: dict[str, bytes], *lines: str) -> tuple[float, SimulatedPc]:
    """Return the seconds that the lines took from boot to power-off, and the machine; the median run of several."""
    members = {"etc/init": "".join(line + "\n" for line in lines).encode(), **programs}
    image = make_image(MICROKERNEL, make_payload(members))
    runs = []
    for _ in range(REPEATS):
        pc = InterpretedPc(MICROKERNEL, image, memory=MEMORY)
        pc.boot()
        start = time.perf_counter()
        assert pc.run() is Outcome.POWERED_OFF
        runs.append((time.perf_counter() - start, pc))
    return sorted(runs, key=lambda each: each[0])[REPEATS // 2]


def main() -> None:
    """Print all figures."""
    sources = sorted(PROGRAMS.glob("*.c"))
    programs = build_programs(sources, runtime=RUNTIME, image_base=MICROKERNEL.image_base)
    print(f"start to first user instruction, programs built   {start_up():10.2f} s")
    seconds, _ = run(programs, "calls 30000")
    print(f"interpreted null system calls                     {30000 / seconds:10,.0f} /s")
    seconds, _ = run(programs, "yields 10000", "yields 10000")
    print(f"interpreted yields with a switch of spaces        {20000 / seconds:10,.0f} /s")
    seconds, pc = run(programs, *["calls 1"] * 50)
    print(f"interpreted exits, all memory freed               {50 / seconds:10,.0f} /s")
    seconds, pc = run(programs, "spin 20000000")
    print(f"user instructions, in registers                   {pc.time / seconds / 1e6:10,.1f} million/s")
    seconds, pc = run(programs, "walk 500")
    print(f"user instructions, loads and stores               {pc.time / seconds / 1e6:10,.1f} million/s")


main()
