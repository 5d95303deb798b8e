"""Software interrupts by gates that the kernel never makes: what the simulated PC does, and QEMU."""

import re
import struct
from contextlib import nullcontext

import pytest

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL
from keelback.lang import address_of
from keelback.machine.observed import observe
from keelback.machine.qemu.observed_qemu import ObservedQemu
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from support import MIB, c_program

PROTECTION, NOT_PRESENT = "general protection fault", "segment not present"
GATES = {
    0x90: (0, PROTECTION),  # no gate
    0x91: (0x6E00, NOT_PRESENT),  # for users, not present
    0x92: (0x0E00, PROTECTION),  # for ring 0, not present
    0x93: (0x8E00, PROTECTION),  # for ring 0
    0x94: (0xEC00, PROTECTION),  # a call gate
    0x95: (0x6C00, PROTECTION),  # a call gate that is not present
}
PROGRAM = "int main(void)\n{\n    struct ending ending;\n\n" + "".join(
    f'    if (sys_fork_child() == 0)\n        asm volatile("int ${vector}");\n    sys_wait(-1, &ending);\n'
    for vector in GATES
) + "    return 0;\n}\n"  # fmt: skip


def machine(name):
    payload = make_payload({"etc/init": b"it", "it": c_program(PROGRAM)})
    image = make_image(MICROKERNEL, payload, None if name == "interpreted" else compiled(MICROKERNEL))
    if name == "QEMU":
        return ObservedQemu(make_image_file(MICROKERNEL, image), memory=8 * MIB)
    return nullcontext((CompiledPc if name == "compiled" else InterpretedPc)(MICROKERNEL, image, memory=8 * MIB))


@pytest.mark.parametrize("name", ["interpreted", "compiled", "QEMU"])
def test_an_int_fails_by_kind_then_level_then_presence_of_its_gate(name):
    def set_gates():
        gates = address_of(look(MICROKERNEL, told.contents).interrupts.table)
        for vector, (kind, _) in GATES.items():
            struct.pack_into("<H", told.contents, gates + 8 * vector + 4, kind)

    with machine(name) as told:
        observe(told, at_booted=set_gates)
        found = re.findall(r"killed: ([a-z ]+)", told.console.decode())
    assert found == [why for _, why in GATES.values()]
