"""The call `uptime`: ticks since the kernel started, in 64 bits, by the stubs of both languages."""

import pytest

from keelback.abi.errors import BadAddress
from keelback.abi.records import Uptime
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.image.python_programs import build_python_program
from keelback.kernel.layout import MICROKERNEL
from keelback.lang import freeze, i32, u32, word
from keelback.machine.qemu.qemu import Qemu, Verdict
from keelback.user import RUNTIME
from keelback.user.in_cpython import PythonKernel, make_program
from keelback.user.system import Program
from kernel.driven import BSS, LIVES, Call, driven
from support import c_program


@pytest.mark.parametrize("life", LIVES)
def test_all_64_bits_of_the_ticks_are_told(life):
    machine = driven(life=life)
    clock = machine.pc.kernel.scheduler.timer.clock
    for ticks in (0, 7, 0xFFFF_FFFF, 0x1_0000_0000, 0x1234_5678_9ABC_DEF0):
        clock.ticks = ticks
        assert machine.call(Call.UPTIME, BSS) == 0
        assert bytes(machine.read(BSS + index) for index in range(8)) == ticks.to_bytes(8, "little")


@pytest.mark.parametrize("address", [0, MICROKERNEL.kernel_start, 0xFFFF_FFFC, MICROKERNEL.user_end - 4])
def test_an_address_that_is_not_the_callers_is_refused(address):
    assert driven().call(Call.UPTIME, address) == BadAddress.number


class Clock(Program):
    """Tells that time goes on while it sleeps."""

    def __init__(self, ram, records, kernel):
        super().__init__(ram, records, kernel)
        self.uptime = records.struct(Uptime)

    def main(self, argument: word) -> i32:
        """Sleep three ticks."""
        self.system.uptime(self.uptime)
        before: u32 = self.uptime.ticks & 0xFFFF_FFFF
        self.system.sleep(3)
        self.system.uptime(self.uptime)
        slept: u32 = (self.uptime.ticks - before) & 0xFFFF_FFFF
        self.output.write(f"{slept}\n")
        return 0


IN_C = """
int main(void)
{
    struct uptime before, after;

    if (sys_uptime(&before) != 0 || sys_sleep(3) != 0 || sys_uptime(&after) != 0)
        return 1;
    print_unsigned((uint32_t)(after.ticks - before.ticks));
    print("\\n");
    return (int)sys_uptime(NULL) != ERROR_BAD_ADDRESS;
}
"""


def test_a_sleep_lasts_as_long_as_the_stubs_of_both_languages_say_on_qemu():
    clock, ram = make_program(Clock)
    freeze(clock)
    python = build_python_program("clock", clock, ram, runtime=RUNTIME, image_base=MICROKERNEL.image_base)
    members = {"etc/init": b"c\npython\n", "c": c_program(IN_C), "python": python}
    image = make_image(MICROKERNEL, make_payload(members), compiled(MICROKERNEL))
    with Qemu(make_image_file(MICROKERNEL, image), memory=64 << 20) as machine:
        assert machine.wait() is Verdict.DONE
        lines = bytes(machine.console).decode().splitlines()
    assert all(3 <= int(line) < 100 for line in lines[-2:])


def test_the_kernel_for_unit_tests_has_no_clock():
    clock, _ = make_program(Clock, PythonKernel())
    assert clock.system.uptime(clock.uptime) == 0xFFFF_FFFF
