"""Compiled kernels are kept, as long as they are what our files say."""

import threading
from functools import cache
from pathlib import Path

import pytest

from keelback.errors import UserError
from keelback.image import compiled as compiling_kernels
from keelback.image import kernels
from keelback.image.kernel_image import CompiledKernel
from keelback.image.kernels import compiled, compiling
from keelback.image.toolchain import ToolchainError
from keelback.kernel.layout import LAYOUTS, MICROKERNEL
from keelback.kernel.memory.frames import Frames


@pytest.fixture
def builds(monkeypatch, tmp_path):
    """Return how often a kernel has been compiled, by what, with a cache of its own."""
    monkeypatch.setenv("KEELBACK_CACHE", str(tmp_path))
    seen = []

    def compile_kernel(kernel, ram, entries, *, flags=(), prove=None):
        seen.append(kernel.layout.name)
        return CompiledKernel({"kernel.o": kernel.layout.name.encode(), "more.o": b""}, (("a section", 0x1000),))

    monkeypatch.setattr(compiling_kernels, "compile_kernel", compile_kernel)
    return seen


def again(layout):
    """Return the kernel as another process would get it."""
    return compiled.__wrapped__(layout)


def test_a_kernel_is_compiled_once_for_each_layout(builds):
    made = {layout.name: [again(layout), again(layout)] for layout in LAYOUTS}
    assert builds == [layout.name for layout in LAYOUTS]
    for name, (first, second) in made.items():
        assert first == second and first.objects == {"kernel.o": name.encode(), "more.o": b""}
        assert first.sections == (("a section", 0x1000),)


def test_a_kernel_that_was_changed_is_never_kept(builds):
    with pytest.MonkeyPatch.context() as change:
        change.setattr(Frames, "share", lambda self, frame: True)
        again(MICROKERNEL)
    again(MICROKERNEL)
    again(MICROKERNEL)
    assert builds == ["microkernel", "microkernel"]


def test_a_kernel_is_compiled_meanwhile(builds, monkeypatch):
    monkeypatch.setattr(kernels, "compiled", cache(compiled.__wrapped__))
    done = threading.Event()
    monkeypatch.setattr(kernels, "is_as_written", lambda kernel: done.wait(20))  # for what the caller does
    with compiling(MICROKERNEL):
        done.set()
    assert kernels.compiled(MICROKERNEL) is kernels.compiled(MICROKERNEL) and builds == ["microkernel"]


def test_what_the_caller_does_meanwhile_fails_first(monkeypatch):
    def refuse(_layout):
        raise ToolchainError(Path("kernel.c"), "does not compile", "")

    monkeypatch.setattr(kernels, "compiled", refuse)
    with pytest.raises(UserError, match="no program"), compiling(MICROKERNEL):
        raise UserError("no program")
    with pytest.raises(ToolchainError), compiling(MICROKERNEL):
        pass
