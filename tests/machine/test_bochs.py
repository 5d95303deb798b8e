"""Bochs: the rescue disc boots there too, and the hostile programs find nothing on a CPU that is not QEMU's."""

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import termios
import time
from contextlib import suppress

import pytest

from keelback.cli.libraries import payload_libraries
from keelback.image.images import make_image, make_image_file
from keelback.image.iso import build_iso
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.kernel.layout import MICROKERNEL
from kernel.test_panics import DOUBLE_FAULTS, faulting_image
from support import c_program, payload_programs

INSTALL = "apt-get install -y bochs bochs-term bochsbios vgabios"
LIMIT = 100  # seconds; ten on a quiet host
CONFIGURATION = """\
megs: 64
cpu: model=core2_penryn_t9600, ips=50000000
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=keelback.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=serial
display_library: term
clock: sync=none
sound: driver=dummy
speaker: enabled=0
log: log
"""
# Bochs writes the serial line's file in blocks: the last program fills one behind what is looked at.
PROGRAM = """
static int ends_by(int child)
{
    struct ending ending;
    sys_wait(child, &ending);
    return ending.how == FAULTED ? ending.status : -ending.status;
}
int main(void)
{
    int child = sys_fork_child();
    if (child == 0) {
        __asm__ volatile("pushl $0x23; pushl %esp; pushl $0x20202; pushl $0x1b; pushl $1f; iretl; 1: nop");
        sys_exit(7);
    }
    print("virtual-8086 mode: "); print_number(ends_by(child)); print("\\n");
    child = sys_fork_child();
    if (child == 0)
        __asm__ volatile("movl $7, %eax; movl %eax, %ds");
    print("a local descriptor: "); print_number(ends_by(child)); print("\\n");
    print("hostile: "); print_number(ends_by(sys_spawn("hostile", ""))); print("\\n");
    for (int i = 0; i < 8192; i++)
        print(".");
    return 0;
}
"""


@pytest.fixture
def bochs():
    found = shutil.which("bochs")
    assert found, f"there is no bochs on this machine: {INSTALL}"
    return found


def run(bochs, folder, image, until):
    """Boot a disc with an image until the serial line has said something; return what it has said."""
    (folder / "keelback.iso").write_bytes(build_iso(make_image_file(MICROKERNEL, image)))
    (folder / "bochsrc").write_text(CONFIGURATION)
    (folder / "go").write_text("c\n")  # Debian's Bochs stops in its debugger first
    serial, text = folder / "serial", ""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    command = [bochs, "-q", "-f", str(folder / "bochsrc"), "-rc", str(folder / "go")]
    process = subprocess.Popen(
        command, stdin=its, stdout=its, stderr=its, cwd=folder, env={**os.environ, "TERM": "xterm"}
    )
    os.set_blocking(ours, False)
    try:
        end = time.monotonic() + LIMIT
        while until not in text:
            assert process.poll() is None and time.monotonic() < end, f"{INSTALL}?\n{text}"
            time.sleep(0.1)
            with suppress(BlockingIOError):
                os.read(ours, 1 << 16)  # its screen, which must not fill up
            text = serial.read_text(errors="replace") if serial.exists() else ""
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(its)
    return text


def test_the_disc_boots_and_the_kernel_stands_all_that_hostile_programs_try(bochs, tmp_path):
    files = {"it": c_program(PROGRAM), **payload_programs(), **payload_libraries()}
    payload = make_payload({"etc/init": b"sleeper 2\nit\n", **files})
    text = run(bochs, tmp_path, make_image(MICROKERNEL, payload, compiled(MICROKERNEL)), "....")
    lines = text.splitlines()
    assert any(line.startswith("keelback: microkernel layout, ") for line in lines)
    assert "virtual-8086 mode: -7" in lines, "the flag is ignored, as the manual says"
    assert "a local descriptor: 13" in lines
    assert "hostile: the kernel stood it all" in lines
    assert text.count("sleeper: nap") == 3 and "no tick" not in text


def test_a_double_fault_has_a_task_of_its_own_and_says_so(bochs, tmp_path):
    """The code that serves traps is replaced by a stack pointer to nowhere, and a push."""
    code, address, *_ = DOUBLE_FAULTS["a stack that is nowhere"]
    image, place = faulting_image(code)
    lines = run(bochs, tmp_path, image, "eflags").splitlines()
    [told] = [line for line in lines if line.startswith("keelback: kernel panic")]
    assert told.startswith(f"keelback: kernel panic: double fault, error code 0x0, address {address:#010x}, cr3 0x00")
    assert any(line.startswith(f"  eip {place + 5:#010x}") for line in lines)
    assert any(line.endswith(f"esp {address + 4:#010x}") for line in lines)
