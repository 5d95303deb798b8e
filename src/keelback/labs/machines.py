"""The machines of a lab's trials: each with the trial's programs, one with the right kernel, one with a student's."""

from collections.abc import Sequence
from functools import cache, partial

from keelback.image.c_options import NO_C_OPTIONS, OURS
from keelback.image.images import make_image
from keelback.image.kernel_image import CompiledKernel
from keelback.image.kernels import compiled
from keelback.image.libraries import build_library
from keelback.image.own_sources import BUILT_FROM, kept_build
from keelback.image.payload import make_payload
from keelback.image.programs import build_program
from keelback.image.toolchain import TARGETS
from keelback.labs.lab import Lab, Trial
from keelback.machine.simulated.compiled import CompiledPc
from keelback.user import RUNTIME


@cache
def payload_of(lab: Lab, lines: tuple[str, ...]) -> bytes:
    """Return the payload that starts programs of a lab, lines of a name and an argument.  Raises: ToolchainError."""
    layout, target = lab.layout, TARGETS[lab.layout.paging.word_bits]
    members = {"etc/init": "".join(line + "\n" for line in lines).encode()}
    for name in dict.fromkeys(line.split()[0] for line in lines):
        members[name] = build_program(
            lab.program(name),
            runtime=RUNTIME,
            image_base=layout.image_base,
            options=NO_C_OPTIONS if lab.is_own(name) else OURS,  # as the commands build them
            target=target,
        )
    for name in lab.libraries:
        source = lab.library(name)
        members[name] = kept_build(
            BUILT_FROM, "library", name, target, build=partial(build_library, source, runtime=RUNTIME, target=target)
        )
    return make_payload(members)


class Machines:
    """Makes the machines of a lab with one kernel."""

    def __init__(self, lab: Lab, kernel: CompiledKernel | None = None, *, seed: int | None = None) -> None:
        """Take a compiled kernel, else the right one; a seed decides when ticks come.  Raises: ToolchainError."""
        self.lab = lab
        self.seed = seed
        self.kernel = kernel if kernel is not None else compiled(lab.layout)
        self._images: dict[Sequence[str], bytes] = {}

    def make(self, trial: Trial) -> CompiledPc:
        """Return a machine that is not booted.  Raises: ToolchainError; ImageTooLarge."""
        lines = trial.programs
        if lines not in self._images:
            self._images[lines] = make_image(self.lab.layout, payload_of(self.lab, lines), self.kernel)
        made = CompiledPc(self.lab.layout, self._images[lines], memory=self.lab.memory)
        made.timer.seed = self.seed
        return made
