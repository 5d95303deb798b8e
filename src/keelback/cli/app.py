"""The commands of `keelback` and their options."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from keelback.cli.sizes import memory_size, qemu_memory_size
from keelback.errors import UserError

LONGEST_COMMAND_LINE = 2047


class Life(StrEnum):
    """Who runs the kernel."""

    INTERPRETED = "interpreted"
    COMPILED = "compiled"


class Machine(StrEnum):
    """Where the kernel runs."""

    SIMULATED = "simulated"
    QEMU = "qemu"


class LayoutName(StrEnum):
    """Which published layout the kernel has."""

    MICROKERNEL = "microkernel"
    USERMODE = "usermode"


class Shown(StrEnum):
    """What `keelback compile` shows."""

    C = "c"


Programs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PROGRAM",
        show_default=False,
        help="What to start: a name from the payload or the path of an ELF or C file, each with an argument string "
        'if you like ("primes 1000").',
    ),
]

LifeOption = Annotated[
    Life | None,
    typer.Option(
        help="Which life of the kernel: in this Python, or compiled to machine code.",
        show_default="interpreted; compiled on QEMU",
    ),
]
LayoutOption = Annotated[LayoutName, typer.Option(help="Where everything lies: a published layout.")]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def keelback(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.", is_eager=True)] = False,
) -> None:
    """A microkernel and process manager in Python, centred on virtual memory.

    The exit status is 0 when all went well, 1 when a program ended badly, 2 for a mistake in the command or its files
    or a tool that is missing or fails, 3 when the kernel itself was found wrong, 4 when the host has no memory or no
    room, and 128 + n when signal n ended it: 130 for control-C.
    """
    if version:
        from keelback import __version__

        print(f"keelback {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def run(
    programs: Programs = None,
    machine: Annotated[
        Machine, typer.Option(help="Which machine: the simulated PC, or QEMU, which runs the compiled kernel.")
    ] = Machine.SIMULATED,
    kernel: LifeOption = None,
    layout: LayoutOption = LayoutName.MICROKERNEL,
    memory: Annotated[str, typer.Option(help="How much memory the machine has.")] = "64M",
    cpu: Annotated[
        str | None, typer.Option(help="QEMU's name of the CPU, as for its own -cpu.", show_default="max,-smap")
    ] = None,
    append: Annotated[
        str, typer.Option(metavar="TEXT", help="The kernel's command line: init=, memory=, console=.")
    ] = "",
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Check the kernel as it runs: all invariants after each of the first 1,000 traps, then after every "
            "64th and at the end; in the interpreted life also integers, memory accesses and TLB invalidations.",
        ),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print every trap, on standard error.")] = False,
) -> None:
    """Boot the kernel and run programs.

    Without any, a short tour.

    The exit status is 0 when every program ended well, 1 when one did not, 2 for a mistake in the command and 3 when
    the kernel itself was found wrong.
    """
    from keelback.cli.run import run_programs, run_qemu

    if len(os.fsencode(append)) > LONGEST_COMMAND_LINE:
        raise UserError(
            f"--append has {len(os.fsencode(append))} bytes; a command line has at most {LONGEST_COMMAND_LINE}"
        )
    if machine is Machine.SIMULATED:
        if cpu is not None:
            raise UserError("--cpu names a CPU of QEMU's; the simulated PC has one of its own")
        status = run_programs(
            programs or [],
            layout=layout,
            compiled=kernel is Life.COMPILED,
            memory=memory_size(memory),
            command_line=append,
            check=check,
            verbose=verbose,
        )
    elif kernel is Life.INTERPRETED or check or verbose:
        raise UserError("QEMU runs the compiled kernel, without --check and --verbose; try --machine simulated")
    else:
        size = qemu_memory_size(memory)
        status = run_qemu(programs or [], layout=layout, memory=size, cpu=cpu, command_line=append)
    raise typer.Exit(status)


@app.command()
def compare(
    programs: Programs = None,
    layout: LayoutOption = LayoutName.MICROKERNEL,
    memory: Annotated[
        str | None,
        typer.Option(help="How much memory the machines have.", show_default="8M; 16M with the usermode layout"),
    ] = None,
) -> None:
    """Run programs in both lives, and compare all RAM.

    That is after every trap of the interpreted and of the compiled kernel.

    Without a program, all of the payload.  The exit status is 0 when both are equal and 1 when they are not; then the
    first difference is told by name, with both values.
    """
    from keelback.cli.compare import compare_lives

    size = memory_size(memory or ("16M" if layout is LayoutName.USERMODE else "8M"))
    raise typer.Exit(compare_lives(programs or [], layout=layout, memory=size))


@app.command()
def story(
    machine: Annotated[Machine, typer.Option(help="Which machine: the simulated PC, or QEMU.")] = Machine.SIMULATED,
    kernel: LifeOption = None,
    memory: Annotated[str, typer.Option(help="How much memory the machine has.")] = "64M",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Tell how user-mode paging works, in five steps.

    They are those of a running kernel with the usermode layout.  A `+` marks a row that was not there a step before.

    After each step it prints who has which addresses, physical and virtual, as the machine's memory says: a kernel,
    two processes, and a library that both have at addresses of their own.
    """
    from keelback.cli.story import tell_on_qemu, tell_on_simulated_pc

    if machine is Machine.SIMULATED:
        compiled = kernel is Life.COMPILED
        status = tell_on_simulated_pc(compiled=compiled, memory=memory_size(memory), as_json=as_json)
    elif kernel is Life.INTERPRETED:
        raise UserError("QEMU runs the compiled kernel; try --machine simulated")
    else:
        status = tell_on_qemu(memory=qemu_memory_size(memory), as_json=as_json)
    raise typer.Exit(status)


