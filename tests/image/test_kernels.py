"""Compiled kernels are kept, as long as they are what our files say."""

import pickle
import threading
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from keelback.compiler.errors import CompileError
from keelback.errors import UserError
from keelback.image import compiled as compiling_kernels
from keelback.image import kernels
from keelback.image.kernel_image import CompiledKernel, check_room
from keelback.image.kernels import NoBase, base_of, compiled, compiled_to_run, compiling
from keelback.image.toolchain import ToolchainError
from keelback.kernel.layout import LAYOUTS, MICROKERNEL
from keelback.kernel.memory.frames import Frames
from keelback.lang import u32


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


SHORT, LONG = (CompiledKernel({"kernel.o": bytes(size)}) for size in (100, 101))


def refusal(rule):
    return CompileError(rule, "Kernel Python has no lists", "own.py", 1, 1)


def again(layout):
    """Return the kernel as another process would get it."""
    return compiled.__wrapped__(layout)


def test_a_kernel_is_compiled_once_for_each_layout(builds):
    made = {layout.name: [again(layout), again(layout)] for layout in LAYOUTS}
    assert builds == [layout.name for layout in LAYOUTS]
    for name, (first, second) in made.items():
        assert first == second and first.objects == {"kernel.o": name.encode(), "more.o": b""}
        assert first.sections == (("a section", 0x1000),)


@pytest.mark.parametrize("method", ["share", "__init__"])
def test_a_kernel_that_was_changed_is_never_kept(builds, method):
    before = getattr(Frames, method)
    with pytest.MonkeyPatch.context() as change:
        change.setattr(Frames, method, lambda self, *given: before(self, *given))
        again(MICROKERNEL)
    again(MICROKERNEL)
    again(MICROKERNEL)
    assert builds == ["microkernel", "microkernel"]


def to_run(layout, made=None, refused=None):
    """Return the kernel to run of a layout with another method, of which `made` or `refused` is compiled again."""

    def compile_again(_layout, _base):
        if refused is not None:
            raise refused
        return made

    with pytest.MonkeyPatch.context() as change:
        change.setattr(Frames, "share", lambda self, frame: True)
        change.setattr(kernels, "base_of", lambda layout: None)
        change.setattr(kernels, "compiled_again", compile_again)
        change.setattr(kernels, "text_of", lambda layout, kernel: check_room("text", kernel.objects["kernel.o"], 100))
        change.setattr(kernels, "places_of", lambda layout, kernel: b"")
        change.setattr(kernels, "compiled", compiled.__wrapped__)
        return compiled_to_run.__wrapped__(layout)


def test_a_kernel_to_run_is_compiled_again_where_a_method_is_another(builds):
    assert to_run(MICROKERNEL, SHORT) is SHORT and builds == []


def test_a_kernel_to_run_is_the_whole_where_that_compiled_again_is_too_large(builds):
    assert to_run(MICROKERNEL, LONG).objects["kernel.o"] == b"microkernel" and builds == ["microkernel"]


def test_a_kernel_to_run_is_the_whole_where_that_compiled_again_takes_too_much_stack(builds):
    assert to_run(MICROKERNEL, refused=refusal("stack")).objects["kernel.o"] == b"microkernel"
    with pytest.raises(CompileError, match="no lists"):
        to_run(MICROKERNEL, refused=refusal("expressions"))
    assert builds == ["microkernel"]


@pytest.fixture
def processes(monkeypatch):
    """Return the commands of the processes that are to compile a kernel, each of which fails."""
    seen = []
    monkeypatch.setattr(
        kernels, "run_tool", lambda command: seen.append(command) or CompletedProcess(command, 2, b"", b"no")
    )
    monkeypatch.setattr(kernels, "kept_build", lambda *key, build: build())
    return seen


def test_another_process_compiles_what_a_kernel_is_compiled_again_from(processes, monkeypatch):
    def share(self, frame: u32) -> bool:
        return frame > 0

    monkeypatch.setattr(Frames, "share", share)
    with pytest.raises(NoBase, match="no"):
        base_of.__wrapped__(MICROKERNEL)
    [[*_, module, layout]] = processes
    assert module == "keelback.image.base" and pickle.loads(bytes.fromhex(layout)) == MICROKERNEL


def test_what_the_compiler_refuses_is_told_before_another_process_compiles(processes, monkeypatch):
    def share(self, frame: u32) -> bool:
        return bool([frame])

    monkeypatch.setattr(Frames, "share", share)
    with pytest.raises(CompileError, match="no list"):
        compiled_to_run.__wrapped__(MICROKERNEL)
    assert processes == []


def test_a_kernel_is_compiled_meanwhile(builds, monkeypatch):
    monkeypatch.setattr(kernels, "compiled", cache(compiled.__wrapped__))
    done = threading.Event()
    monkeypatch.setattr(kernels, "is_as_written", lambda kernel: done.wait(20))  # for what the caller does
    with compiling(kernels.compiled, MICROKERNEL):
        done.set()
    assert kernels.compiled(MICROKERNEL) is kernels.compiled(MICROKERNEL) and builds == ["microkernel"]


def test_what_the_caller_does_meanwhile_fails_first():
    def refuse(_layout):
        raise ToolchainError(Path("kernel.c"), "does not compile", "")

    with pytest.raises(UserError, match="no program"), compiling(refuse, MICROKERNEL):
        raise UserError("no program")
    with pytest.raises(ToolchainError), compiling(refuse, MICROKERNEL):
        pass
