"""User programs in Kernel Python, compiled to static ELF files like those in C."""

from pathlib import Path
from typing import Any

from keelback.compiler import compile_program
from keelback.image.compiled import build_object
from keelback.image.programs import build_runtime, program_script
from keelback.image.toolchain import link_elf
from keelback.lang.component import Component
from keelback.lang.ram import Ram


def build_python_program(name: str, root: Component, ram: Ram, *, runtime: Path, image_base: int) -> bytes:
    """Compile a program in Kernel Python, a frozen component with a `main`, to an ELF file.

    Its static records are its data; the C runtime starts it.
    Raises: CompileError; ToolchainError; ValueError when the image base is not the start of a page.
    """
    main: Any = root
    compiled = compile_program(root, ram, {"main": main.main})
    objects = {f"{name}.o": build_object(compiled, name)}
    script = program_script(image_base)
    return link_elf(objects, script, library=build_runtime(runtime), flags=["--strip-debug"])