@app.command()
def layouts(
    live: Annotated[bool, typer.Option("--live", help="Boot a simulated PC and draw what it has.")] = False,
    layout: Annotated[
        LayoutName | None,
        typer.Option(help="Which published layout.", show_default="all; microkernel with --live"),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="With --live: how much memory that machine has.", show_default="64M")
    ] = None,
) -> None:
    """Draw where everything lies.

    Each layout from its constants, or the boundaries of a running machine of one.
    """
    from keelback.cli.layouts import show_layouts, show_live

    if live:
        raise typer.Exit(show_live(layout or LayoutName.MICROKERNEL, memory_size(memory or "64M")))
    if memory is not None:
        raise UserError("--memory is of a running machine; say --live, too")
    raise typer.Exit(show_layouts(layout))


@app.command("compile")
def compile_kernel(
    functions: Annotated[
        list[str] | None,
        typer.Argument(metavar="FUNCTION", show_default=False, help="Names in C, which may have wildcards."),
    ] = None,
    show: Annotated[
        Shown | None, typer.Option(help="What to show of the functions: their Python, and beside it this.")
    ] = None,
    layout: LayoutOption = LayoutName.MICROKERNEL,
) -> None:
    """Compile the kernel, and show what becomes of it.

    It lists the functions, or prints some.
    """
    from keelback.cli.compile import list_functions, show_c

    if show is None or not functions:
        raise typer.Exit(list_functions(layout, functions or ["*"]))
    raise typer.Exit(show_c(layout, functions))


@app.command("gdb")
def debug(
    programs: Programs = None,
    layout: LayoutOption = LayoutName.MICROKERNEL,
    memory: Annotated[str, typer.Option(help="How much memory the machine has.")] = "64M",
    files: Annotated[
        list[Path] | None,
        typer.Option("--command", "-x", metavar="FILE", show_default=False, help="Let gdb execute a file first."),
    ] = None,
    lines: Annotated[
        list[str] | None,
        typer.Option("--execute", "-e", metavar="COMMAND", show_default=False, help="Let gdb execute a command first."),
    ] = None,
    batch: Annotated[bool, typer.Option("--batch", help="End after these, instead of asking what to do.")] = False,
) -> None:
    """Debug the compiled kernel with gdb, on QEMU.

    It shows Python's lines and values.  Without a program, the machine runs the tour's.

    gdb starts at the kernel's first instruction and knows Python's files and lines; print takes Python expressions
    over the kernel's parts and the locals: print processes[1].state.  The exit status is gdb's.
    """
    from keelback.cli.gdb import debug_programs

    arguments = [f"--command={file}" for file in files or []] + [f"--eval-command={line}" for line in lines or []]
    if batch:
        arguments.append("--batch")
    size = qemu_memory_size(memory)
    raise typer.Exit(debug_programs(programs or [], layout=layout, memory=size, arguments=arguments))


@app.command()
def build(
    programs: Programs = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", show_default=False, help="The file to write: keelback.img, or keelback.iso."),
    ] = None,
    iso: Annotated[bool, typer.Option("--iso", help="Make a GRUB rescue ISO that boots the image.")] = False,
    append: Annotated[
        str | None, typer.Option(show_default=False, help="The command line that the ISO gives the kernel.")
    ] = None,
    layout: LayoutOption = LayoutName.MICROKERNEL,
) -> None:
    """Build the kernel image file, or a rescue disc.

    Boot loaders load it.  Without a program, it has the tour's.

    The same programs make the same bytes, wherever and whenever it is built.
    """
    from keelback.cli.build import IMAGE, ISO, build_disc, build_file

    if iso:
        raise typer.Exit(build_disc(programs or [], layout, output or ISO, append or ""))
    if append is not None:
        raise UserError("--append: only with --iso; whoever boots an image file gives it a command line")
    raise typer.Exit(build_file(programs or [], layout, output or IMAGE))


image = typer.Typer(rich_markup_mode=None)
app.add_typer(image, name="image")


@image.callback(invoke_without_command=True)
def look_at_images(context: typer.Context) -> None:
    """Look at kernel image files."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@image.command()
def show(file: Annotated[Path, typer.Argument(show_default=False, help="A kernel image file.")]) -> None:
    """Print the parts, headers and payload of a kernel image file.

    A file that is truncated, changed or no kernel image at all is refused, with status 2.
    """
    from keelback.cli.image import show_image

    raise typer.Exit(show_image(file))
